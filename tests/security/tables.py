"""The tables of ``docs/security.md``, from the policies, the rule packs and the proofs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from constructs_lib.language.service_calls import SERVICE_CALLS, Caller, On
from tests.hostile.inputs import NAMES, REFUSED_EDITS, TEXTS
from tests.security.calls import Call
from tests.security.deployment import ACCOUNT, Deployment
from tests.security.forbidden import ForbiddenCalls
from tests.security.policies import AttachedPolicy, listed
from tests.security.proof import ADDITIONAL_KEY, Proof
from tests.security.reasons import REASONS, RESOURCE_POLICIES, ROLES
from tests.security.removals import Removals

_DESCRIBED = {
    "shipped": "as it ships",
    "extended": "trains, load-tests, own data and key, endpoints",
    "operated": "triggers, alarms, notifications, endpoints that serve, GitHub",
    "existing_vpc": "into an existing VPC",
}


_EACH_REGION = "ServingRole"


def table(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """Write a Markdown table."""
    header = list(header)
    lines = [header, ["---"] * len(header), *(list(map(str, row)) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def figures(proofs: Mapping[str, Proof]) -> str:
    """How many calls and statements were tried, per deployment."""
    rows = [
        [
            _DESCRIBED[name],
            len(proof.roles),
            len(set(_identities(proof.calls))),
            sum(len(set(_identities(calls))) for calls in ForbiddenCalls(proof).by_kind().values()),
            len(Removals(proof).allowing_statements()),
            sum(
                each["Effect"] == "Deny" for policy in proof.policies for each in policy.statements
            ),
            len(Removals(proof).parts_of_roles()),
        ]
        for name, proof in proofs.items()
    ]
    header = [
        "deployment",
        "roles",
        "needed calls, all allowed",
        "forbidden calls, all refused",
        "allowing statements, each needed",
        "refusing statements, each needed",
        "actions and resources of roles, each needed",
    ]
    return table(header, rows)


def _identities(calls: Iterable[Any]) -> Iterator[str]:
    for call in calls:
        context = sorted((key, str(value)) for key, value in call.context.items())
        yield f"{call.caller} {call.action} {call.resource} {context} {call.in_vpc}"


def refused(proofs: Mapping[str, Proof]) -> str:
    """How many forbidden calls were tried, by kind."""
    counts = {
        name: {kind: len(set(_identities(calls))) for kind, calls in each.by_kind().items()}
        for name, each in ((name, ForbiddenCalls(proof)) for name, proof in proofs.items())
    }
    kinds = next(iter(counts.values()))
    return table(
        ["refused", *(_DESCRIBED[name] for name in proofs)],
        [[kind, *(counts[name][kind] for name in proofs)] for kind in kinds],
    )


def service_calls() -> str:
    """Every call that SageMaker makes for a step: as whom, on what, and by which document."""
    rows: dict[tuple[Caller, On, tuple[str, ...], str], list[str]] = {}
    for call in SERVICE_CALLS:
        key = (call.by, call.on, call.step_types, call.source)
        rows.setdefault(key, []).append(f"`{call.action}`")
    return table(
        ["as", "on", "calls", "of steps", "document"],
        [
            [by.value, on.value, ", ".join(actions), ", ".join(step_types), source]
            for (by, on, step_types, source), actions in rows.items()
        ],
    )


@dataclass
class _Row:
    actions: list[str] = field(default_factory=list)
    resources: list[str] = field(default_factory=list)
    conditions: list[str] = field(default_factory=list)
    needed_by: list[str] = field(default_factory=list)

    def add(self, **values: Iterable[str]) -> None:
        for name, found in values.items():
            known = getattr(self, name)
            known += [each for each in dict.fromkeys(found) if each not in known]


def statements(proofs: Mapping[str, Proof]) -> str:
    """Every statement of every role: what, where, and why."""
    rows: dict[tuple[str, str], _Row] = {}
    for proof in proofs.values():
        removals = Removals(proof)
        of_roles = [each for each in removals.allowing_statements() if each.changed.kind == "role"]
        for removal in of_roles:
            row = rows.setdefault((role_name(removal.changed), removal.statement["Sid"]), _Row())
            answers = zip(removal.calls, removals.allowed_after(removal), strict=True)
            failed = [call for call, allowed in answers if not allowed]
            _add(row, proof.deployment, removal.statement, failed)
    header = ["role of", "statement", "why", "actions", "resources", "needed by"]
    return table(
        header,
        [
            [ROLES[role], sid, REASONS[role, sid], *_cells(row)]
            for (role, sid), row in sorted(rows.items())
        ],
    )


def _add(
    row: _Row, deployment: Deployment, statement: dict[str, Any], failed: Iterable[Call]
) -> None:
    row.add(
        actions=listed(statement, "Action"),
        resources=[_short(each, deployment) for each in listed(statement, "Resource")],
        conditions=_conditions(statement),
        needed_by=[_without_hash(call.by) for call in failed],
    )


def _cells(row: _Row) -> list[str]:
    resources = [f"`{each}`" for each in row.resources]
    return [
        ", ".join(f"`{each}`" for each in row.actions),
        ", ".join(resources) + "".join(f"; {each}" for each in row.conditions),
        ", ".join(sorted(row.needed_by)),
    ]


def _conditions(statement: Mapping[str, Any]) -> list[str]:
    return [
        f"`{key}` = `{value}`"
        for members in statement.get("Condition", {}).values()
        for key, value in members.items()
    ]


def role_name(policy: AttachedPolicy) -> str:
    """The role's logical id without its hash, and for roles of one region each without that."""
    name = _without_hash(policy.owner.logical_id)
    return _EACH_REGION if name.startswith(_EACH_REGION) else name


def _without_hash(logical_id: str) -> str:
    return re.sub(r"[0-9A-F]{8}$", "", logical_id)


def _short(arn: str, deployment: Deployment) -> str:
    """Write a resource for readers: without account and regions, and without digests."""
    owners = sorted(deployment.by_arn, key=len, reverse=True)
    owner = next((each for each in owners if ":" in each and arn.startswith(each)), None)
    if owner is not None:
        found = deployment.by_arn[owner]
        prefix = "registry's " if "registry" in found.stack else ""
        return f"{prefix}{_without_hash(found.logical_id)}{arn.removeprefix(owner)}"
    if arn == ADDITIONAL_KEY:
        return "additional_key_arns"
    text = re.sub(r"[0-9a-f]{64}", "…", arn.removeprefix("arn:aws:"))
    text = re.sub(r"(role/cdk-.*-ACCOUNT)-.*", r"\1-REGION", text.replace(ACCOUNT, "ACCOUNT"))
    text = re.sub(r":[a-z]{2}-[a-z]+-\d:", "::", text)
    return re.sub(r"^([a-z0-9]+):+(\d+:)?", r"\1 ", text.replace(":ACCOUNT:", ":"))


def resource_policies(proofs: Mapping[str, Proof]) -> str:
    """Every statement of the policies of resources, and why."""
    found: dict[tuple[str, str], _Row] = {}
    for proof in proofs.values():
        for policy in proof.policies:
            if policy.kind != "role":
                for statement in policy.statements:
                    row = found.setdefault((policy.kind, statement_name(policy, statement)), _Row())
                    row.add(actions=[statement["Effect"]], conditions=_conditions_keys(statement))
    return table(
        ["policy of a", "statement", "effect", "why", "depends on"],
        [
            [
                {"trust": "role (who assumes it)"}.get(kind, kind),
                name,
                ", ".join(row.actions),
                RESOURCE_POLICIES[kind, name],
                ", ".join(f"`{each}`" for each in sorted(row.conditions)),
            ]
            for (kind, name), row in sorted(found.items())
        ],
    )


def _conditions_keys(statement: Mapping[str, Any]) -> list[str]:
    return [key for members in statement.get("Condition", {}).values() for key in members]


def statement_name(policy: AttachedPolicy, statement: Mapping[str, Any]) -> str:
    """The ``Sid``; CDK gives none, or a generated one, to some statements."""
    name = str(statement.get("Sid", ""))
    generated = policy.kind in ("function", "queue") or not name
    return f"{statement['Effect']} {statement['Action']}" if generated else name


def rule_packs(stacks: Mapping[str, tuple[int, int, int, int]]) -> str:
    """What the rule packs say, per deployment: stacks, resources, findings and accepted ones."""
    header = ["deployment", "stacks", "resources", "findings", "accepted findings"]
    named = {name: _DESCRIBED.get(name, f"`-c environment={name}`") for name in stacks}
    return table(header, [[named[name], *numbers] for name, numbers in stacks.items()])


def accepted(findings: Iterable[tuple[str, str, str]]) -> str:
    """The findings of the rule packs that are accepted: rule, construct and reason."""
    where: dict[tuple[str, str], Counter[str]] = {}
    for rule, construct, reason in findings:
        key = rule.partition("[")[0], reason
        path = construct.removeprefix("model-release-").removesuffix("/Resource")
        where.setdefault(key, Counter())[path] += 1
    rows = [
        [f"`{rule}`", ", ".join(f"`{path}`" for path in sorted(paths)), reason]
        for (rule, reason), paths in sorted(where.items())
    ]
    return table(["finding", "resource", "reason"], rows)


def inputs() -> str:
    """Hostile values that are tried, by kind."""
    edits = [
        [kind, len(values), "refused at its place", "test_hostile_configs.py"]
        for kind, values in REFUSED_EDITS.items()
    ]
    rows = [[*row[:3], f"`{row[3]}`"] for row in (*edits, *_OTHER_INPUTS)]
    return table(["input", "tried", "then", "by"], rows)


_OTHER_INPUTS: list[list[Any]] = [
    ["texts for people", len(TEXTS), "kept as text", "test_hostile_configs.py"],
    ["names on the command line", len(NAMES), "refused in words", "test_hostile_settings.py"],
    [
        "10 MB strings, nesting of 101 to 200,000 levels",
        5 + 6,
        "refused before they are parsed",
        "test_hostile_configs.py",
    ],
    [
        "quotes, separators, formulas and line ends in special fields",
        "any",
        "one CSV row, one JSON object",
        "test_hostile_configs.py",
    ],
    ["`cdk.json` settings", "any", "read, or refused in words", "test_hostile_settings.py"],
    ["config files", "any", "loaded, or each problem listed", "test_config_robustness.py"],
    ["execution documents", "any", "filled, or refused in words", "test_hostile_documents.py"],
    ["references", "any", "resolved, or named in words", "test_hostile_documents.py"],
    ["events of the functions", "any", "refused in words", "test_hostile_events.py"],
    [
        "model archives: damaged, unsafe, any",
        "any",
        "kept byte for byte, or refused",
        "test_package_model_properties.py",
    ],
    [
        "model archives: what readers understand differently",
        "any",
        "written the usual way, or refused",
        "test_archive_fuzz.py",
    ],
]
