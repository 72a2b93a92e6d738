"""The load test of a registered model in AWS: a job of SageMaker Inference Recommender."""

from __future__ import annotations

import math
from typing import Any, Final

from constructs_lib.errors import ReleaseError
from constructs_lib.registration.request import RegistrationRequest
from constructs_lib.service_model import max_length

_WARM_UP_SECONDS: Final = 120
_SHORTEST_RAMP_MINUTES: Final = 10
_LONGEST_RAMP_MINUTES: Final = 60
"""A traffic phase of a custom load test takes 120 to 3,600 seconds (``Phase``)."""
_MOST_NEW_USERS: Final = 3
"""Users that join in a minute (Developer Guide, "Run a custom load test")."""
_MOST_INVOCATIONS_PER_MINUTE: Final = 30_000
"""Developer Guide, "Run a custom load test"; the service model has no such limit."""
_START_SECONDS: Final = 1800
"""How long an endpoint may take to start, and to be taken away again."""
_NAME_LENGTH: Final = 40
"""Leaves room for a version and a digest in the 64 characters of a job's name."""


class LoadTestRequestError(ReleaseError):
    """A load test that Inference Recommender would refuse."""


def load_test_request(request: RegistrationRequest) -> dict[str, Any]:
    """Render CreateInferenceRecommendationsJob's arguments, but for what a release adds.

    ``jobs/load_test.py`` adds the names, ARNs and the network. A user of the test sends one request
    after the other, so ``expected_tps`` needs as many of them as requests are under way at once
    when each takes ``max_latency_in_millisecond``, if the service lets so many join in an hour. The
    test ends early when 95 % of the requests no longer stay within that latency, when
    ``expected_tps`` is reached, or when more users bring no more requests.

    Source: Amazon SageMaker API Reference, ``RecommendationJobInputConfig`` and
    ``RecommendationJobStoppingConditions``.

    Raises:
        LoadTestRequestError: The service would refuse it.
    """
    load, types = request.load_test, request.inference_instance_types
    if len(types) > (most := max_length("EndpointInputConfigurations")):
        raise LoadTestRequestError(
            f"A load test takes at most {most} instance types; inference_instance_types"
            f" of the Payload section has {len(types)}. Remove some, or test without it."
        )
    if load.expected_tps * 60 > _MOST_INVOCATIONS_PER_MINUTE:
        raise LoadTestRequestError(
            f"A load test takes at most {_MOST_INVOCATIONS_PER_MINUTE:,} invocations a minute, that"
            f" is expected_tps {_MOST_INVOCATIONS_PER_MINUTE // 60}; expected_tps of the Payload"
            f" section is {load.expected_tps:,}. Lower it, or set load_test_in_aws to false:"
            " verification measures at any rate."
        )
    ramp = _ramp(math.ceil(load.expected_tps * load.max_latency_in_millisecond / 1000))
    warm_up = _phase(spawn_rate=0, seconds=_WARM_UP_SECONDS)
    return {
        "JobType": "Advanced",
        "JobDescription": f"Load test of {request.model_package_group_name}"[:128],
        "InputConfig": {
            "JobDurationInSeconds": (_START_SECONDS + _WARM_UP_SECONDS + ramp["DurationInSeconds"]),
            "TrafficPattern": {"TrafficType": "PHASES", "Phases": [warm_up, ramp]},
            "ResourceLimit": {"MaxNumberOfTests": len(types), "MaxParallelOfTests": len(types)},
            "EndpointConfigurations": [{"InstanceType": name} for name in types],
        },
        "StoppingConditions": {
            "MaxInvocations": load.expected_tps * 60,
            "ModelLatencyThresholds": [
                {"Percentile": "P95", "ValueInMilliseconds": load.max_latency_in_millisecond}
            ],
            "FlatInvocations": "Stop",
        },
    }


def job_name_prefix(model_package_group_name: str) -> str:
    """Start the names of the jobs of a group's versions."""
    return model_package_group_name[:_NAME_LENGTH].rstrip("-")


def _ramp(users: int) -> dict[str, int]:
    """Describe the phase in which users join until there are so many."""
    minutes = math.ceil((users - 1) / _MOST_NEW_USERS)
    minutes = min(max(minutes, _SHORTEST_RAMP_MINUTES), _LONGEST_RAMP_MINUTES)
    rate = min(max(math.ceil((users - 1) / minutes), 1), _MOST_NEW_USERS)
    return _phase(spawn_rate=rate, seconds=60 * minutes)


def _phase(*, spawn_rate: int, seconds: int) -> dict[str, int]:
    """Describe a phase: one user at first, and ``spawn_rate`` more of them each minute."""
    return {"InitialNumberOfUsers": 1, "SpawnRate": spawn_rate, "DurationInSeconds": seconds}
