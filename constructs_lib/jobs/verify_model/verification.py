"""One model's judgement."""

from __future__ import annotations

import base64
import contextlib
import os
import platform
import re
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..common.errors import JobError
from ..common.limits import MIB
from .evaluation import artifact, environment, gate, summary
from .findings import ModelFinding, RefusedModelError, shortened
from .handler import ARGUMENT_COUNTS
from .job import VerificationJob, read_findings, read_request
from .layout import check_code, lay_out, layout_finding
from .load import Arrivals, LoadTest, load_numbers, rounded
from .memory import MemorySampler
from .payloads import Payload, read_payloads
from .responses import ResponseError, check_response
from .worker import Worker, WorkerEndedError, WorkerSilentError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CONTAINER_MODEL_FOLDER = "/opt/ml/model"
LEAK_BYTES = 10 * MIB
LEAK_SHARE = 0.05


class Verification:
    """One model's judgement: collects findings and numbers on the way."""

    def __init__(self, job: VerificationJob, request: Mapping[str, Any], folder: Path) -> None:
        """Start with nothing found.

        Args:
            job: What to do.
            request: The registration request.
            folder: The model folder of the serving layout; absent or empty.
        """
        self._job = job
        self._request = request
        self._folder = folder
        self._declared = dict(request["environment"])
        self._entry_point = self._declared.get("SAGEMAKER_PROGRAM", "inference.py")
        self.memory = MemorySampler(job.memory_limit * MIB if job.memory_limit else None)
        self.findings = read_findings(job.findings)
        self.functions: dict[str, str] = dict.fromkeys(ARGUMENT_COUNTS, "missing")
        self.requirements: list[str] = []
        self.payloads: list[dict[str, Any]] = []
        self.cold_load_seconds: float | None = None
        self.load: dict[str, Any] | None = None
        self._workers: list[Worker] = []
        self._leak_start = 0

    def run(self) -> None:
        """Judge."""
        try:
            if any(finding.severity == "error" for finding in self.findings):
                return
            lay_out(self._job.model, self._folder, self._job.limits)
            if self._job.code_sha256 is not None:
                check_code(self._folder, self._job.code_sha256)
            self._read_requirements()
            finding = layout_finding(self._folder, self._entry_point)
            if finding is not None:
                self.findings.append(finding)
                return
            self._serve()
        except RefusedModelError as error:
            self.findings.append(error.finding)
        finally:
            for worker in self._workers:
                if worker.process.poll() is None:
                    worker.stop()
            self.memory.stop()
            self._judge_memory()

    def error(self, code: str, message: str, fix: str) -> None:
        """Note an error."""
        self.findings.append(ModelFinding("error", code, message, fix))

    def _read_requirements(self) -> None:
        path = self._folder / "code" / "requirements.txt"
        if not path.is_file():
            return
        lines = [line.strip() for line in path.read_text("utf-8", "replace").splitlines()]
        self.requirements = [line for line in lines if line and not line.startswith("#")]
        if self.requirements:
            self.findings.append(
                ModelFinding(
                    "warning",
                    "requirements-not-installed",
                    "code/requirements.txt asks for packages; an endpoint without network cannot "
                    f"install them: {shortened(', '.join(self.requirements))}.",
                    "Use what the container has, or put pure Python packages into code/.",
                )
            )

    def start_worker(self) -> Worker:
        """A worker that has loaded the model.

        Raises:
            RefusedModelError: it did not come so far.
        """
        module = re.sub(r"\.py$", "", self._entry_point).replace("/", ".")
        worker = Worker(self._job.program, self._folder, module, self._environment())
        self._workers.append(worker)
        self.memory.watch(worker)
        end = time.monotonic() + self._job.startup_timeout
        stage = "import"
        try:
            while True:
                reply = worker.receive(end - time.monotonic())
                if "failure" in reply:
                    raise start_error(reply["stage"], reply["failure"])
                if reply["stage"] == "loaded":
                    return worker
                stage = "model_fn"
                self._note_functions(reply)
        except WorkerSilentError:
            raise RefusedModelError(
                "startup-timeout",
                f"The model was not loaded after {self._job.startup_timeout:g} s ({stage}).",
                "Load less in model_fn, or raise container_startup_health_check_timeout.",
            ) from None
        except WorkerEndedError:
            raise RefusedModelError(
                "worker-ended",
                f"The process {worker.how_it_ended()} during {stage} of {self._entry_point}.",
                "Remove exit() and the like; look at the log for a crash in native code.",
            ) from None

    def _replacement(self) -> Worker | None:
        """A worker in place of one that died under load, if there can be one."""
        if self.memory.exceeded:
            return None
        try:
            return self.start_worker()
        except RefusedModelError:
            return None

    def _note_functions(self, reply: Mapping[str, Any]) -> None:
        self.functions = reply["functions"]
        problems = [ModelFinding("error", **problem) for problem in reply["problems"]]
        if problems:
            self.findings.extend(problems[1:])
            first = problems[0]
            raise RefusedModelError(first.code, first.message, first.fix)

    def _environment(self) -> dict[str, str]:
        """The container's environment, with its model folder where it lies here."""
        folder = str(self._folder)
        declared = {
            name: str(value).replace(CONTAINER_MODEL_FOLDER, folder)
            for name, value in self._declared.items()
        }
        paths = [folder + "/code", os.environ.get("PYTHONPATH", "")]
        return {
            **os.environ,
            "SAGEMAKER_BASE_DIR": str(self._folder.parent),
            **declared,
            "PYTHONPATH": os.pathsep.join(path for path in paths if path),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def _serve(self) -> None:
        payloads = read_payloads(self._job.payload, self._request)
        started = time.monotonic()
        worker: Worker | None = self.start_worker()
        self.cold_load_seconds = rounded(time.monotonic() - started)
        good = []
        for payload in payloads:
            if worker is None or worker.process.poll() is not None:
                worker = self.start_worker()
            problem, reply = self._try(worker, payload)
            if problem is None:
                good.append(payload)
            elif reply is None:
                worker.stop()
                worker = None
        if good and self._job.load_seconds and not self.memory.exceeded:
            self._measure(worker, good)

    def _try(self, worker: Worker, payload: Payload) -> tuple[str | None, dict[str, Any] | None]:
        """Send one payload once. Returns what is wrong, and the reply if there was one."""
        started = time.monotonic()
        reply: dict[str, Any] | None = None
        body = b""
        problem = None
        try:
            reply = worker.ask(payload, self._job.request_timeout)
            if "failure" in reply:
                raise handler_error(reply["failure"])
            body = base64.b64decode(reply["body"])
            variables = self._request["output_variables"]
            check_response(body, reply["content_type"], payload, variables)
        except ResponseError as error:
            problem = self._payload_problem(payload, error)
        except WorkerSilentError:
            silent = ResponseError(
                "handler-hangs",
                f"is not answered within {self._job.request_timeout:g} s",
                "Find what the handler waits for; endpoints have no network and no terminal.",
            )
            problem = self._payload_problem(payload, silent)
        except WorkerEndedError:
            ended = ResponseError(
                "handler-exited",
                f"ends the serving process: it {worker.how_it_ended()}",
                "Raise an exception instead of exit(); look at the log for a crash.",
            )
            problem = self._payload_problem(payload, ended)
        self.payloads.append(
            {
                "name": payload.name,
                "content_type": payload.content_type,
                "accept": payload.accept,
                "ok": problem is None,
                "latency_in_millisecond": rounded(1000 * (time.monotonic() - started)),
                "response_bytes": len(body),
                "problem": problem,
            }
        )
        return problem, reply

    def _payload_problem(self, payload: Payload, error: ResponseError) -> str:
        self.error(error.code, f"{payload} {error}.", error.fix)
        return str(error)

    def _measure(self, worker: Worker | None, payloads: Sequence[Payload]) -> None:
        """Send the payloads that are answered at the expected rate."""
        count = self._job.workers or worker_count(self._declared)
        workers = [] if worker is None else [worker]
        while len(workers) < count:
            workers.append(self.start_worker())
        for each in workers:
            # The first answer of a process pays for caches and lazy imports.
            with contextlib.suppress(WorkerEndedError, WorkerSilentError):
                each.ask(payloads[0], self._job.request_timeout)
        limits = self._request["load_test"]
        allowed_seconds = limits["max_latency_in_millisecond"] / 1000
        self._leak_start = len(self.memory.samples)
        arrivals = Arrivals(limits["expected_tps"], self._job.load_seconds)
        grace_seconds = min(self._job.request_timeout, max(2.0, 5 * allowed_seconds))
        result = LoadTest(payloads, self._replacement).run(workers, arrivals, grace_seconds)
        self.load = load_numbers(result, arrivals, count, allowed_seconds)
        self._judge_load(self.load, limits)

    def _judge_load(self, load: Mapping[str, Any], limits: Mapping[str, Any]) -> None:
        p99, most = load["latency_in_millisecond"]["p99"], limits["max_latency_in_millisecond"]
        if p99 > most:
            self.error(
                "latency-above-limit",
                f"latency p99 {p99} ms is above max_latency_in_millisecond {most}",
                "Make predict_fn faster, lower expected_tps, or raise the limit.",
            )
        rate, most_rate = load["error_rate"], limits["max_acceptable_error_rate"]
        if rate > most_rate:
            self.error(
                "error-rate-above-limit",
                f"error rate {rate:.4f} is above max_acceptable_error_rate {most_rate}",
                "Look at the log for what the handler raises under load.",
            )
        if load["achieved_tps"] < limits["expected_tps"]:
            self.error(
                "throughput-below-expected",
                f"achieved tps {load['achieved_tps']} is below expected_tps "
                f"{limits['expected_tps']}",
                "Make predict_fn faster, use a larger instance type, or lower expected_tps.",
            )

    def _judge_memory(self) -> None:
        peak = self.memory.peak_bytes or 0
        if self.memory.exceeded:
            self.error(
                "memory-above-limit",
                f"memory {peak / MIB:.1f} MB is above container_memory_limit "
                f"{self._job.memory_limit}",
                "Keep nothing from one request to the next, use fewer workers, or raise the limit.",
            )
        samples = self.memory.samples[self._leak_start :]
        if self.load is None or len(samples) < 8:
            return
        quarter = len(samples) // 4
        early = sum(samples[quarter : 2 * quarter]) / quarter
        late = sum(samples[-quarter:]) / quarter
        if late - early > max(LEAK_BYTES, LEAK_SHARE * early):
            self.findings.append(
                ModelFinding(
                    "warning",
                    "memory-grows",
                    f"Memory grew by {(late - early) / MIB:.1f} MB during the load test.",
                    "Keep nothing from one request to the next; bound caches.",
                )
            )

    def evaluation(self) -> dict[str, Any]:
        """Everything, as ``evaluation.json`` holds it."""
        errors = [finding for finding in self.findings if finding.severity == "error"]
        if self.load is None and self._job.load_seconds and not errors:
            raise JobError("nothing was measured and nothing found: this script is wrong")
        limits = self._request["load_test"]
        peak = self.memory.peak_bytes
        return {
            "schema_version": 1,
            "verdict": "failed" if errors else "passed",
            "summary": summary(errors, self.load),
            "gate": gate(len(errors), self.load),
            "limits": {
                "max_latency_in_millisecond": limits["max_latency_in_millisecond"],
                "max_acceptable_error_rate": limits["max_acceptable_error_rate"],
                "expected_tps": limits["expected_tps"],
                "container_memory_limit_in_megabyte": self._job.memory_limit,
                "startup_timeout_in_second": self._job.startup_timeout,
            },
            "artifact": artifact(self._job.model),
            "environment": environment(),
            "findings": [finding._asdict() for finding in self.findings],
            "handler": {"entry_point": self._entry_point, "functions": self.functions},
            "requirements": self.requirements,
            "payloads": self.payloads,
            "cold_load_in_second": self.cold_load_seconds,
            "load": self.load,
            "memory": None if peak is None else {"peak_in_megabyte": rounded(peak / MIB)},
        }


def start_error(stage: str, failed: Mapping[str, str]) -> RefusedModelError:
    """The error for a model that cannot be imported or loaded."""
    what = f"{failed['type']}: {failed['message']}"
    where = f" ({failed['where']})" if failed["where"] else ""
    if failed["missing"]:
        return RefusedModelError(
            "package-missing",
            f"The code imports {failed['missing']}, which is not installed here{where}.",
            "Use what the serving container has, or put pure Python packages into code/.",
        )
    if stage == "import" and failed["type"] in ("SyntaxError", "IndentationError", "TabError"):
        fix = f"Correct the line; the container runs Python {platform.python_version()}."
        return RefusedModelError("syntax-error", f"{what}{where}.", fix)
    if stage == "import":
        fix = "Correct what the entry point does while it is imported."
        return RefusedModelError("import-failed", f"The import raises {what}{where}.", fix)
    fix = f"Correct {stage}."
    if stage == "model_fn":
        fix = "Correct model_fn; without it, a model needs one TorchScript file at its root."
    return RefusedModelError("model-load-failed", f"{stage} raises {what}{where}.", fix)


def handler_error(failed: Mapping[str, str]) -> ResponseError:
    """The error for a handler that raised."""
    where = f" ({failed['where']})" if failed["where"] else ""
    if failed["type"] == "TypeError" and failed["message"].startswith("the response is of type"):
        return ResponseError(
            "response-wrong-type",
            f"cannot be sent: {failed['message']}",
            "Let output_fn return text or bytes, for example json.dumps of the prediction.",
        )
    return ResponseError(
        "handler-raised",
        f"raises {failed['type']}: {failed['message']}{where}",
        "Let input_fn, predict_fn and output_fn handle the declared content and response types, "
        "or declare fewer.",
    )


def worker_count(declared: Mapping[str, str]) -> int:
    """How many processes the model server would start."""
    for name in ("SAGEMAKER_MODEL_SERVER_WORKERS", "SAGEMAKER_TS_MAX_WORKERS"):
        if declared.get(name, "").isdigit() and int(declared[name]) > 0:
            return int(declared[name])
    return os.cpu_count() or 1


def verify(job: VerificationJob) -> dict[str, Any]:
    """Judge a model. Returns the evaluation.

    Raises:
        JobError: it cannot be judged.
    """
    if not job.model.exists():
        raise JobError(f"{job.model}: no such file or folder")
    request = read_request(job.request, job.region_code)
    with tempfile.TemporaryDirectory(prefix="verify-") as temporary:
        folder = Path(temporary).resolve() / "opt/ml/model"
        folder.parent.mkdir(parents=True)
        verification = Verification(job, request, folder)
        verification.run()
        return verification.evaluation()
