"""What happened in a deployment, in words: a line for each thing, in the order of events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from constructs_lib.endpoints.deployment import DeploymentExecution, DeploymentTask

_SHORT_DIGEST: Final = 8
_ALL: Final = ""
"""Region of what concerns all of them."""
_RETRIED: Final = "Lambda."
"""How the errors begin after which the workflow calls its function again."""
_WHILE: Final = {
    "resolve": "finding out what is to be done",
    "prepare": "preparing",
    "update": "updating",
    "look": "looking at it",
    "look_again": "looking at it again",
    "ask": "sending it sample requests",
    "try": "trying it",
    "record": "recording who serves what",
    "take_back": "taking it back",
    "record_failure": "recording the failure",
    "remove": "removing it",
}


class News(NamedTuple):
    """Something that happened."""

    number: int
    """Of the event: what happened later has a greater one."""
    time: datetime
    region: str
    """Name of the region; empty for what concerns all."""
    state: str
    """One or two words; empty for what concerns all."""
    text: str
    is_bad: bool = False


def news_of(deployment: DeploymentExecution) -> list[News]:
    """Return what happened, in order; what is read later of the same execution only adds to it."""
    told = [*_news(deployment)]
    return sorted(told, key=lambda each: each.number)


def _news(deployment: DeploymentExecution) -> Iterator[News]:
    seen: set[tuple[str | None, str, str]] = set()
    waves = _Waves(deployment)
    for task in deployment.tasks:
        yield from waves.begun_by(task)
        if task.action == "update":
            yield _line(task, task.number, "updating", _whereto(task))
        if task.failure is not None:
            yield _failed(task)
        elif task.outcome is not None:
            for news in _ended(deployment, task, task.outcome):
                key = (task.region, news.state, news.text)
                if task.action in _SEEN_ONCE and key in seen:
                    continue
                seen.add(key)
                yield news
    yield from waves.baking()


_SEEN_ONCE: Final = frozenset({"resolve", "look", "look_again", "take_back", "remove"})
"""Actions that are repeated until they have come to their end."""


class _Waves:
    """Tells when the next wave begins, and for how long it bakes."""

    def __init__(self, deployment: DeploymentExecution) -> None:
        self._deployment = deployment
        self._begun = 0

    def begun_by(self, task: DeploymentTask) -> Iterator[News]:
        waves = self._deployment.waves
        if task.action != "prepare":
            return
        number = next((n for n, wave in enumerate(waves, 1) if task.region in _codes(wave)), 0)
        if number > self._begun:
            self._begun = number
            codes = ", ".join(_codes(waves[number - 1]))
            text = f"Wave {number} of {len(waves)}: {codes}"
            yield News(task.number - 1, task.start_time, _ALL, "", text)

    def baking(self) -> Iterator[News]:
        seconds = int(self._settings().get("bake_seconds", 0))
        if seconds:
            for wave, (number, time) in enumerate(self._deployment.waits, 1):
                yield News(number, time, _ALL, "", f"Wave {wave} bakes for {seconds} s")

    def _settings(self) -> Mapping[str, Any]:
        return self._deployment.settings


def _codes(wave: Iterable[Mapping[str, Any]]) -> list[str]:
    return [str(each["region_code"]) for each in wave]


def _ended(
    deployment: DeploymentExecution, task: DeploymentTask, outcome: Mapping[str, Any]
) -> Iterator[News]:
    number, status = task.end_number or task.number, str(outcome.get("status", ""))
    match task.action, status:
        case "resolve", "ready":
            yield _about_all(task, _plan(deployment, outcome))
        case "resolve", _:
            yield _about_all(task, str(outcome.get("reason") or status))
        case "prepare", _:
            yield _line(task, number, "prepared", str(outcome.get("endpoint_config_name", "")))
        case "look", "serving":
            yield _line(task, number, "serving", f"version {task.target.get('version')}")
        case "look_again", "serving":
            yield from _unproven(task, number, outcome)
        case "try", _:
            yield _line(task, number, "answering", _answers(outcome.get("answers", [])))
        case "take_back", "in_progress":
            yield _line(task, number, "going back", _former(task))
        case "take_back", _:
            words = {"needs_person": "needs you", "restored": "back", "unchanged": "untouched"}
            reason = str(outcome.get("reason") or _former(task))
            bad = status == "needs_person"
            yield _line(task, number, words.get(status, status), reason, is_bad=bad)
        case "remove", _:
            state = "being removed" if status == "in_progress" else "removed"
            yield _line(task, number, state, "")


def _unproven(task: DeploymentTask, number: int, outcome: Mapping[str, Any]) -> Iterator[News]:
    """Tell that its alarms had nothing to judge."""
    proven = (outcome.get("seen") or {}).get("proven")
    if proven and not proven["invocations"]:
        yield _line(task, number, "unproven", "no requests while it baked")


def _line(
    task: DeploymentTask, number: int, state: str, text: str, *, is_bad: bool = False
) -> News:
    time = task.start_time if number == task.number else task.end_time or task.start_time
    return News(number, time, task.region or _ALL, state, text, is_bad)


def _about_all(task: DeploymentTask, text: str) -> News:
    return _line(task, task.end_number or task.number, "", text)


def _failed(task: DeploymentTask) -> News:
    reason = task.failure or "no reason was told"
    if (task.error or "").startswith(_RETRIED):
        reason = f"{_WHILE.get(task.action, task.action)} is tried again: {reason}"
        return _line(task, task.end_number or task.number, "again", reason)
    return _line(task, task.end_number or task.number, "failed", reason, is_bad=True)


def _plan(deployment: DeploymentExecution, plan: Mapping[str, Any]) -> str:
    regions = ", ".join(code for wave in plan.get("waves", []) for code in _codes(wave))
    if deployment.action == "undeploy":
        return f"The endpoints go: {regions}"
    version = plan.get("version") or {}
    digest = str(version.get("content") or "")[:_SHORT_DIGEST]
    content = f" (content {digest})" if digest else ""
    verb = "goes back to" if deployment.action == "rollback" else "gets"
    return f"Each region {verb} version {version.get('number')}{content}: {regions}"


def _whereto(task: DeploymentTask) -> str:
    before = (task.target.get("former") or {}).get("version")
    version = f"version {task.target.get('version')}"
    return f"{version}, before {before}" if before else f"{version}, the first here"


def _former(task: DeploymentTask) -> str:
    former = task.target.get("former") or {}
    return f"version {former['version']}" if former.get("version") else "nothing served before"


def _answers(answers: list[Mapping[str, Any]]) -> str:
    if not answers:
        return "the version has no sample requests"
    slowest = max(float(each.get("milliseconds", 0)) for each in answers)
    requests = "1 sample request" if len(answers) == 1 else f"{len(answers)} sample requests"
    return f"{requests}, {slowest:,.0f} ms at most"
