"""Records of made-up executions, and a headless Chromium to read their reports with."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

import pytest

from local.report.observations import Observations, S3File
from local.runner.records import (
    Execution,
    ExecutionRecorder,
    ExecutionStatus,
    StepExecution,
    StepStatus,
)
from tests.waiting import wait_until

START = datetime(2026, 11, 25, 8, 51, 12, 782000, tzinfo=UTC)
BUCKET = "s3://model-release-artifacts"
ARN = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/returns-risk"
ARTIFACT = f"{BUCKET}/returns-risk/releases/5fkszcpry4ck/model.tar.gz"
SHA256 = "76cdc943f6f9131a7590aff543c3124977485506766ced8f810325686e8f62de"
REGIONS = {"NA": "us-east-1", "EU": "eu-west-1", "FE": "us-west-2"}
STAGES = tuple(f"Stage-{code}" for code in REGIONS)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def succeeded(name: str, kind: str, begin: float, end: float, **members: Any) -> StepExecution:
    return StepExecution(
        name,
        kind,
        status=StepStatus.SUCCEEDED,
        start_time=at(begin),
        end_time=at(end),
        attempt_count=1,
        **members,
    )


def processing(inputs: dict[str, str], outputs: dict[str, str]) -> dict[str, Any]:
    """The arguments of a Processing step, and its properties."""
    output = [{"OutputName": name, "S3Output": {"S3Uri": uri}} for name, uri in outputs.items()]
    return {
        "arguments": {
            "ProcessingInputs": [
                {"InputName": name, "S3Input": {"S3Uri": uri}} for name, uri in inputs.items()
            ]
        },
        "properties": {"ProcessingOutputConfig": {"Outputs": output}},
    }


def registration(code: str, begin: float) -> StepExecution:
    arn = f"arn:aws:sagemaker:{REGIONS[code]}:123456789012:model-package/returns-risk/7"
    return succeeded(
        f"Registration-{code}",
        "Lambda",
        begin,
        begin + 0.6,
        depends_on=("Gate", *STAGES),
        arguments={
            "model_artifact_uri": ARTIFACT,
            "sample_payload_destination_uri": f"{BUCKET}-{REGIONS[code]}/payload.tar.gz",
        },
        properties={"OutputParameters": {"model_package_arn": arn}},
    )


def evaluation(**changes: Any) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "verdict": "passed",
        "summary": "600 requests at 20.0 per second: p99 118.2 ms, no errors",
        "gate": {
            "errors": 0,
            "latency_p99_in_millisecond": 118.2,
            "error_rate": 0.0,
            "achieved_tps": 19.98,
        },
        "limits": {
            "max_latency_in_millisecond": 200,
            "max_acceptable_error_rate": 0.01,
            "expected_tps": 20,
            "container_memory_limit_in_megabyte": 6144,
            "startup_timeout_in_second": 300,
        },
        "artifact": {"sha256": SHA256, "size_in_bytes": 5_412_331},
        "environment": {
            "python": "3.10.14",
            "platform": "Linux-5.10-x86_64",
            "packages": {"numpy": "1.26.4", "torch": "2.1.0"},
        },
        "findings": [
            {
                "severity": "warning",
                "code": "requirement-unpinned",
                "message": "code/requirements.txt names pandas without a version.",
                "fix": "Write pandas==2.2.3, so that each endpoint installs the same.",
            }
        ],
        "handler": {"entry_point": "inference.py", "functions": {"model_fn": "own"}},
        "requirements": ["pandas"],
        "payloads": [
            {
                "name": f"payload.{kind.partition('/')[2]}",
                "content_type": kind,
                "accept": "application/json",
                "ok": True,
                "latency_in_millisecond": 14.2,
                "response_bytes": 28,
                "answer": '{"legacy-score": 0.001989}',
                "problem": None,
            }
            for kind in ("text/csv", "application/json")
        ],
        "cold_load_in_second": 1.82,
        "load": {
            "offered_tps": 20.0,
            "achieved_tps": 19.98,
            "duration_in_second": 30.0,
            "request_count": 600,
            "error_count": 0,
            "error_rate": 0.0,
            "workers": 2,
            "latency_in_millisecond": {
                "mean": 21.4,
                "p50": 17.9,
                "p90": 38.6,
                "p99": 118.2,
                "max": 164.0,
            },
            "histogram": [
                {"up_to_in_millisecond": upper, "count": count}
                for upper, count in (
                    (5, 0),
                    (10, 12),
                    (20, 331),
                    (50, 221),
                    (100, 28),
                    (200, 8),
                    (None, 0),
                )
            ],
        },
        "memory": {"peak_in_megabyte": 812.4},
        **changes,
    }


def verification(content: dict[str, Any], *, begin: float = 12.4) -> StepExecution:
    return succeeded(
        "Verify",
        "Processing",
        begin,
        begin + 34.2,
        depends_on=("Package",),
        log_path=Path("logs/Verify.log"),
        property_files={"Evaluation": content},
        **processing({"model_input": ARTIFACT}, {"evaluation_output": f"{BUCKET}/tmp/Verify"}),
    )


def release(folder: Path) -> Execution:
    """An execution of every kind of step, which succeeded."""
    incoming = f"{BUCKET}/incoming/returns-risk/eeefe8f45bc3a6e1-model.tar.gz"
    model_arn = "arn:aws:sagemaker:us-east-1:123456789012:model/pipelines-5fkszcpry4ck-CreateModel"
    package = processing(
        {"model_input": incoming, "code_input": f"{BUCKET}/assets/code.gz"},
        {"packaged_model_output": ARTIFACT.rpartition("/")[0]},
    )
    return Execution(
        arn=f"{ARN}/execution/5fkszcpry4ck",
        pipeline_arn=ARN,
        pipeline_creation_time=START,
        parameters={
            "ModelS3Uri": incoming,
            "ModelApprovalStatus": "PendingManualApproval",
            "KMS_ENCRYPTION_KEY_PARAM": "arn:aws:kms:us-east-1:123456789012:key/0133028b",
        },
        given_parameters=("ModelS3Uri",),
        folder=folder,
        start_time=START,
        end_time=at(51.3),
        status=ExecutionStatus.SUCCEEDED,
        steps=(
            succeeded(
                "CreateModel",
                "Model",
                0.1,
                0.3,
                arguments={"PrimaryContainer": {"ModelDataUrl": incoming}},
                properties={"ModelArn": model_arn},
            ),
            succeeded(
                "Package",
                "Processing",
                0.4,
                12.3,
                depends_on=("CreateModel",),
                log_path=Path("logs/Package.log"),
                **package,
            ),
            verification(evaluation()),
            *(
                succeeded(name, "Lambda", 46.7, 48.9, depends_on=("Package", "Verify"))
                for name in STAGES
            ),
            succeeded("Gate", "Condition", 49.0, 49.0, depends_on=STAGES),
            registration("EU", 49.1),
            registration("FE", 49.1),
            StepExecution(
                "VerificationFailed",
                "Fail",
                reason="Condition 'Gate' was true.",
                depends_on=("Gate",),
            ),
            succeeded("NewInNA", "Condition", 49.1, 49.1, depends_on=("Gate",)),
            replace(registration("NA", 50.2), depends_on=("NewInNA",)),
        ),
    )


def changed(execution: Execution, *steps: StepExecution, **members: Any) -> Execution:
    """The execution with some steps in place of those of the same names."""
    by_name = {step.name: step for step in steps}
    return replace(
        execution,
        steps=tuple(by_name.get(step.name, step) for step in execution.steps),
        **members,
    )


def not_executed(execution: Execution, *names: str, reason: str) -> Execution:
    steps = (execution.step(name) for name in names)
    return changed(
        execution,
        *(
            StepExecution(step.name, step.type, reason=reason, depends_on=step.depends_on)
            for step in steps
        ),
    )


def failed(folder: Path) -> Execution:
    """An execution whose packaging failed in its script."""
    execution = release(folder)
    later = [step.name for step in execution.steps[2:]]
    execution = not_executed(
        execution, *later, reason="Step 'Package', which it waits for, failed."
    )
    package = replace(
        execution.step("Package"),
        status=StepStatus.FAILED,
        reason="AlgorithmError: model.tar.gz is damaged: CRC check failed, exit code: 1",
        properties={},
    )
    return changed(execution, package, status=ExecutionStatus.FAILED, end_time=at(12.3))


def stopped(folder: Path) -> Execution:
    """An execution that a person ended while it verified."""
    execution = release(folder)
    later = [step.name for step in execution.steps[3:]]
    execution = not_executed(execution, *later, reason="The execution was stopped.")
    verify = replace(
        execution.step("Verify"),
        status=StepStatus.STOPPED,
        reason="The execution was stopped.",
        property_files={},
        properties={},
    )
    return changed(execution, verify, status=ExecutionStatus.STOPPED, end_time=at(46.6))


def observations(execution: Execution) -> Observations:
    """What an embedded AWS would show of the execution."""
    packages = {
        f"Registration-{code}": {
            "ModelPackageArn": f"arn:aws:sagemaker:{region}:123456789012:model-package/r/7",
            "ModelPackageVersion": 7,
            "ModelApprovalStatus": "PendingManualApproval",
            "InferenceSpecification": {
                "Containers": [
                    {
                        "Image": f"763104351884.dkr.ecr.{region}.amazonaws.com/pytorch:2.1.0",
                        "ModelDataUrl": ARTIFACT,
                    }
                ]
            },
            "SamplePayloadUrl": f"{BUCKET}/returns-risk/registration/payload.tar.gz",
            "CustomerMetadataProperties": {
                "artifact_sha256": SHA256,
                "latency_p99_in_millisecond": "118.2",
            },
        }
        for code, region in REGIONS.items()
        if execution.step(f"Registration-{code}").status is StepStatus.SUCCEEDED
    }
    return Observations(
        files={
            ARTIFACT: (S3File(ARTIFACT, 5_412_331, SHA256),),
            ARTIFACT.rpartition("/")[0]: (
                S3File(ARTIFACT.replace("model.tar.gz", "manifest.json"), 1_204, "0" * 64),
                S3File(ARTIFACT, 5_412_331, SHA256),
            ),
        },
        packages=packages,
        versions={"Python": "3.11.9", "moto": "5.2.5"},
    )


def write_records(execution: Execution, seen: Observations | None = None) -> Path:
    """Write an execution's folder, with logs."""
    ExecutionRecorder(execution, lambda *_: None)
    lines = "\n".join(f"line {number}" for number in range(60))
    for step in execution.steps:
        if step.log_path:
            log = execution.folder / "logs" / step.log_path.name
            log.write_text(f"{lines}\nUserWarning: old format\nthe end of {step.name}\n")
    content = asdict(seen or observations(execution))
    (execution.folder / "observations.json").write_text(json.dumps(content))
    return execution.folder


_READS, _WRITES = 3, 4  # where --remote-debugging-pipe reads and writes
_ANSWERS_WITHIN = 120
"""Seconds; a page takes one on a busy machine."""


class SilentBrowserError(Exception):
    """A browser that does not answer."""


@dataclass
class Browser:
    """One page of a browser; ``requests`` and ``messages`` are what it loaded and complained."""

    _to_browser: IO[bytes]
    _from_browser: int
    requests: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    _session: str | None = None
    _shown: Path | None = None
    _events: list[str] = field(default_factory=list)
    _unread: bytes = b""
    _id: int = 0

    def open_page(self) -> None:
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def show(self, page: Path, *, width: int = 1280, scheme: str = "light") -> None:
        """Load a file and wait until it is there, once more in another tab when one hangs."""
        try:
            self._show(page, width, scheme)
        except SilentBrowserError:
            self._session = None
            self.open_page()
            self._show(page, width, scheme)

    def fit(self, page: Path, *, width: int = 1280, scheme: str = "light") -> None:
        """Show a file as ``show`` does, in the tab that has it: it has no script to tell."""
        if self._shown != page:
            self.show(page, width=width, scheme=scheme)
            return
        self._fit(width, scheme)
        wait_until(lambda: self.evaluate(f"matchMedia('(width: {width}px)').matches"))

    def _show(self, page: Path, width: int, scheme: str) -> None:
        self.requests.clear()
        self.messages.clear()
        self._events.clear()
        self._shown = None
        self._fit(width, scheme)
        self.call("Page.navigate", url=page.absolute().as_uri())
        while "Page.loadEventFired" not in self._events:
            self._receive()
        self._shown = page

    def _fit(self, width: int, scheme: str) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        media = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", features=media)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        outcome = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in outcome, outcome
        return outcome["result"].get("value")

    def screenshot(self, path: Path) -> None:
        height = self.evaluate("document.documentElement.scrollHeight")
        width = self.evaluate("innerWidth")
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        image = self.call("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(image["data"]))

    def print_pdf(self) -> bytes:
        return base64.b64decode(self.call("Page.printToPDF", printBackground=False)["data"])

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._id += 1
        message = {"id": self._id, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._to_browser.write(json.dumps(message).encode() + b"\0")
        self._to_browser.flush()
        while True:
            answer = self._receive()
            if answer.get("id") == self._id:
                assert "error" not in answer, f"{method}: {answer}"
                result: dict[str, Any] = answer["result"]
                return result

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._unread:
            ready, _, _ = select.select([self._from_browser], [], [], _ANSWERS_WITHIN)
            if not ready:
                raise SilentBrowserError(f"nothing for {_ANSWERS_WITHIN} seconds")
            chunk = os.read(self._from_browser, 65536)
            assert chunk, "the browser has ended"
            self._unread += chunk
        text, _, self._unread = self._unread.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        match message.get("method"):
            case "Network.requestWillBeSent":
                self.requests.append(message["params"]["request"]["url"])
            case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown" | "Log.entryAdded":
                self.messages.append(json.dumps(message["params"]))
            case str(event):
                self._events.append(event)
        return message


@contextmanager
def browser() -> Iterator[Browser]:
    """Start a browser; skips the test where there is none."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("there is no chromium or google-chrome on the PATH")
    commands, answers = os.pipe(), os.pipe()
    # Above the numbers that they get in the browser: a copy to itself would be closed there.
    reads = fcntl.fcntl(commands[0], fcntl.F_DUPFD_CLOEXEC, 10)
    writes = fcntl.fcntl(answers[1], fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(commands[0])
    os.close(answers[1])
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
        os.fdopen(commands[1], "wb") as to_browser,
        os.fdopen(answers[0], "rb", buffering=0) as from_browser,
    ):
        process = os.posix_spawn(
            program,
            [
                program, "--headless=new", "--remote-debugging-pipe", "--no-sandbox",
                "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars",
                "--disable-background-networking", f"--user-data-dir={profile}", "about:blank",
            ],
            {**os.environ, "HOME": profile},
            file_actions=[
                (os.POSIX_SPAWN_DUP2, reads, _READS),
                (os.POSIX_SPAWN_DUP2, writes, _WRITES),
                (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
            ],
        )  # fmt: skip
        os.close(reads)
        os.close(writes)
        try:
            page = Browser(to_browser, from_browser.fileno())
            page.open_page()
            yield page
            page._session = None
            page.call("Browser.close")
        finally:
            _end(process)


def _end(process: int) -> None:
    """Wait for a browser that was told to end, and end one that was not, or does not."""
    with suppress(AssertionError):
        wait_until(lambda: os.waitpid(process, os.WNOHANG) != (0, 0))
        return
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with browser() as page:
        yield page


class Samples:
    """The functions above, for tests, which cannot import this file."""

    sha256 = SHA256
    release = staticmethod(release)
    failed = staticmethod(failed)
    stopped = staticmethod(stopped)
    changed = staticmethod(changed)
    evaluation = staticmethod(evaluation)
    verification = staticmethod(verification)
    write = staticmethod(write_records)


@pytest.fixture(scope="session")
def samples() -> Samples:
    return Samples()
