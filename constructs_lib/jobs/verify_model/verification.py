"""One model's judgement."""

from __future__ import annotations

import base64
import contextlib
import os
import re
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..common.errors import JobError
from ..common.limits import MIB
from ..common.progress import Ticker
from .answers.excerpts import excerpt
from .answers.expected import check_expected
from .answers.responses import ResponseError, check_response
from .evaluation import artifact, environment, gate, handler, summary
from .failures import exited_error, handler_error, hangs_error, start_error
from .findings import ModelFinding, RefusedModelError, shortened
from .job import VerificationJob, read_findings, read_own_samples, read_request
from .layout import MODEL_FOLDER, check_code, found_by_path, is_in_aws, lay_out, layout_finding
from .load import Arrivals, LoadTest, load_findings, load_numbers, rounded
from .memory import MemorySampler, above_limit, growth
from .payloads import Payload, read_payloads
from .toolkit.handler import ARGUMENT_COUNTS
from .worker import Worker, WorkerEndedError, WorkerSilentError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST_EVIDENCE = 5
"""How many findings have a traceback or what was printed: the evaluation is no log."""


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
        self._failed: dict[tuple[str, str], list[Payload]] = {}
        """Payloads by what is wrong with their answers, which is told once."""
        self._answers: dict[Payload, dict[str, Any]] = {}
        """The first good answer to each."""
        self._hangs = False
        self._ticker = Ticker(job.progress_seconds)

    def run(self) -> None:
        """Judge."""
        try:
            if any(finding.severity == "error" for finding in self.findings):
                return
            self._ticker.doing("unpacking the model")
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
                worker.stop()
            self.memory.stop()
            self._ticker.stop()
            self._judge_memory()

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
        """Start a worker and let it load the model.

        Raises:
            RefusedModelError: it did not come so far.
        """
        module = re.sub(r"\.py$", "", self._entry_point)
        worker = Worker(self._job.program, self._folder, module, self._environment())
        self._workers.append(worker)
        self.memory.watch(worker)
        try:
            self._load_model(worker)
        except RefusedModelError as error:
            error.finding = self._with_evidence(error.finding, error.traceback, worker)
            raise
        return worker

    def _load_model(self, worker: Worker) -> None:
        """Wait until a worker has imported the code and loaded the model."""
        end = time.monotonic() + self._job.startup_timeout
        stage = "import"
        try:
            while True:
                reply = worker.receive(end - time.monotonic())
                if "failure" in reply:
                    raise start_error(
                        reply["stage"],
                        reply["failure"],
                        self._folder,
                        in_container=self._job.is_in_container,
                        in_aws=is_in_aws(self._job.output),
                    )
                if reply["stage"] == "loaded":
                    return
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
        """Start a worker in place of one that died under load, if there can be one."""
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
        """Return the container's environment, with its model folder where it lies here."""
        folder = str(self._folder)
        declared = {
            name: str(value).replace(MODEL_FOLDER, folder) for name, value in self._declared.items()
        }
        paths = [folder + "/code", folder, os.environ.get("PYTHONPATH", "")]
        return {
            **os.environ,
            "SAGEMAKER_BASE_DIR": str(self._folder.parent),
            **declared,
            "PYTHONPATH": os.pathsep.join(path for path in paths if path),
            "PYTHONDONTWRITEBYTECODE": "1",
            # What a process that is killed has printed is in the log.
            "PYTHONUNBUFFERED": "1",
        }

    def _serve(self) -> None:
        own = read_own_samples(self._job.request)
        payloads = read_payloads(self._job.payload, self._request, own)
        started = time.monotonic()
        self._ticker.doing("loading the model")
        worker = self.start_worker()
        self.cold_load_seconds = rounded(time.monotonic() - started)
        good = []
        for number, payload in enumerate(payloads, 1):
            self._ticker.doing(f"waiting for answer {number} of {len(payloads)}, to {payload}")
            worker = self._running(worker)
            if self._try(worker, payload):
                good.append(payload)
            elif self._hangs:
                self._tell_unsent(len(payloads) - number)
                return
        if not good or self.memory.exceeded:
            return
        if self._job.load_seconds:
            self._measure(worker, good)
        else:
            self._ask_again(worker, good)

    def _running(self, worker: Worker) -> Worker:
        """Return a worker that answers: another one, if this has ended."""
        return worker if worker.process.poll() is None else self.start_worker()

    def _try(self, worker: Worker, payload: Payload) -> bool:
        """Send one payload for the first time, and judge its answer; tells whether it is good."""
        started = time.monotonic()
        body: bytes | None = None
        problem = None
        try:
            reply = self._ask(worker, payload)
            body = base64.b64decode(reply["body"])
            self._check(payload, reply)
            self._answers[payload] = reply
        except ResponseError as error:
            problem = self._payload_problem(payload, error, worker)
        self.payloads.append(
            {
                "name": payload.name,
                "content_type": payload.content_type,
                "accept": payload.accept,
                "ok": problem is None,
                "latency_in_millisecond": rounded(1000 * (time.monotonic() - started)),
                "response_bytes": len(body or b""),
                "answer": None if body is None else excerpt(body),
                "problem": problem,
            }
        )
        return problem is None

    def _ask(self, worker: Worker, payload: Payload) -> dict[str, Any]:
        """Send one payload once. A worker that does not answer is ended.

        Raises:
            ResponseError: There is no answer.
        """
        try:
            reply = worker.ask(payload, self._job.request_timeout)
        except WorkerSilentError:
            self._hangs = True
            worker.stop()
            raise hangs_error(self._job.request_timeout) from None
        except WorkerEndedError:
            how = worker.how_it_ended()
            worker.stop()
            raise exited_error(how) from None
        if "failure" in reply:
            raise handler_error(
                reply["failure"], self._folder, in_container=self._job.is_in_container
            )
        return reply

    def _ask_again(self, worker: Worker, payloads: Sequence[Payload]) -> None:
        """Send the answered payloads once more, as a load would: the answers should be equal."""
        answers: dict[Payload, list[dict[str, Any]]] = {}
        for payload in payloads:
            self._ticker.doing(f"waiting for a second answer to {payload}")
            worker = self._running(worker)
            try:
                answers[payload] = [self._ask(worker, payload)]
            except ResponseError as error:
                message = f"{error}, when it is sent again"
                again = ResponseError(error.code, message, error.fix, error.traceback)
                self._payload_problem(payload, again, worker)
                if self._hangs:
                    break
        self._judge_answers(answers)

    def _payload_problem(
        self, payload: Payload, error: ResponseError, worker: Worker | None = None
    ) -> str:
        """Tell of an error once, with every payload that it is the same for.

        Args:
            payload: What was sent.
            error: What is wrong with the answer.
            worker: Whose the answer is, if what it has printed since is about that.
        """
        payloads = self._failed.setdefault((error.code, str(error)), [])
        payloads.append(payload)
        first, *others = payloads
        message = f"{first} {error}."
        is_open = first.is_own and error.code == "handler-raised"
        fix = f"{error.fix} Or correct the request." if is_open else error.fix
        told = ModelFinding("error", error.code, message, fix)
        if not others:
            self.findings.append(self._with_evidence(told, error.traceback, worker))
            return str(error)
        place = next(n for n, each in enumerate(self.findings) if each.message.startswith(message))
        names = shortened(", ".join(map(str, others)))
        told = self.findings[place]
        self.findings[place] = told._replace(message=f"{message} The same of {names}.")
        return str(error)

    def _with_evidence(
        self, finding: ModelFinding, traceback: str, worker: Worker | None
    ) -> ModelFinding:
        """Add what the code raised and printed, to the first findings that have either."""
        told = sum(bool(each.traceback or each.printed) for each in self.findings)
        if worker is None or told >= MOST_EVIDENCE:
            return finding
        printed = worker.printed().replace(str(self._folder), MODEL_FOLDER)
        return finding.with_evidence(traceback, printed)

    def _check(self, payload: Payload, reply: Mapping[str, Any]) -> None:
        """Compare an answer with what is declared, and with what is expected of it."""
        body, variables = base64.b64decode(reply["body"]), self._request["output_variables"]
        records = check_response(body, reply["content_type"], payload, variables)
        if payload.expected is not None:
            names = [name for name, _ in variables]
            check_expected(records, payload.expected, names, payload.name)

    def _tell_unsent(self, count: int) -> None:
        if count:
            last = self.findings[-1]
            message = f"{last.message} The {count} payloads after it were not sent."
            self.findings[-1] = last._replace(message=message)

    def _measure(self, worker: Worker, payloads: Sequence[Payload]) -> None:
        """Send the payloads that are answered at the expected rate."""
        count = self._job.workers or worker_count(self._declared)
        self._ticker.doing(f"sending requests for {self._job.load_seconds:g} s")
        workers = [worker] if worker.process.poll() is None else []
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
        test = LoadTest(payloads, self._replacement)
        result = test.run(workers, arrivals, grace_seconds)
        self.load = load_numbers(result, arrivals, count, allowed_seconds)
        self.findings.extend(load_findings(self.load, limits))
        self._judge_answers(test.answers)

    def _judge_answers(self, answers: Mapping[Payload, Sequence[dict[str, Any]]]) -> None:
        """Compare later answers with the declaration, and with the first ones."""
        differing = []
        for payload, replies in answers.items():
            for reply in replies:
                try:
                    self._check(payload, reply)
                except ResponseError as error:
                    if payload not in self._failed.get((error.code, str(error)), ()):
                        self._payload_problem(payload, error)
            if any(reply != self._answers[payload] for reply in replies):
                differing.append(payload)
        if differing:
            self.findings.append(
                ModelFinding(
                    "warning",
                    "answers-differ",
                    "Equal requests are answered differently: "
                    f"{shortened(', '.join(map(str, differing)))}.",
                    "Call model.eval(), fix seeds, and keep nothing from one request to the next.",
                )
            )

    def _judge_memory(self) -> None:
        if self.memory.exceeded:
            peak = self.memory.peak_bytes or 0
            self.findings.append(above_limit(peak, self._job.memory_limit))
        if self.load is not None:
            grown = growth(self.memory.samples[self._leak_start :])
            self.findings.extend([grown] if grown else [])

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
            "findings": [finding.facts() for finding in self.findings],
            "handler": handler(self._entry_point, self.functions),
            "requirements": self.requirements,
            "payloads": self.payloads,
            "cold_load_in_second": self.cold_load_seconds,
            "load": self.load,
            "memory": None if peak is None else {"peak_in_megabyte": rounded(peak / MIB)},
        }


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
        with found_by_path(folder, job.output):
            verification.run()
        return verification.evaluation()
