"""Requests at a rate: which regions are asked, how often at most, and what came of it."""

from __future__ import annotations

import io
from threading import Lock
from typing import Any

from botocore.exceptions import ClientError

from local.rollback.traffic import Traffic
from tests.waiting import wait_until


class FakeRuntimes:
    """An AWS whose endpoint fails in one region."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bytes]] = []
        self.made: list[str] = []
        self._lock = Lock()

    def client(self, service: str, region: str | None = None) -> Any:
        assert service == "sagemaker-runtime"
        self.made.append(str(region))
        return _Runtime(self, str(region))


class _Runtime:
    def __init__(self, aws: FakeRuntimes, region: str) -> None:
        self._aws, self._region = aws, region

    def invoke_endpoint(self, **request: Any) -> dict[str, Any]:
        with self._aws._lock:
            self._aws.asked.append((self._region, request["Body"]))
        if self._region == "us-west-2":
            raise ClientError({"Error": {"Code": "ModelError", "Message": "no"}}, "InvokeEndpoint")
        return {"Body": io.BytesIO(b"{}")}


def traffic(aws: Any, per_second: float) -> Traffic:
    regions = ["eu-west-1", "us-west-2"]
    return Traffic(aws, "returns-risk", regions, b"{}", "application/json", per_second)


def test_each_region_is_asked_and_answers_are_counted() -> None:
    aws = FakeRuntimes()

    with traffic(aws, 1000) as asking:
        wait_until(lambda: len(aws.asked) > 40)

    assert aws.made == ["eu-west-1", "us-west-2"]  # a client takes longer than a request
    assert {region for region, _ in aws.asked} == {"eu-west-1", "us-west-2"}
    assert sum(asking.answered.values()) + sum(asking.failed.values()) == len(aws.asked)
    assert (set(asking.answered), set(asking.failed)) == ({"eu-west-1"}, {"us-west-2"})


def test_no_more_is_asked_than_the_rate_says() -> None:
    aws = FakeRuntimes()

    with traffic(aws, 0.001):
        wait_until(lambda: len(aws.asked) >= 2)

    assert len(aws.asked) == 2  # the first caller of each region; the others have yet to begin
