"""What a report tells, for executions that went well and others that did not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from constructs_lib.configs import CONFIG_CLASSES
from local.report import REPORT_NAME, observe, write_report
from local.report.observations import Observations, read_observations
from local.runner.language.errors import ExecutionRecordError
from local.runner.records import Execution, StepExecution, StepStatus
from tests.local.report.conftest import ARN, START

if TYPE_CHECKING:
    from tests.local.report.conftest import Samples

_VOID = {"br", "hr", "link", "meta"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str | None]
    children: list[Element | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(child if isinstance(child, str) else child.text for child in self.children)

    def all(self, tag: str, **attributes: str) -> Iterator[Element]:
        for child in self.children:
            if isinstance(child, Element):
                if child.tag == tag and attributes.items() <= child.attributes.items():
                    yield child
                yield from child.all(tag, **attributes)

    def rows(self, caption: str) -> list[list[str]]:
        """The cells of the table with a caption."""
        (table,) = (each for each in self.all("table") if next(each.all("caption")).text == caption)
        (body,) = table.all("tbody")
        return [
            [cell.text for cell in row.children if isinstance(cell, Element)]
            for row in body.all("tr")
        ]

    def section(self, name: str) -> Element:
        return next(self.all("section", id=name))


class Parser(HTMLParser):
    """Builds a tree; fails on a tag that does not close the last one opened."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Element("", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, dict(attrs))
        assert len(element.attributes) == len(attrs), f"an attribute twice: {tag} {attrs}"
        self.open[-1].children.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def page_of(folder: Path) -> Element:
    parser = Parser()
    parser.feed(write_report(folder).read_text(encoding="utf-8"))
    parser.close()
    assert parser.open == [parser.root]
    return parser.root


def states(page: Element) -> dict[str, str]:
    rows = page.rows("When each step ran, from the start of the execution to its end")
    return {row[0]: row[1] for row in rows}


def article(page: Element, step: str) -> Element:
    (found,) = (
        each
        for each in page.section("steps").all("article")
        if next(each.all("h3")).text.split()[0] == step
    )
    return found


def facts(element: Element) -> dict[str, str]:
    """The names and values of an element's lists."""
    names = (name.text for name in element.all("dt"))
    values = (value.text for value in element.all("dd"))
    return dict(zip(names, values, strict=True))


def test_a_success_tells_its_state_times_and_ids(samples: Samples, tmp_path: Path) -> None:
    page = page_of(samples.write(samples.release(tmp_path / "run")))

    (header,) = page.all("header")
    assert next(header.all("h1")).text == "returns-risk ✓ Succeeded"
    assert facts(header) == {
        "Execution": "5fkszcpry4ck",
        "Started": "2026-11-25 08:51:12 UTC",
        "Took": "51.3 s",
        "ARN": samples.release(tmp_path).arn,
    }
    assert not list(page.all("p", **{"class": "failure"}))
    assert not list(page.all("section", id="failed-logs"))


def test_the_timeline_holds_every_step(samples: Samples, tmp_path: Path) -> None:
    execution = samples.release(tmp_path / "run")

    page = page_of(samples.write(execution))

    assert list(states(page)) == [step.name for step in execution.steps]
    assert states(page)["Package"] == "✓ Succeeded"
    assert states(page)["VerificationFailed"] == "○ Not executed"


def test_a_bar_begins_and_ends_with_its_step(samples: Samples, tmp_path: Path) -> None:
    page = page_of(samples.write(samples.release(tmp_path / "run")))

    bars = list(page.section("timeline").all("svg"))
    _, package = bars[1].all("rect")
    assert (package.attributes["x"], package.attributes["width"]) == ("0.78%", "23.20%")


def test_the_graph_draws_each_step_and_each_direct_edge(samples: Samples, tmp_path: Path) -> None:
    execution = samples.release(tmp_path / "run")

    page = page_of(samples.write(execution))

    sideways, downwards = page.section("graph").all("svg")
    for drawing in (sideways, downwards):
        titles = [title.text for title in drawing.all("title")]
        assert len(titles) == len(execution.steps)
        assert "VerificationFailed: Not executed" in titles
        # 1 Package, 1 Verify, 3 stages, 3 into the gate, 4 out of it, 1 of NewInNA.
        assert len(list(drawing.all("path", **{"class": "edge"}))) == 13


def test_what_a_step_consumed_and_produced_has_size_and_digest(
    samples: Samples, tmp_path: Path
) -> None:
    page = page_of(samples.write(samples.release(tmp_path / "run")))

    folder = "s3://model-release-artifacts/returns-risk/releases/5fkszcpry4ck"
    assert page.rows("Package produced") == [
        ["packaged_model_output", f"{folder}/manifest.json", "1.2 KB", "0" * 64],
        ["packaged_model_output", f"{folder}/model.tar.gz", "5.4 MB", samples.sha256],
    ]
    assert page.rows("Package consumed")[1] == [
        "code_input",
        "s3://model-release-artifacts/assets/code.gz",
        "—",
        "—",
    ]
    assert page.rows("Registration-EU produced")[0][1].endswith(":model-package/returns-risk/7")


def test_a_failure_comes_first_with_the_end_of_its_log(samples: Samples, tmp_path: Path) -> None:
    page = page_of(samples.write(samples.failed(tmp_path / "run")))

    (failure,) = page.all("p", **{"class": "failure"})
    assert failure.text == (
        "Step Package failed: AlgorithmError: model.tar.gz is damaged: CRC check failed, "
        "exit code: 1Log: logs/Package.log"
    )
    assert next(failure.all("a")).attributes["href"] == "logs/Package.log"
    assert next(page.all("section")).attributes["id"] == "failed-logs"
    (tail,) = page.section("failed-logs").all("pre")
    assert tail.text.endswith("the end of Package")
    assert "line 59" in tail.text
    assert "line 9\n" not in tail.text


def test_the_end_of_a_log_of_long_lines_is_kept(samples: Samples, tmp_path: Path) -> None:
    folder = samples.write(samples.failed(tmp_path / "run"))
    (folder / "logs" / "Package.log").write_bytes(b"\xff" * 50_000 + b"\nValueError: the cause\n")

    (tail,) = page_of(folder).section("failed-logs").all("pre")

    assert tail.text.endswith("ValueError: the cause")
    assert len(tail.text) < 20_000


def test_steps_that_did_not_run_say_why(samples: Samples, tmp_path: Path) -> None:
    page = page_of(samples.write(samples.failed(tmp_path / "run")))

    assert facts(article(page, "Verify")) == {
        "Not executed because": "Step 'Package', which it waits for, failed.",
        "Waits for": "Package",
    }
    assert "registered no model package" in page.section("packages").text
    assert "No step of this execution left an evaluation" in page.section("verification").text


def test_a_stopped_execution_says_so(samples: Samples, tmp_path: Path) -> None:
    page = page_of(samples.write(samples.stopped(tmp_path / "run")))

    (failure,) = page.all("p", **{"class": "failure"})
    assert failure.text == "The execution was stopped before its end."
    assert states(page)["Verify"] == "■ Stopped"
    assert states(page)["Gate"] == "○ Not executed"


def test_a_reused_result_names_where_it_is_from(samples: Samples, tmp_path: Path) -> None:
    execution = samples.release(tmp_path / "run")
    earlier = execution.arn.replace("5fkszcpry4ck", "earlier")
    reused = replace(execution.step("Verify"), cache_hit=earlier)

    page = page_of(samples.write(samples.changed(execution, reused)))

    assert states(page)["Verify"] == "↺ Reused"
    assert facts(article(page, "Verify"))["Result reused from"] == earlier


def test_what_a_function_answered_is_shown_beside_the_files_that_it_names(
    samples: Samples, tmp_path: Path
) -> None:
    execution = samples.release(tmp_path / "run")
    answer = {"state": "registered", "failure": "", "evaluation_uri": "s3://bucket/evaluation.json"}
    staged = replace(execution.step("Stage-NA"), properties={"OutputParameters": answer})

    step = article(page_of(samples.write(samples.changed(execution, staged))), "Stage-NA")

    assert facts(step)["state"] == "registered"
    assert not {"failure", "evaluation_uri"} & facts(step).keys()
    assert "s3://bucket/evaluation.json" in step.text


def test_a_retried_step_lists_its_reasons(samples: Samples, tmp_path: Path) -> None:
    execution = samples.release(tmp_path / "run")
    reasons = ("ThrottlingException: slow down", "InternalServerError")
    retried = replace(execution.step("Verify"), attempt_count=3, retry_reasons=reasons)

    page = page_of(samples.write(samples.changed(execution, retried)))

    step = article(page, "Verify")
    assert [item.text for item in next(step.all("ol")).all("li")] == list(reasons)
    assert facts(step)["Attempts"] == "3"
    assert "Verify was retried after: InternalServerError" in page.section("warnings").text


def test_warnings_are_collected_from_logs_and_findings(samples: Samples, tmp_path: Path) -> None:
    page = page_of(samples.write(samples.release(tmp_path / "run")))

    warnings = [item.text for item in page.section("warnings").all("li")]
    assert "Package: UserWarning: old format" in warnings
    assert any(text.startswith("requirement-unpinned: ") for text in warnings)


def test_limits_stand_beside_what_was_measured(samples: Samples, tmp_path: Path) -> None:
    page = page_of(samples.write(samples.release(tmp_path / "run")))

    assert page.rows("Measured numbers beside their limits") == [
        ["Latency p99", "118.2 ms", "at most 200 ms", "max_latency_in_millisecond", "59 %"],
        ["Error rate", "0", "at most 0.01", "max_acceptable_error_rate", "0 %"],
        [
            "Requests per second", "19.98", "at least 20", "expected_tps",
            "100 %, below the limit",
        ],
        [
            "Peak memory", "812.4 MB", "at most 6,144 MB", "container_memory_limit", "13 %",
        ],
        [
            "Cold load", "1.82 s", "at most 300 s", "container_startup_health_check_timeout",
            "1 %",
        ],
    ]  # fmt: skip


def test_every_setting_that_is_named_is_a_field_of_the_config(
    samples: Samples, tmp_path: Path
) -> None:
    page = page_of(samples.write(samples.release(tmp_path / "run")))
    fields = {name for each in CONFIG_CLASSES.values() for name in each.model_fields}

    named = {row[3] for row in page.rows("Measured numbers beside their limits")}

    assert named <= fields


def test_the_histogram_marks_percentiles_and_the_limit(samples: Samples, tmp_path: Path) -> None:
    page = page_of(samples.write(samples.release(tmp_path / "run")))

    rows = page.rows("Histogram of latencies, and where percentiles and limit are")
    assert [(row[0], row[2], row[3]) for row in rows] == [
        ("5 ms", "0", ""),
        ("10 ms", "12", ""),
        ("20 ms", "331", "p50"),
        ("50 ms", "221", "mean, p90"),
        ("100 ms", "28", ""),
        ("200 ms", "8", "p99, max, limit"),
    ]


def test_what_takes_longer_than_every_bucket_is_marked(samples: Samples, tmp_path: Path) -> None:
    load = samples.evaluation()["load"]
    load["latency_in_millisecond"]["max"] = 9_000
    verify = samples.verification(samples.evaluation(load=load))

    page = page_of(samples.write(samples.changed(samples.release(tmp_path / "run"), verify)))

    rows = page.rows("Histogram of latencies, and where percentiles and limit are")
    assert rows[-1][-1] == "max"


def test_a_failed_verdict_shows_findings_and_their_fixes(samples: Samples, tmp_path: Path) -> None:
    finding = {
        "severity": "error",
        "code": "entry-point-missing",
        "message": "The archive has no code/inference.py.",
        "fix": "Name the file in inference_entry_point.",
    }
    content = samples.evaluation(
        verdict="failed", findings=[finding], load=None, memory=None, cold_load_in_second=None
    )
    execution = samples.release(tmp_path / "run")

    page = page_of(samples.write(samples.changed(execution, samples.verification(content))))

    assert next(page.section("verification").all("p")).text.startswith("✕ Failed")
    assert page.rows("What is wrong, and the fix") == [
        ["entry-point-missing", "✕ Error", finding["message"], finding["fix"]]
    ]
    measured = [row[1] for row in page.rows("Measured numbers beside their limits")]
    assert measured == ["not measured"] * 5


def test_what_the_code_raised_and_printed_is_shown_once(samples: Samples, tmp_path: Path) -> None:
    csv, json_ = samples.evaluation()["payloads"]
    problem = "raises ValueError: bad <input>"
    finding = {
        "severity": "error",
        "code": "handler-raised",
        "message": f"payload.csv {problem}. The same of payload.json.",
        "fix": "Correct it.",
        "traceback": "Traceback (most recent call last):\n  in lowest\nValueError: bad <input>\n",
        "printed": "read 1,2\n\x1b[31mred",
    }
    other = {**finding, "code": "response-not-json", "traceback": "", "printed": ""}
    failed = [{**each, "ok": False, "problem": problem} for each in (csv, json_)]
    content = samples.evaluation(
        verdict="failed", findings=[finding, other], payloads=failed, load=None
    )
    verify = samples.verification(content)

    page = page_of(samples.write(samples.changed(samples.release(tmp_path / "run"), verify)))

    shown = [each.text for each in page.section("verification").all("pre")]
    assert shown == [finding["traceback"], "read 1,2\n\\u001b[31mred"]
    assert [row[-1] for row in page.rows("What the model answered to each sample payload")] == [
        problem,
        "as payload.csv → application/json",
    ]


def test_it_is_told_whose_functions_serve_the_model(samples: Samples, tmp_path: Path) -> None:
    handler = {
        "entry_point": "inference.py",
        "functions": {"model_fn": "own", "input_fn": "default", "transform_fn": "missing"},
        "defaults": {"input_fn": "reads JSON"},
    }
    verify = samples.verification(samples.evaluation(handler=handler))

    page = page_of(samples.write(samples.changed(samples.release(tmp_path / "run"), verify)))

    text = page.section("verification").text
    assert "model_fnthe code's own" in text
    assert "input_fnthe toolkit's default, which reads JSON" in text
    assert "transform_fn" not in text


def test_a_number_above_its_limit_says_so(samples: Samples, tmp_path: Path) -> None:
    gate = {**samples.evaluation()["gate"], "latency_p99_in_millisecond": 312.4}
    verify = samples.verification(samples.evaluation(verdict="failed", gate=gate))

    page = page_of(samples.write(samples.changed(samples.release(tmp_path / "run"), verify)))

    row = page.rows("Measured numbers beside their limits")[0]
    assert row[-1] == "156 %, above the limit"


def test_each_answer_is_shown(samples: Samples, tmp_path: Path) -> None:
    csv, json_ = samples.evaluation()["payloads"]
    failed = {**json_, "ok": False, "answer": "<b>0.5</b>", "problem": "is answered with no JSON"}
    silent = {**csv, "ok": False, "answer": None, "response_bytes": 0, "problem": "raises KeyError"}
    before = {name: value for name, value in csv.items() if name != "answer"}
    verify = samples.verification(samples.evaluation(payloads=[csv, failed, silent, before]))

    page = page_of(samples.write(samples.changed(samples.release(tmp_path / "run"), verify)))

    rows = page.rows("What the model answered to each sample payload")
    assert [row[2:4] for row in rows] == [
        ["✓ Passed", '{"legacy-score": 0.001989}'],
        ["✕ Failed", "<b>0.5</b>"],
        ["✕ Failed", "—"],
        ["✓ Passed", "—"],
    ]


@pytest.mark.parametrize(
    "content",
    [
        {"verdict": "maybe", "gate": {}},
        {"verdict": "passed", "gate": []},
        {"verdict": None, "gate": None},
    ],
)
def test_an_evaluation_of_another_form_is_told_and_not_shown(
    content: dict[str, Any], samples: Samples, tmp_path: Path
) -> None:
    verify = samples.verification(content)

    page = page_of(samples.write(samples.changed(samples.release(tmp_path / "run"), verify)))

    assert "The evaluation of step Verify cannot be read: " in page.section("verification").text


def test_registered_packages_show_their_description(samples: Samples, tmp_path: Path) -> None:
    page = page_of(samples.write(samples.release(tmp_path / "run")))

    packages = list(page.section("packages").all("article"))
    assert [next(each.all("h3")).text for each in packages] == [
        "Registration-NA us-east-1",
        "Registration-EU eu-west-1",
        "Registration-FE us-west-2",
    ]
    assert facts(packages[1]) == {
        "Model package": "arn:aws:sagemaker:eu-west-1:123456789012:model-package/r/7",
        "Version": "7",
        "Approval status": "PendingManualApproval",
        "Artifact": "s3://model-release-artifacts/returns-risk/releases/5fkszcpry4ck/model.tar.gz",
        "Image": "763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch:2.1.0",
        "Sample payload": "s3://model-release-artifacts/returns-risk/registration/payload.tar.gz",
        "artifact_sha256": samples.sha256,
        "latency_p99_in_millisecond": "118.2",
    }


def test_parameters_tell_defaults_from_given_values(samples: Samples, tmp_path: Path) -> None:
    page = page_of(samples.write(samples.release(tmp_path / "run")))

    rows = page.rows("Values of this execution")
    assert {row[0]: row[2] for row in rows} == {
        "ModelS3Uri": "given",
        "ModelApprovalStatus": "default",
        "KMS_ENCRYPTION_KEY_PARAM": "default",
    }


def test_versions_of_both_environments_are_shown(samples: Samples, tmp_path: Path) -> None:
    page = page_of(samples.write(samples.release(tmp_path / "run")))

    assert facts(page.section("environment"))["torch"] == "2.1.0"
    assert facts(page.section("environment"))["moto"] == "5.2.5"


def test_a_report_is_written_again_over_the_first(samples: Samples, tmp_path: Path) -> None:
    folder = samples.write(samples.release(tmp_path / "run"))
    first = write_report(folder).read_bytes()

    assert write_report(folder) == folder / REPORT_NAME
    assert (folder / REPORT_NAME).read_bytes() == first
    assert not list(folder.glob("*.tmp"))


@pytest.mark.parametrize("content", [None, "{", "[]", '{"files": 1}', '{"files": {"a": [1]}}'])
def test_without_observations_the_report_says_what_is_missing(
    content: str | None, samples: Samples, tmp_path: Path
) -> None:
    folder = samples.write(samples.release(tmp_path / "run"))
    path = folder / "observations.json"
    path.unlink() if content is None else path.write_text(content)

    page = page_of(folder)

    assert "observations.json cannot be read" in page.section("warnings").text
    assert len(states(page)) == 12


def test_a_record_of_before_has_no_graph(samples: Samples, tmp_path: Path) -> None:
    execution = samples.release(tmp_path / "run")
    steps = (replace(step, depends_on=()) for step in execution.steps)

    page = page_of(samples.write(samples.changed(execution, *steps)))

    assert not list(page.all("section", id="graph"))
    assert len(states(page)) == 12


def test_steps_that_wait_for_each_other_in_a_damaged_record_are_drawn(
    samples: Samples, tmp_path: Path
) -> None:
    execution = samples.release(tmp_path / "run")
    circular = replace(execution.step("CreateModel"), depends_on=("Package", "Gone"))

    page = page_of(samples.write(samples.changed(execution, circular)))

    assert len(list(page.section("graph").all("title"))) == 24


def test_an_execution_without_steps_has_a_report(samples: Samples, tmp_path: Path) -> None:
    execution = replace(samples.release(tmp_path / "run"), steps=(), parameters={})

    page = page_of(samples.write(execution, Observations()))

    assert "The pipeline has no parameters." in page.section("parameters").text


def test_a_folder_without_a_record_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExecutionRecordError, match="is not the record of an execution"):
        write_report(tmp_path)


def test_a_log_outside_of_the_folder_is_neither_read_nor_linked(
    samples: Samples, tmp_path: Path
) -> None:
    execution = samples.failed(tmp_path / "run")
    folder = samples.write(execution)
    (tmp_path / "secret.log").write_text("a secret warning")
    record = folder / "execution.json"
    record.write_text(record.read_text().replace("logs/Package.log", "../secret.log"))

    page = page_of(folder)

    assert "secret" not in page.text
    assert not list(page.all("section", id="failed-logs"))


HOSTILE = [
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "</style></title></bdi><h1>x",
    "&lt;b&gt; &amp;",
    "a\x00b\x1b[31mc\r\nd",
    "\u202egnp.exe\u2066\u200f",
    "\ud800 alone",
    "שלום عليكم",
    "x" * 100_000,
    "{{constructor}} ${x} javascript:alert(1)",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_texts_stay_texts(text: str, samples: Samples, tmp_path: Path) -> None:
    calm = page_of(samples.write(hostile(samples, tmp_path / "calm", "harmless")))

    page = page_of(samples.write(hostile(samples, tmp_path / "hostile", text)))

    assert structure(page) == structure(calm)
    assert not list(page.all("script"))
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", page.text)


def test_escaped_texts_read_as_they_were(samples: Samples, tmp_path: Path) -> None:
    execution = hostile(samples, tmp_path / "run", "<b>&amp;\u202e")

    page = page_of(samples.write(execution))

    assert page.rows("Values of this execution")[0][1] == "<b>&amp;\\u202e"


def hostile(samples: Samples, folder: Path, text: str) -> Execution:
    """An execution with ``text`` wherever a model, a script or a config has a say."""
    execution = samples.release(folder)
    finding = {"severity": "error", "code": text, "message": text, "fix": text}
    payload = {**samples.evaluation()["payloads"][0], "name": text, "answer": text, "problem": text}
    verify = samples.verification(
        samples.evaluation(
            summary=text,
            findings=[finding],
            payloads=[payload],
            environment={"python": text, "platform": text, "packages": {text + "1": text}},
        )
    )
    package = replace(
        execution.step("Package"),
        status=StepStatus.FAILED,
        reason=text,
        retry_reasons=(text,),
        arguments={"ProcessingInputs": [{"InputName": text, "S3Input": {"S3Uri": text}}]},
    )
    named = StepExecution(text, text, reason=text, cache_hit=text, depends_on=("Package",))
    execution = samples.changed(execution, verify, package, parameters={text: text})
    return replace(execution, arn=f"{text}/id", steps=(*execution.steps, named))


def structure(element: Element) -> list[Any]:
    """The tags, without the notes about texts that were cut and the drawings' descriptions."""
    return [
        (child.tag, sorted(child.attributes), structure(child))
        for child in element.children
        if isinstance(child, Element) and child.attributes.get("class") != "absent"
    ]


class FakeS3:
    """Two objects below a prefix, one beside it, and a bucket that may not be read."""

    OBJECTS: Mapping[str, bytes] = {"in/a": b"a", "in/b/c": b"bc", "inside": b"other"}

    def get_paginator(self, _name: str) -> FakeS3:
        return self

    def paginate(self, Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:  # noqa: N803
        if Bucket == "denied":
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "List")
        found = [
            {"Key": key, "Size": len(body)}
            for key, body in self.OBJECTS.items()
            if key.startswith(Prefix)
        ]
        yield {"Contents": found} if found else {}

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        return {"Body": FakeBody(self.OBJECTS[Key])}


@dataclass
class FakeBody:
    content: bytes

    def iter_chunks(self, _size: int) -> Iterator[bytes]:
        for byte in self.content:
            yield bytes([byte])


class FakeSageMaker:
    def __init__(self, region: str) -> None:
        self.region = region

    def describe_model_package(self, ModelPackageName: str) -> dict[str, Any]:  # noqa: N803
        return {"ModelPackageArn": ModelPackageName, "Asked": self.region}


def test_observing_keeps_sizes_digests_and_packages(samples: Samples, tmp_path: Path) -> None:
    def client(service: str, region: str | None) -> Any:
        return FakeS3() if service == "s3" else FakeSageMaker(str(region))

    execution = samples.release(tmp_path / "run")
    inputs = {"ProcessingInputs": [
        {"InputName": "x", "S3Input": {"S3Uri": uri}} for uri in ("s3://ok/in", "s3://denied/in")
    ]}  # fmt: skip
    execution = samples.changed(execution, replace(execution.step("Package"), arguments=inputs))
    samples.write(execution)

    seen = observe(execution, client)

    assert [(file.uri, file.size_in_bytes) for file in seen.files["s3://ok/in"]] == [
        ("s3://ok/in/a", 1),
        ("s3://ok/in/b/c", 2),
    ]
    assert seen.files["s3://ok/in"][0].sha256.startswith("ca978112ca1bbdca")
    assert seen.packages["Registration-FE"]["Asked"] == "us-west-2"
    assert seen.versions["moto"] != "not installed"
    (problem,) = seen.problems
    assert problem.startswith("s3://denied/in could not be looked at: ")
    assert read_observations(execution.folder) == seen
    assert json.loads((execution.folder / "observations.json").read_text())["problems"]


def test_an_aws_that_is_gone_is_asked_once(samples: Samples, tmp_path: Path) -> None:
    asked: list[str] = []

    class Gone:
        def get_paginator(self, name: str) -> None:
            asked.append(name)
            raise EndpointConnectionError(endpoint_url="http://localhost:1")

    execution = samples.release(tmp_path / "run")
    samples.write(execution)

    seen = observe(execution, lambda _service, _region: Gone())

    assert asked == ["list_objects_v2"]
    assert "Could not connect" in page_of(execution.folder).section("warnings").text
    assert len(seen.problems) == 1


def test_a_throughput_below_its_limit_says_so(samples: Samples, tmp_path: Path) -> None:
    gate = {**samples.evaluation()["gate"], "achieved_tps": 10.0}
    verify = samples.verification(samples.evaluation(verdict="failed", gate=gate))

    page = page_of(samples.write(samples.changed(samples.release(tmp_path / "run"), verify)))

    assert page.rows("Measured numbers beside their limits")[2][-1] == "50 %, below the limit"


def test_the_version_before_stands_beside_this_one(samples: Samples, tmp_path: Path) -> None:
    gate = {**samples.evaluation()["gate"], "latency_p99_in_millisecond": 100.0}
    verify = samples.verification(samples.evaluation(gate=gate, memory=None))
    for days, arn in ((2, "other"), (1, "earlier")):
        execution = samples.changed(
            samples.release(tmp_path / arn),
            verify,
            arn=f"{ARN}/execution/{arn}",
            start_time=START - timedelta(days=days),
        )
        samples.write(execution)
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "execution.json").write_text("{")

    page = page_of(samples.write(samples.release(tmp_path / "run")))

    assert "Execution earlier, started 2026-11-24 08:51:12 UTC: passed." in page.text
    assert page.rows("Measured numbers of both versions") == [
        ["Latency p99", "100 ms", "118.2 ms", "+18 %"],
        ["Error rate", "0", "0", "none"],
        ["Requests per second", "19.98", "19.98", "none"],
        ["Peak memory", "not measured", "812.4 MB", "—"],
        ["Cold load", "1.82 s", "1.82 s", "none"],
    ]


def test_the_first_version_is_compared_with_none(samples: Samples, tmp_path: Path) -> None:
    page = page_of(samples.write(samples.release(tmp_path / "run")))

    assert "version before" not in page.text


def test_the_page_holds_the_logs_so_that_it_can_be_mailed_alone(
    samples: Samples, tmp_path: Path
) -> None:
    folder = samples.write(samples.release(tmp_path / "run"))
    (folder / "logs" / "Verify.log").write_text("first\n" + "x" * 200_000 + "\nlast")

    page = page_of(folder)

    assert "Log of Package" in page.text
    assert "line 59" in page.text
    assert "Log of Verify, its last 200,000 of 200,011 bytes" in page.text
    assert "last" in page.text


def test_the_verdict_names_the_versions_that_it_was_reached_under(
    samples: Samples, tmp_path: Path
) -> None:
    execution = samples.release(tmp_path / "run")
    verify = execution.step("Verify")
    image = {"AppSpecification": {"ImageUri": "repository/pytorch-inference:2.6.0-cpu-py312"}}
    verify = replace(verify, arguments={**verify.arguments, **image})

    page = page_of(samples.write(samples.changed(execution, verify)))

    assert (
        "Judged under Python 3.10.14, torch 2.1.0; the container has Python 3.12, torch 2.6.0"
        in page.text
    )
