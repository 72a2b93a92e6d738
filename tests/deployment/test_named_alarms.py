"""The role of an endpoint may see the alarms that a config names, and no others by their signs."""

from __future__ import annotations

from constructs_lib.infrastructure.iam.serving_permissions import (
    KeyAccess,
    ServedPipeline,
    ServedRegion,
)


def test_signs_that_mean_something_to_a_policy_are_taken_as_they_are() -> None:
    region = ServedRegion(
        aws_region="eu-west-1",
        image_uri="i",
        bucket_arn="b",
        keys=KeyAccess(arns=[], conditions={}),
    )
    pipeline = ServedPipeline(
        pipeline_name="p",
        endpoint_name="p",
        model_package_group_name="g",
        regions=[region],
        version_regions=[],
        encrypts_volumes=False,
        captures_data=False,
        scales=False,
        alarm_names=["*", "late? ${aws:username}", "plain, é"],
    )

    names = [arn.partition(":alarm:")[2] for arn in pipeline.named_alarm_arns()]

    assert names == ["${*}", "late${?} ${$}{aws:username}", "plain, é"]
