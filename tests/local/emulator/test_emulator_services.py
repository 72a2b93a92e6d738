"""How a request finds its service, and services that are imported before one comes."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from flask import Flask
from moto import backends

from local.emulator import services
from local.emulator.services import Dispatcher, Services


class CountedServices(Services):
    """Makes applications that answer nothing, and counts them."""

    def create_application(self, service: str) -> Flask:
        assert service not in made
        made.append(service)
        return Flask(service)


made: list[str] = []


@pytest.fixture
def dispatcher() -> Dispatcher:
    made.clear()
    return Dispatcher(CountedServices({}))


def signed(service: str, region: str = "us-east-1") -> dict[str, Any]:
    scope = f"AWS4-HMAC-SHA256 Credential=KEY/20261101/{region}/{service}/aws4_request, Sig"
    return {"PATH_INFO": "/", "HTTP_AUTHORIZATION": scope, "HTTP_HOST": "localhost:5000"}


def test_each_host_is_looked_for_once(
    dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, looked = list(backends.list_of_moto_modules()), list[str]()

    def look() -> list[str]:
        looked.append("folders")
        return known

    monkeypatch.setattr(backends, "list_of_moto_modules", look)

    first = [dispatcher.get_application(signed("sqs")).name for _ in range(3)]
    elsewhere = dispatcher.get_application(signed("sqs", "eu-west-1")).name
    other = dispatcher.get_application(signed("sns")).name

    assert (first, elsewhere, other) == (["sqs"] * 3, "sqs", "sns")
    assert made == ["sqs", "sns"]
    assert len(looked) == 3


def test_services_are_there_before_somebody_asks(dispatcher: Dispatcher) -> None:
    dispatcher.get_application(signed("sqs"))
    dispatcher.prepare()

    before = list(made)
    found = {dispatcher.get_application(signed(name)).name for name in ("s3", "lambda", "sqs")}

    assert found == {"s3", "awslambda", "sqs"}
    assert made == before


def test_prepared_services_are_named_as_moto_and_botocore_name_them() -> None:
    assert set(services._USED) <= set(backends.list_of_moto_modules())
    assert set(services._USED.values()) <= set(boto3.Session().get_available_services())
