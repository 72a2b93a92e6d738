"""What is corrected of moto's interpreter of definitions, in this process."""

from __future__ import annotations

import json
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from threading import Event
from typing import Any

import pytest
from moto.stepfunctions.parser.asl.antlr.runtime.ASLParser import ASLParser
from moto.stepfunctions.parser.asl.component import eval_component
from moto.stepfunctions.parser.asl.component.common.retry.max_attempts_decl import MaxAttemptsDecl
from moto.stepfunctions.parser.asl.eval import states
from moto.stepfunctions.parser.asl.parse.asl_parser import ASLParserException

from benchmarks.faults.serving.interpreter import ACCOUNT, ExecutionOutcome, Interpreter
from local.emulator.workflows.interpreter import copy_documents_directly, parse_once

_ARN = f"arn:aws:states:us-east-1:{ACCOUNT}:execution:machine:1"


def _execute(definition: dict[str, Any], given: dict[str, Any]) -> ExecutionOutcome:
    interpreter = Interpreter(definition, lambda _event: None, lambda _input, _seconds: None)
    return interpreter.execute(given, _ARN, datetime.now(UTC))


def _chosen(path: str, comment: str) -> dict[str, Any]:
    state = {"Type": "Pass", "InputPath": path, "ResultPath": "$.chosen", "End": True}
    return {"Comment": comment, "StartAt": "Choose", "States": {"Choose": state}}


def test_a_definition_is_parsed_once_and_read_anew_for_each_input(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    definition, parsed = _chosen("$.of.one", "parsed once"), list[ASLParser]()
    parse = ASLParser.state_machine

    def note(parser: ASLParser) -> Any:
        parsed.append(parser)
        return parse(parser)

    monkeypatch.setattr(ASLParser, "state_machine", note)

    outputs = [_execute(definition, {"of": {"one": given}}).output for given in (1, [2])]

    assert [each["chosen"] for each in outputs] == [1, [2]]
    assert len(parsed) == 1


def test_executions_that_begin_to_count_at_once_count_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parse_once()
    counted, keys = MaxAttemptsDecl(), iter(("earlier", "later"))
    both_ask, one_counts = Event(), Event()

    def long_uid() -> str:
        key = next(keys)
        if key == "later":
            both_ask.set()
        (both_ask if key == "earlier" else one_counts).wait(20)
        return key

    monkeypatch.setattr(eval_component, "long_uid", long_uid)
    with ThreadPoolExecutor(2) as executions:
        asked = [executions.submit(lambda: counted.heap_key) for _ in range(2)]
        wait(asked, return_when=FIRST_COMPLETED)
        one_counts.set()
        first, second = (each.result() for each in asked)

    assert first == second == counted.heap_key


def test_a_definition_that_is_none_is_refused_each_time() -> None:
    for _ in range(2):
        with pytest.raises(ASLParserException):
            _execute({"StartAt": "Nowhere", "States": 1}, {})


def test_what_one_state_changes_another_s_document_keeps() -> None:
    given = {"of": {"one": [{"deep": True}]}}

    outcome = _execute(_chosen("$.of", "changes its input"), given)

    assert outcome.output == {**given, "chosen": given["of"]}
    outcome.output["chosen"]["one"][0]["deep"] = False
    assert outcome.output["of"] == given["of"] == {"one": [{"deep": True}]}


def test_copies_share_nothing_that_can_change() -> None:
    copy_documents_directly()
    document = {
        "texts": ["a", {"b": [None, True, 1, 2.5]}],
        "moment": datetime.now(UTC),
        "kinds": {1},
    }

    copied = states.copy.deepcopy(document)

    assert copied == document
    before = json.dumps(document, default=str)
    copied["texts"][1]["b"].append("more")
    copied["kinds"].add(2)
    assert json.dumps(document, default=str) == before
