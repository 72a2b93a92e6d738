"""Lets a model answer its sample payloads on two containers, and compares the answers."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from constructs_lib.configs import PipelineConfigs
from constructs_lib.release.doctor import evaluation_of


@dataclass(frozen=True)
class AnswerDifference:
    """A request that is answered in two ways."""

    name: str
    content_type: str
    accept: str
    before: str
    after: str

    def __str__(self) -> str:
        """Render one line."""
        request = f"{self.name} ({self.content_type} to {self.accept})"
        return f"{request}: {self.before} before, {self.after} after"


@dataclass(frozen=True)
class AnswerComparison:
    """What both containers answered."""

    count: int
    """Requests that one of them answered, or both."""
    differences: tuple[AnswerDifference, ...]
    errors: tuple[str, ...]
    """Why there is nothing to compare with, and what is wrong on the new container alone."""
    ways: tuple[str, str]
    """How each was asked."""

    @property
    def is_same(self) -> bool:
        """Whether there are answers of both, and nothing is different."""
        return not self.differences and not self.errors


def compare(before: PipelineConfigs, after: PipelineConfigs, model: Path) -> AnswerComparison:
    """Package a model for both containers, ask both every sample payload, and compare.

    Args:
        before: The pipeline as it is.
        after: The same on the other container.
        model: A ``model.tar.gz`` as it comes from training, or a folder laid out like one.

    Raises:
        ReleaseError: The model cannot be examined.
    """
    with tempfile.TemporaryDirectory(prefix="side-by-side-") as folder:
        old, new = (
            evaluation_of(configs, model, Path(folder) / name)
            for name, configs in (("before", before), ("after", after))
        )
    return compared(old, new)


def compared(old: Mapping[str, Any], new: Mapping[str, Any]) -> AnswerComparison:
    """Compare two evaluations, byte by byte where there are answers."""
    answers = {_request(each): each for each in old["payloads"]}
    others = {_request(each): each for each in new["payloads"]}
    requests = [
        request
        for request in dict.fromkeys((*answers, *others))
        if _content(answers.get(request)) or _content(others.get(request))
    ]
    differences = tuple(
        AnswerDifference(*request, _told(answers.get(request)), _told(others.get(request)))
        for request in requests
        if _content(answers.get(request)) != _content(others.get(request))
    )
    known = {(each["code"], each["message"]) for each in old["findings"]}
    errors = (
        *_why_nothing_is_comparable(old),
        *(_finding(each) for each in _errors(new) if (each["code"], each["message"]) not in known),
    )
    ways = (_way(old), _way(new))
    return AnswerComparison(len(requests), differences, errors, ways)


def _why_nothing_is_comparable(old: Mapping[str, Any]) -> list[str]:
    if any(each["answer_sha256"] for each in old["payloads"]):
        return []
    reasons = list(map(_finding, _errors(old))) or ["the pipeline has no sample payloads."]
    return [f"nothing to compare with: {each}" for each in reasons]


def _errors(evaluation: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [each for each in evaluation["findings"] if each["severity"] == "error"]


def _finding(finding: Mapping[str, Any]) -> str:
    return f"{finding['code']}: {finding['message']} {finding['fix']}"


def _request(answer: Mapping[str, Any]) -> tuple[str, str, str]:
    return answer["name"], answer["content_type"], answer["accept"]


def _content(answer: Mapping[str, Any] | None) -> tuple[Any, ...] | None:
    # What is wrong with an answer is told in other words where another way was taken to it.
    if answer is None or answer["answer_sha256"] is None:
        return None
    return answer["ok"], answer["answer_sha256"]


def _told(answer: Mapping[str, Any] | None) -> str:
    if answer is None:
        return "not asked"
    return str(answer["problem"] or answer["answer"])


def _way(evaluation: Mapping[str, Any]) -> str:
    return str(evaluation["server"]["described"])
