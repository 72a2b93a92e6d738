"""Inference Recommender, which moto lacks: jobs that have ended at once, with nothing tested."""

from __future__ import annotations

from typing import Any, Final

NOT_TESTED: Final = "The embedded AWS measures no load: load tests run in AWS only."


def add_load_tests() -> None:
    """Let CreateInferenceRecommendationsJob accept a registered version, and stop there.

    So a pipeline with a load test can be tried; what reads the result is told why there is none.
    """
    from moto.core.responses import ActionResult
    from moto.core.utils import utcnow
    from moto.sagemaker.exceptions import ResourceInUseException, ResourceNotFound
    from moto.sagemaker.responses import SageMakerResponse

    jobs: dict[tuple[str, str, str], dict[str, Any]] = {}

    def key(response: Any) -> tuple[str, str, str]:
        backend = response.sagemaker_backend
        return backend.account_id, backend.region_name, response._get_param("JobName")

    def create_inference_recommendations_job(response: Any) -> Any:
        account, region, name = key(response)
        if key(response) in jobs:
            raise ResourceInUseException(f"Inference Recommendations Job {name} already exists.")
        config = response._get_param("InputConfig")
        response.sagemaker_backend.describe_model_package(config["ModelPackageVersionArn"])
        arn = f"arn:aws:sagemaker:{region}:{account}:inference-recommendations-job/{name}"
        given = ("JobName", "JobDescription", "JobType", "RoleArn", "StoppingConditions")
        members = {member: response._get_param(member) for member in given}
        jobs[key(response)] = {
            **{member: value for member, value in members.items() if value is not None},
            "InputConfig": config,
            "JobArn": arn,
            "Status": "STOPPED",
            "FailureReason": NOT_TESTED,
            **dict.fromkeys(("CreationTime", "CompletionTime", "LastModifiedTime"), utcnow()),
        }
        return ActionResult({"JobArn": arn})

    def describe_inference_recommendations_job(response: Any) -> Any:
        if key(response) not in jobs:
            name = key(response)[-1]
            raise ResourceNotFound(f"Inference Recommendations Job {name} does not exist.")
        return ActionResult(jobs[key(response)])

    SageMakerResponse.create_inference_recommendations_job = create_inference_recommendations_job
    SageMakerResponse.describe_inference_recommendations_job = (
        describe_inference_recommendations_job
    )
