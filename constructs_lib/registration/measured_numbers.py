"""What was measured of a registered model, as execution documents tell it.

``STEP_CONFIG`` keeps the members that orchestrators know; the numbers are in one of their own::

    "load_testing_info_map": {"expected_tps": 20, "max_latency_in_millisecond": 200, ...},
    "measured_load_testing_info_map": {"achieved_tps": 20.0, "latency_p99_in_millisecond": 3.1, ...}
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from constructs_lib.registration.execution_document import ExecutionDocumentError
from constructs_lib.registration.request import MEASURED_NUMBERS
from constructs_lib.s3_layout import bucket_and_key

MEASURED: Final = "measured_load_testing_info_map"
"""The member of ``STEP_CONFIG``."""

_LOAD_TEST: Final = "load_test_"
_SHOWN_DIGITS: Final = 12


class NothingMeasuredError(ExecutionDocumentError):
    """The model is not registered in a region, or was registered without being verified."""


@dataclass(frozen=True, kw_only=True)
class RegisteredVersion:
    """A model package, as far as its numbers go."""

    aws_region: str
    arn: str
    metadata: Mapping[str, str]
    """``CustomerMetadataProperties``."""

    @property
    def artifact_sha256(self) -> str:
        """Digest of the packaged model: the same in all regions."""
        return self.metadata.get("artifact_sha256", "")

    def measured(self) -> dict[str, Any]:
        """Render the member of ``STEP_CONFIG``.

        Raises:
            NothingMeasuredError: The version was registered with verification off.
        """
        missing = [name for name in (*MEASURED_NUMBERS, "evaluation") if name not in self.metadata]
        if missing:
            raise NothingMeasuredError(
                f"{self.arn} has no {', '.join(missing)}: it was registered without being verified."
                ' Set verification in Payload to "enforce" or "warn" and release the model again.'
            )
        bucket, key = bucket_and_key(self.metadata["evaluation"])
        return {
            "artifact_sha256": self.artifact_sha256,
            "evaluation_s3_bucket": bucket,
            "evaluation_s3_key": key,
            "model_package_arn": self.arn,
            "verification_verdict": self.metadata.get("verification_verdict", ""),
            **{name: float(self.metadata[name]) for name in MEASURED_NUMBERS},
            **{
                name: text
                for name, text in sorted(self.metadata.items())
                if name.startswith(_LOAD_TEST)
            },
        }


def measured_step_configs(
    step_configs: Mapping[str, Mapping[str, Any]],
    versions: Iterable[RegisteredVersion],
    *,
    artifact_sha256: str | None = None,
) -> dict[str, dict[str, Any]]:
    """Add what was measured to the ``STEP_CONFIG`` of each registration step.

    Args:
        step_configs: ``STEP_CONFIG`` by step name; they stay as they are.
        versions: The registered versions of these regions, the newest first.
        artifact_sha256: Digest of the model to tell of, or its beginning; by default the newest of
            the first step's region.

    Returns:
        Copies with :data:`MEASURED`, all of the same model.

    Raises:
        NothingMeasuredError: A region has no version of the model, or one that was not verified.
    """
    by_region: dict[str, list[RegisteredVersion]] = {}
    for version in versions:
        by_region.setdefault(version.aws_region, []).append(version)
    chosen = artifact_sha256
    measured = {}
    for name, config in step_configs.items():
        region = str(config["source_model_region"])
        version = _version_of(chosen, region, by_region.get(region, []))
        chosen = version.artifact_sha256
        measured[name] = {**copy.deepcopy(dict(config)), MEASURED: version.measured()}
    return measured


def _version_of(
    artifact_sha256: str | None, region: str, versions: Sequence[RegisteredVersion]
) -> RegisteredVersion:
    for version in versions:
        if version.artifact_sha256.startswith(artifact_sha256 or ""):
            return version
    if not versions:
        raise NothingMeasuredError(f"Nothing is registered in {region}: release a model first.")
    known = dict.fromkeys(version.artifact_sha256[:_SHOWN_DIGITS] for version in versions)
    raise NothingMeasuredError(
        f"No version in {region} is of the model {str(artifact_sha256)[:_SHOWN_DIGITS]}; there are"
        f" {', '.join(known)}. Wait until its release has ended, or name another model."
    )
