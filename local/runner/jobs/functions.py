"""Lambda steps: the deployed function's own code, run in a child process.

Sources: "Lambda step" in the SageMaker developer guide and SDK documentation (time limit, output
parameters), "Defined runtime environment variables" in the Lambda developer guide.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
import time
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from local.runner.aws import EmulatedAws, service_call
from local.runner.jobs import function_bootstrap
from local.runner.jobs.containers import StepRun
from local.runner.jobs.processes import ChildResult, run_child
from local.runner.jobs.storage import read_object
from local.runner.language.definition import OutputParameter
from local.runner.language.errors import StepFailedError
from local.runner.language.parameters import Scalar, convert, to_text

_STEP_TIMEOUT_SECONDS: Final = 600
_MAX_OUTPUT_CHARACTERS: Final = 1024


def invoke_function(run: StepRun) -> dict[str, Any]:
    """Invoke the function of a Lambda step; returns the step's properties.

    Raises:
        StepFailedError: the function cannot be run, failed, or left out an output.
    """
    with service_call():
        response = run.aws.lambda_.get_function(FunctionName=run.step.function_arn)
    configuration = response["Configuration"]
    _refuse_unsupported(configuration)
    task_root = run.folder / "var" / "task"
    _unpack(run.aws, response, task_root)
    payload = _run_handler(run, configuration, task_root)
    return {"OutputParameters": _output_parameters(payload, run.step.output_parameters)}


def _refuse_unsupported(configuration: Mapping[str, Any]) -> None:
    runtime = configuration.get("Runtime", "")
    if not runtime.startswith("python") or configuration.get("Layers"):
        raise StepFailedError(
            f"Function '{configuration['FunctionName']}' has runtime '{runtime}' and "
            f"{len(configuration.get('Layers', ()))} layers: the local runner runs Python "
            "functions without layers."
        )


def _unpack(aws: EmulatedAws, response: Mapping[str, Any], folder: Path) -> None:
    content = _code(aws, response)
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            archive.extractall(folder)
    except zipfile.BadZipFile as error:
        raise StepFailedError(
            f"The code of {response['Configuration']['FunctionName']} is not a zip file: {error}."
        ) from error


def _code(aws: EmulatedAws, response: Mapping[str, Any]) -> bytes:
    # The embedded AWS's Location tells the key of the code but not its bucket: the object with
    # that key and the function's CodeSha256 is the code.
    key = unquote(urlsplit(response["Code"].get("Location", "")).path.lstrip("/"))
    with service_call():
        buckets = [bucket["Name"] for bucket in aws.s3.list_buckets()["Buckets"]]
        for bucket in buckets:
            with suppress(aws.s3.exceptions.NoSuchKey):
                content = read_object(aws.s3, f"s3://{bucket}/{key}")
                digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
                if digest == response["Configuration"]["CodeSha256"]:
                    return content
    raise StepFailedError(
        f"The code of function '{response['Configuration']['FunctionName']}' ('{key}') is in none "
        f"of the buckets: {', '.join(buckets)}. Deploy the function again."
    )


def _run_handler(run: StepRun, configuration: Mapping[str, Any], task_root: Path) -> Any:
    timeout_seconds = min(configuration["Timeout"], _STEP_TIMEOUT_SECONDS)
    invocation, outcome = run.folder / "invocation.json", run.folder / "outcome.json"
    invocation.write_text(
        json.dumps(
            {
                "event": run.arguments,
                "handler": configuration["Handler"],
                "deadline": time.time() + timeout_seconds,
                "context": {
                    "function_name": configuration["FunctionName"],
                    "function_version": configuration["Version"],
                    "invoked_function_arn": configuration["FunctionArn"],
                    "memory_limit_in_mb": configuration["MemorySize"],
                    "aws_request_id": run.name,
                    "log_group_name": f"/aws/lambda/{configuration['FunctionName']}",
                    "log_stream_name": run.name,
                },
            }
        ),
        encoding="utf-8",
    )
    result = run_child(
        [sys.executable, "-P", function_bootstrap.__file__, str(invocation), str(outcome)],
        environment=_variables(run, configuration, task_root),
        folder=task_root,
        log_path=run.log_path,
        timeout_seconds=timeout_seconds,
        stopping=run.stopping,
    )
    return _payload(result, outcome, configuration, timeout_seconds)


def _variables(run: StepRun, configuration: Mapping[str, Any], task_root: Path) -> dict[str, str]:
    return {
        "HOME": str(run.folder),
        "TMPDIR": str(run.folder),
        **run.aws.environment,
        "AWS_LAMBDA_FUNCTION_NAME": configuration["FunctionName"],
        "AWS_LAMBDA_FUNCTION_VERSION": configuration["Version"],
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(configuration["MemorySize"]),
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{configuration['Runtime']}",
        "LAMBDA_TASK_ROOT": str(task_root),
        "_HANDLER": configuration["Handler"],
        **configuration.get("Environment", {}).get("Variables", {}),
    }


def _payload(
    result: ChildResult, outcome: Path, configuration: Mapping[str, Any], timeout_seconds: float
) -> Any:
    name = configuration["FunctionName"]
    if result.timed_out:
        raise StepFailedError(
            f"Function '{name}' failed: Task timed out after {timeout_seconds:.2f} seconds"
        )
    if not outcome.exists():
        raise StepFailedError(
            f"Function '{name}' failed: Runtime.ExitError: Runtime exited with error: "
            f"exit status {result.exit_code}"
        )
    document = json.loads(outcome.read_text(encoding="utf-8"))
    if "error" in document:
        error = document["error"]
        raise StepFailedError(
            f"Function '{name}' failed: {error['errorType']}: {error['errorMessage']}"
        )
    return document["response"]


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
