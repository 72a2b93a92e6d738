"""Lambda steps: the deployed function, invoked by the pipeline's role.

Sources: "Lambda step" in the SageMaker developer guide and SDK documentation (time limit, output
parameters), "Invoke" in the Lambda API reference.
"""

from __future__ import annotations

import base64
import json
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Final

from local.runner.aws import service_call
from local.runner.jobs.containers import StepRun
from local.runner.language.definition import OutputParameter
from local.runner.language.errors import ExecutionStoppedError, StepFailedError
from local.runner.language.parameters import Scalar, convert, to_text

_STEP_TIMEOUT_SECONDS: Final = 600
_MAX_OUTPUT_CHARACTERS: Final = 1024
_POLL_SECONDS: Final = 0.05


def invoke_function(run: StepRun) -> dict[str, Any]:
    """Invoke the function of a Lambda step; returns the step's properties.

    Raises:
        StepFailedError: the function cannot be run, failed, or left out an output.
    """
    with service_call():
        response = _wait(run, _invoked(run))
        payload = json.loads(response["Payload"].read() or "null")
    run.log_path.write_bytes(base64.b64decode(response.get("LogResult", "")))
    if "FunctionError" in response:
        name = str(run.step.function_arn).rpartition(":")[2]
        raise StepFailedError(
            f"Function '{name}' failed: {payload['errorType']}: {payload['errorMessage']}"
        )
    return {"OutputParameters": _output_parameters(payload, run.step.output_parameters)}


def _invoked(run: StepRun) -> Future[dict[str, Any]]:
    """Invoke in a thread of its own: a function that was invoked cannot be stopped."""
    executor = ThreadPoolExecutor(1)
    future = executor.submit(
        run.aws.lambda_.invoke,
        FunctionName=run.step.function_arn,
        LogType="Tail",
        Payload=json.dumps(run.arguments).encode(),
    )
    executor.shutdown(wait=False)
    return future


def _wait(run: StepRun, future: Future[dict[str, Any]]) -> dict[str, Any]:
    deadline = time.monotonic() + _STEP_TIMEOUT_SECONDS
    while not wait([future], _POLL_SECONDS).done:
        if run.stopping.is_set():
            raise ExecutionStoppedError
        if time.monotonic() >= deadline:
            raise StepFailedError(
                f"Lambda function did not answer within {_STEP_TIMEOUT_SECONDS} seconds."
            )
    return future.result()


def _output_parameters(payload: Any, declared: tuple[OutputParameter, ...]) -> dict[str, Scalar]:
    response = payload if isinstance(payload, dict) else {}
    if missing := [output.name for output in declared if response.get(output.name) is None]:
        raise StepFailedError(
            f"The function's response has no output parameter '{missing[0]}'. "
            f"It has: {', '.join(response) or 'nothing'}."
        )
    return {output.name: _output_value(response[output.name], output) for output in declared}


def _output_value(value: Any, output: OutputParameter) -> Scalar:
    text = to_text(value)
    if len(text) > _MAX_OUTPUT_CHARACTERS:
        raise StepFailedError(
            f"Output parameter '{output.name}' has {len(text)} characters, "
            f"the limit is {_MAX_OUTPUT_CHARACTERS}."
        )
    try:
        return convert(text, output.type, owner=f"Output parameter '{output.name}'")
    except ValueError as error:
        raise StepFailedError(f"{error}.") from error
