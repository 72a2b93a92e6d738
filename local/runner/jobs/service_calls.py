"""The calls that SageMaker makes itself for a step, and that nothing here has a use for.

Images are not pulled, interfaces not made, logs kept in files: the embedded AWS is asked whether
the role may do it, and a step whose role may not fails. What has a use here is done for real, as
that role: creating, describing, reading and writing.
"""

from __future__ import annotations

from typing import Any, Final

from constructs_lib.language.service_calls import On
from constructs_lib.language.step_calls import StepCalls
from local.runner.aws import service_call, without_nulls
from local.runner.jobs.containers import StepRun

_NETWORK: Final = frozenset({On.NETWORK, On.NETWORK_INTERFACE})
_OF_CONTAINERS: Final = frozenset({On.REGISTRY, On.IMAGE, *_NETWORK})
_OF_JOBS: Final = frozenset(
    {On.VOLUME_KEY, On.OUTPUT_KEY_ITSELF, On.LOG_GROUP, On.LOG_STREAM, On.METRICS}
)
_READ_LATER: Final = frozenset({On.INPUT, On.INPUT_BUCKET})
"""Of what an endpoint reads when it starts, not the step."""
_ASKED: Final = {
    "Model": _OF_CONTAINERS | _READ_LATER,
    "Processing": _OF_CONTAINERS | _OF_JOBS,
    "RegisterModel": frozenset({On.IMAGE, On.PACKAGE, On.GROUP}) | _READ_LATER,
    "Training": _OF_CONTAINERS | _OF_JOBS,
}


def check_service_calls(run: StepRun, *, arn: str, role_arn: str | None) -> None:
    """Ask whether the step's role may do what SageMaker does with it.

    Args:
        run: The step.
        arn: The job or model that SageMaker does it for.
        role_arn: The role of that; None for what the pipeline's own role does.

    Raises:
        StepFailedError: No policy allows a call; names it.
    """
    arguments: dict[str, Any] = without_nulls(run.arguments)
    asked = _ASKED[run.step.type]
    if not (arguments.get("VpcConfig") or arguments.get("NetworkConfig", {}).get("VpcConfig")):
        asked -= _NETWORK
    step = StepCalls(
        step_type=run.step.type,
        name=run.name,
        arguments=arguments,
        region=run.aws.region,
        account=run.account,
        role_arn=role_arn or "",
    )
    # SageMaker calls from outside of the job's network.
    service = run if role_arn is None else run.as_job(arn, role_arn, {})
    with service_call():
        service.aws.check_allowed(each for each in step.calls() if each.on in asked)
