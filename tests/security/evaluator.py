"""Evaluates the requests of the proofs, and refuses wrong questions."""

from __future__ import annotations

import atexit
from collections.abc import Sequence
from typing import Final

from local.emulator.authorization.evaluator import ROOT, Evaluator, Policy, Request

__all__ = ["ROOT", "Policy", "Request", "evaluate"]

_EVALUATOR: Final = Evaluator()
"""One for all proofs: they ask the same again and again, after each removal of another part."""
atexit.register(_EVALUATOR.close)


def evaluate(requests: Sequence[Request]) -> list[bool]:
    """Tell which requests are allowed.

    Raises:
        AssertionError: The evaluator knows no such action, resource or context key, or finds a
            policy malformed: the test asks a wrong question.
    """
    answers = [_EVALUATOR.answer(request) for request in requests]
    wrong = [
        (request.name, request.action, request.resource, answer)
        for request, answer in zip(requests, answers, strict=True)
        if answer.errors or answer.ignored
    ]
    if wrong:
        raise AssertionError(f"The evaluator cannot answer: {wrong}")
    return [answer.is_allowed for answer in answers]
