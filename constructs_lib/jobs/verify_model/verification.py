"""One model's judgement."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

from ..common.errors import JobError
from ..common.limits import MIB
from ..common.progress import Ticker
from .answers.excerpts import excerpt
from .answers.expected import check_expected
from .answers.responses import ResponseError, check_response
from .direct import DirectCalls
from .evaluation import artifact, environment, gate, handler, summary
from .failures import HANGS
from .findings import FoundProblems, ModelFinding, RefusedModelError, shortened
from .job import VerificationJob, read_container, read_findings, read_own_samples, read_request
from .layout import check_code, found_by_path, is_in_aws, lay_out, layout_finding, requirements_of
from .load import Arrivals, LoadTest, load_findings, load_numbers, rounded
from .memory import MemorySampler, above_limit, growth
from .payloads import Payload, read_payloads
from .server.environment import worker_count
from .server.over_http import ServerCalls
from .server.starting import (
    NoServerError,
    called_directly_finding,
    no_server_finding,
    server_facts,
    server_start,
)
from .worker import Worker, WorkerEndedError, WorkerSilentError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .server.connection import Connection

Asker = Union[Worker, "Connection"]
"""What a payload is sent to."""


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
        self._container = read_container(job.request)
        self.memory = MemorySampler(job.memory_limit * MIB if job.memory_limit else None)
        self.found = FoundProblems(read_findings(job.findings))
        direct = DirectCalls(
            job,
            self._declared,
            folder,
            self.found,
            self.memory,
            container=self._container.container,
        )
        self._way: Any = direct
        """How the model is asked: these calls, or a :class:`ServerCalls`."""
        self._server: dict[str, Any] = server_facts(self._container, None, "")
        self.requirements: list[str] = []
        self.payloads: list[dict[str, Any]] = []
        self.cold_load_seconds: float | None = None
        self.load: dict[str, Any] | None = None
        self._leak_start = 0
        self._answers: dict[Payload, dict[str, Any]] = {}
        """The first good answer to each."""
        self._hangs = False
        self._ticker = Ticker(job.progress_seconds)

    def run(self) -> None:
        """Judge."""
        try:
            if self.found.errors:
                return
            self._ticker.doing("unpacking the model")
            lay_out(self._job.model, self._folder, self._job.limits)
            if self._job.code_sha256 is not None:
                check_code(self._folder, self._job.code_sha256)
            self._read_requirements()
            if self._container.has_functions:
                finding = layout_finding(self._folder, self._entry_point)
                if finding is not None:
                    self.found.add(finding)
                    return
            with found_by_path(self._folder, self._job.output):
                try:
                    self._serve()
                finally:
                    self._way.stop()
        except RefusedModelError as error:
            self.found.add_refusal(error)
        finally:
            self.memory.stop()
            self._ticker.stop()
            self._judge_memory()

    def _read_requirements(self) -> None:
        self.requirements = requirements_of(self._folder)
        if self.requirements:
            self.found.add(
                ModelFinding(
                    # What an image of the user's own does with it, only they know.
                    "warning" if self._container.container == "custom" else "error",
                    "requirements-not-installed",
                    "code/requirements.txt asks for packages; the start of the container ends when "
                    "an endpoint without network cannot install them: "
                    f"{shortened(', '.join(self.requirements))}.",
                    "Use what the container has, or put pure Python packages into code/, and "
                    "remove the file.",
                )
            )

    def _serve(self) -> None:
        own = read_own_samples(self._job.request)
        payloads = read_payloads(self._job.payload, self._request, own)
        if not self._choose_way():
            return
        started = time.monotonic()
        self._ticker.doing("loading the model")
        asker = self._way.start(payloads[0])
        self.cold_load_seconds = rounded(time.monotonic() - started)
        good = []
        for number, payload in enumerate(payloads, 1):
            self._ticker.doing(f"waiting for answer {number} of {len(payloads)}, to {payload}")
            asker = self._way.running(asker)
            if self._try(asker, payload):
                good.append(payload)
            elif self._hangs:
                self.found.tell_unsent(len(payloads) - number)
                return
        if not good or self.memory.exceeded:
            return
        if self._job.load_seconds:
            self._measure(asker, good)
        else:
            self._ask_again(asker, good)

    def _choose_way(self) -> bool:
        """Take the container's server where it can be started; tells whether there is a way."""
        container, direct = self._container, self._way
        try:
            start = server_start(container, self._job, self._declared, self._folder)
        except NoServerError as error:
            self._server = server_facts(container, None, str(error))
            if not container.has_functions:
                self.found.add(no_server_finding(str(error)))
            elif is_in_aws(self._job.output):
                self.found.add(called_directly_finding(str(error)))
            return container.has_functions
        functions = direct if container.has_functions else None
        self._way = ServerCalls(self._job, start, self._folder, functions, self.memory)
        self._server = server_facts(container, start, "")
        self._ticker.doing("importing the code")
        self._way.check_import()
        return True

    def _try(self, asker: Asker, payload: Payload) -> bool:
        """Send one payload for the first time, and judge its answer; tells whether it is good."""
        started = time.monotonic()
        body: bytes | None = None
        problem = None
        try:
            reply = self._way.ask(asker, payload)
            body = base64.b64decode(reply["body"])
            self._check(payload, reply)
            self._answers[payload] = reply
        except ResponseError as error:
            problem = self._tell(payload, error, self._way.printed(asker))
        self.payloads.append(
            {
                "name": payload.name,
                "content_type": payload.content_type,
                "accept": payload.accept,
                "ok": problem is None,
                "latency_in_millisecond": rounded(1000 * (time.monotonic() - started)),
                "response_bytes": len(body or b""),
                "answer": None if body is None else excerpt(body),
                "answer_sha256": None if body is None else hashlib.sha256(body).hexdigest(),
                "problem": problem,
            }
        )
        return problem is None

    def _tell(self, payload: Payload, error: ResponseError, printed: str = "") -> str:
        self._hangs = self._hangs or error.code == HANGS
        return self.found.tell(payload, error, printed)

    def _ask_again(self, asker: Asker, payloads: Sequence[Payload]) -> None:
        """Send the answered payloads once more, as a load would: the answers should be equal."""
        answers: dict[Payload, list[dict[str, Any]]] = {}
        for payload in payloads:
            self._ticker.doing(f"waiting for a second answer to {payload}")
            asker = self._way.running(asker)
            try:
                answers[payload] = [self._way.ask(asker, payload)]
            except ResponseError as error:
                message = f"{error}, when it is sent again"
                again = ResponseError(error.code, message, error.fix, error.traceback)
                self._tell(payload, again, self._way.printed(asker))
                if self._hangs:
                    break
        self._judge_answers(answers)

    def _check(self, payload: Payload, reply: Mapping[str, Any]) -> None:
        """Compare an answer with what is declared, and with what is expected of it."""
        body, variables = base64.b64decode(reply["body"]), self._request["output_variables"]
        records = check_response(body, reply["content_type"], payload, variables)
        if payload.expected is not None:
            names = [name for name, _ in variables]
            check_expected(records, payload.expected, names, payload.name)

    def _measure(self, asker: Asker, payloads: Sequence[Payload]) -> None:
        """Send the payloads that are answered at the expected rate."""
        given = self._job.workers or self._container.workers
        count = given or worker_count(self._declared)
        self._ticker.doing(f"sending requests for {self._job.load_seconds:g} s")
        limits = self._request["load_test"]
        allowed_seconds = limits["max_latency_in_millisecond"] / 1000
        askers = self._way.crew(asker, count, limits["expected_tps"] * allowed_seconds)
        for each in askers[:count]:
            # The first answer of a process pays for caches and lazy imports.
            with contextlib.suppress(WorkerEndedError, WorkerSilentError):
                each.ask(payloads[0], self._job.request_timeout)
        self._leak_start = len(self.memory.samples)
        arrivals = Arrivals(limits["expected_tps"], self._job.load_seconds)
        grace_seconds = min(self._job.request_timeout, max(2.0, 5 * allowed_seconds))
        test = LoadTest(payloads, self._way.replacement)
        result = test.run(askers, arrivals, grace_seconds)
        self.load = load_numbers(result, arrivals, count, allowed_seconds)
        self.found.add(*load_findings(self.load, limits))
        self._judge_answers(test.answers)

    def _judge_answers(self, answers: Mapping[Payload, Sequence[dict[str, Any]]]) -> None:
        """Compare later answers with the declaration, and with the first ones."""
        differing = []
        for payload, replies in answers.items():
            for reply in replies:
                try:
                    self._check(payload, reply)
                except ResponseError as error:
                    if not self.found.has_told(payload, error):
                        self._tell(payload, error)
            if any(reply != self._answers[payload] for reply in replies):
                differing.append(payload)
        if differing:
            self.found.add(
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
            self.found.add(above_limit(peak, self._job.memory_limit))
        if self.load is not None:
            grown = growth(self.memory.samples[self._leak_start :])
            self.found.add(*([grown] if grown else []))

    def evaluation(self) -> dict[str, Any]:
        """Everything, as ``evaluation.json`` holds it."""
        errors = self.found.errors
        if self.load is None and self._job.load_seconds and not errors:
            raise JobError("nothing was measured and nothing found: this script is wrong")
        limits = self._request["load_test"]
        peak = self.memory.peak_bytes
        return {
            "schema_version": 1,
            "verdict": "failed" if errors else "passed",
            "summary": summary(errors, self.load, self._server if self.payloads else None),
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
            "findings": [finding.facts() for finding in self.found.findings],
            "handler": handler(self._entry_point, self._way.functions),
            "server": {**self._server, "first_answer_in_second": self._way.first_answer_seconds},
            "requirements": self.requirements,
            "payloads": self.payloads,
            "cold_load_in_second": self.cold_load_seconds,
            "load": self.load,
            "memory": None if peak is None else {"peak_in_megabyte": rounded(peak / MIB)},
        }


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
