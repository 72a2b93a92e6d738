"""Where a deployed definition registers, and what is listed of it."""

from __future__ import annotations

from itertools import islice
from typing import Any

from constructs_lib.aws.registry import RegistrationPlace, listed_versions, registration_places


def _step(name: str, kind: str, **arguments: Any) -> dict[str, Any]:
    return {"Name": name, "Type": kind, "Arguments": arguments}


def test_only_steps_that_register_are_places_those_behind_conditions_too() -> None:
    elsewhere = {"aws_region": "eu-west-1", "model_package_group_name": "group"}
    registers = _step("Registration-EU", "Lambda", action="register", **elsewhere)
    definition = {
        "Steps": [
            _step("Stage-EU", "Lambda", action="stage", **elsewhere),
            _step("Gate", "Condition", IfSteps=[registers]),
            _step("Registration-NA", "RegisterModel", ModelPackageGroupName="home"),
            {"Name": "LoadTest", "Type": "Lambda"},
        ]
    }

    assert list(registration_places(definition, "us-east-1")) == [
        RegistrationPlace("Registration-EU", "eu-west-1", "group"),
        RegistrationPlace("Registration-NA", "us-east-1", "home"),
    ]


class _Versions:
    """A client of a group of many versions; counts what is listed of it."""

    def __init__(self, count: int) -> None:
        self.calls = 0
        self._versions = list(range(count, 0, -1))

    def get_paginator(self, operation: str) -> _Versions:
        assert operation == "list_model_packages"
        return self

    def paginate(self, **arguments: Any) -> Any:
        size = arguments["PaginationConfig"]["PageSize"]
        for start in range(0, len(self._versions), size):
            self.calls += 1
            # Of one second, in no order.
            page = reversed(self._versions[start : start + size])
            yield {
                "ModelPackageSummaryList": [
                    {"ModelPackageVersion": each, "ModelPackageArn": f"arn/{each}"} for each in page
                ]
            }


def test_no_more_versions_are_listed_than_are_taken() -> None:
    client = _Versions(1000)

    newest = [each.version for each in islice(listed_versions(client, "group"), 5)]

    assert newest == [1000, 999, 998, 997, 996]
    assert client.calls == 1


def test_all_versions_come_in_as_few_calls_as_the_service_allows() -> None:
    client = _Versions(1000)

    listed = list(listed_versions(client, "group"))

    assert [each.version for each in listed] == list(range(1000, 0, -1))
    assert {each.approval_status for each in listed} == {"PendingManualApproval"}
    assert client.calls == 10
