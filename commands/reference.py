"""Writes docs/commands.md from the commands themselves: ``python -m commands.reference``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from commands.program import GROUPS, command, function
from commands.terminal.exit_codes import ExitCode
from commands.terminal.help_texts import description, examples, name_values

PATH: Final = Path(__file__).resolve().parents[1] / "docs" / "commands.md"

_INTRODUCTION: Final = """\
# Commands

Written by `python -m commands.reference` from the commands themselves; a test checks that it is
current.

`release` is the command line's name, with the environment activated (`source .venv/bin/activate`);
`python cli.py` is the same. `release --install-completion` lets the shell complete commands,
options and names of pipelines.

## Which AWS

A command that talks to AWS says to which on standard error, for example
`AWS: real, profile prod, us-east-1` or `AWS: embedded, http://localhost:4566, us-east-1`.

| given | it talks to |
|---|---|
| nothing | the real AWS, with the credentials of the environment |
| `--profile NAME` | the real AWS, with that profile |
| `--local` | the embedded AWS at `http://localhost:4566` |
| `AWS_ENDPOINT_URL` | the embedded AWS there |

The embedded AWS executes nothing itself. So `start --local` is the command `run`, which executes
the pipeline in this process and waits; `status --local` and `logs --local` read the records that
`run` and `demo` leave in `.local`.

## Exit codes

| code | means |
|---|---|
"""

_CODES: Final = {
    ExitCode.DONE: "done; of a check: nothing wrong was found",
    ExitCode.ERROR: "bad input, a problem found, or an execution that failed: see the message",
    ExitCode.USAGE: "the command line is wrong: unknown command or option, missing argument",
    ExitCode.AWS: "AWS refused or did not answer: credentials, permissions, throttling, network",
    ExitCode.CHANGED: "of `diff --exit-code` only: something changes",
    ExitCode.INTERRUPTED: "Ctrl-C (at a question: 1)",
}

_JSON: Final = """
What goes wrong is one message on standard error: what, the value, what is allowed, the likely fix.
A traceback is a defect of this project.

## JSON

Every command takes `--json`: one document on standard output, and everything else, errors too, as
text on standard error. `emulator --json` prints its document as one line when it is ready, because
it serves until it is stopped.

| command | document |
|---|---|
| `new` | `{folder}` |
| `validate` | list of `{name, pipeline, valid, error, findings: [{severity, text}]}`, with `endpoint: {name, waves}` where the config has one |
| `definition` | the definition (always JSON) |
| `diff` | `{pipelines: [{name, status, summary, replaced, changes, steps}], stacks: [{name, status, summary, count, resources}], serving: [{name, status, summary, changes}]}` |
| `graph` | `{output, steps: [{name, type}], edges: [{from, to, kind}]}` |
| `payloads` | `{archive, payloads: {member: text}}` |
| `package` | `{model, manifest}` and the members of `manifest.json`: digests, sizes, counts |
| `check-archive` | `evaluation.json`, see [verification](verification.md) |
| `emulator` | `{endpoint, environment: {variable: value}}` |
| `deploy-local` | `{endpoint, stacks: [{name, region}]}` |
| `move` | `{name, to, file, changed, changes: [{path, before, after}], code: [{severity, file, line, message}], answers: {same, count, differences, errors, ways} or null}` |
| `demo`, `run`, `start --local` | that of `status`, and `{packages, model, folder, report}` |
| `demo --rollback` | that of `deploy`, and `notification: {subject, text}` |
| `report` | `{report}` |
| `start` | `{pipeline, arn, parameters}`; with `--wait` that of `status` |
| `status` | `{pipeline, id, arn, status, start_time, end_time, duration_in_second, failure_reason, steps: [{name, status, duration_in_second, reason, log, log_group, log_stream_prefix, start_time, end_time}]}` |
| `executions` | list of `{id, arn, status, start_time, end_time, duration_in_second}` |
| `logs` | `{step, log, lines}` |
| `stop`, `retry` | `{pipeline, id, arn}`; `retry` with `--wait` that of `status`, with `--local` that of `run` |
| `replay` | `{id, time, pipeline, region, agree, against: {version, why, …}, version: {version, …}, requests: {from, sent, agreeing, differing, …}, tolerances, fields: [{name, value_count, differing_count, absolute_difference, …, examples}], latency_in_millisecond: {against, version}, judged, report}` |
| `packages`, `approve`, `reject` | list of `{region, group, version, arn, approval_status, approval_description, creation_time, artifact_uri, metadata, measured}` |
| `deploy`, `rollback`, `undeploy` | `{pipeline, id, arn, action, status, result, version, start_time, end_time, duration_in_second, failure_reason, regions, report}`, `regions` as `endpoints` prints them; with `--no-wait` `{pipeline, arn}` |
| `endpoints` | list of `{pipeline, endpoint, region_code, aws_region, wave, status, version, approval_status, content, since, endpoint_config_name, instance_type, instance_count, desired_count, failure_reason, changed_by_hand, differs}` |
| `invoke` | list of `{region_code, aws_region, endpoint, version, error, milliseconds, content_type, body or body_base64}` |
| `clean-models` | `{deleted: [name], kept: [{name, endpoint_config}]}` |
| `execution-document` | `{document, step_configs: {step: STEP_CONFIG}}` |
| `doctor` | list of `{name, state, detail, fix}`, `state` one of `ok`, `warning`, `problem`, `unknown` |
"""  # noqa: E501  # rows of a table


def reference() -> str:
    """Return the text of docs/commands.md."""
    codes = "".join(f"| {code.value} | {_CODES[code]} |\n" for code in ExitCode)
    groups = "".join(
        f"\n## {title}\n" + "".join(map(_section, group)) for title, group in GROUPS.items()
    )
    return _INTRODUCTION + codes + _JSON + groups


def _section(name: str) -> str:
    found: Any = command(name)
    rows = "".join(f"| {names} | {text} |\n" for names, text in _parameters(found))
    lines = "".join(f"$ {line}\n" for line in examples(function(name)))
    shown = f"\n<!-- not run: examples -->\n```console\n{lines}```\n" if lines else ""
    return (
        f"\n### release {name}\n\n{description(function(name))}\n{shown}"
        f"\n| argument or option | |\n|---|---|\n{rows}"
    )


def _parameters(found: Any) -> Iterator[tuple[str, str]]:
    for parameter in found.params:
        name_values(parameter)
        if parameter.param_type_name == "argument":
            names = parameter.metavar
            yield f"`{names if parameter.required else f'[{names}]'}`", parameter.help or ""
        else:
            value = f" {parameter.metavar}" if parameter.metavar else ""
            names = (*parameter.opts, *parameter.secondary_opts)
            yield ", ".join(f"`{each}{value}`" for each in names), parameter.help or ""


if __name__ == "__main__":
    PATH.write_text(reference())
