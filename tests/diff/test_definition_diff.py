"""The comparison of two compiled pipelines."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constructs_lib.diff import Change, ComparedPipeline, PipelineDiff, compare
from constructs_lib.diff.leaves import differences

GOLDEN = sorted((Path(__file__).parents[1] / "synth" / "golden").glob("*.json"))
SCRIPT = "s3://${AssetBucketName}/${ScriptKey}"
IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.1.0-cpu-py310"


def processing(name: str, **members: Any) -> dict[str, Any]:
    arguments = {
        "AppSpecification": {"ImageUri": IMAGE, "ContainerArguments": ["--limit", "1"]},
        "Environment": {"LEVEL": "info"},
        "ProcessingInputs": [{"InputName": "script", "S3Input": {"S3Uri": SCRIPT}}],
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large"}
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        **members.pop("Arguments", {}),
    }
    return {"Name": name, "Type": "Processing", "Arguments": arguments, **members}


def reading(name: str, step: str, **members: Any) -> dict[str, Any]:
    """A processing step that reads what another one wrote."""
    uri = {"Get": f"Steps.{step}.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri"}
    inputs = [{"InputName": "data", "S3Input": {"S3Uri": uri}}]
    return processing(name, Arguments={"ProcessingInputs": inputs}, **members)


CACHED = {"CacheConfig": {"Enabled": True, "ExpireAfter": "P30D"}}


def definition(*steps: dict[str, Any], **members: Any) -> dict[str, Any]:
    parameters = [{"Name": "Limit", "Type": "Integer", "DefaultValue": 1}]
    return {"Version": "2020-12-01", "Parameters": parameters, "Steps": [*steps], **members}


def diff(
    old: dict[str, Any],
    new: dict[str, Any],
    old_values: dict[str, Any] | None = None,
    new_values: dict[str, Any] | None = None,
) -> PipelineDiff:
    return compare(
        ComparedPipeline(name="p", definition=old, values=old_values or {}),
        ComparedPipeline(name="p", definition=new, values=new_values or {}),
    )


def told(changes: tuple[Change, ...]) -> list[str]:
    return [f"{each.what}: {each.before} -> {each.after}" for each in changes]


def changed_step(path: str, value: Any) -> list[str]:
    """What is told when one argument of a step becomes another."""
    new = processing("Package")
    *members, last = path.split(".")
    place: Any = new["Arguments"]
    for member in members:
        place = place[int(member)] if isinstance(place, list) else place[member]
    place[int(last) if isinstance(place, list) else last] = value
    (step,) = diff(definition(processing("Package")), definition(new)).steps
    return told(step.changes)


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (
            "ProcessingResources.ClusterConfig.InstanceType",
            "ml.m5.xlarge",
            "instance type: ml.m5.large -> ml.m5.xlarge",
        ),
        ("ProcessingResources.ClusterConfig.InstanceCount", 2, "instance count: 1 -> 2"),
        ("StoppingCondition.MaxRuntimeInSeconds", 5400, "timeout: 1 h -> 90 min"),
        ("Environment.LEVEL", "debug", "environment variable LEVEL: info -> debug"),
        ("AppSpecification.ContainerArguments.1", "2", "script argument: 1 -> 2"),
        (
            "ProcessingInputs.0.S3Input.S3Uri",
            "s3://mine/script.py",
            f"input script S3Input.S3Uri: {SCRIPT} -> s3://mine/script.py",
        ),
    ],
)
def test_a_change_is_told_in_words(path: str, value: Any, expected: str) -> None:
    assert changed_step(path, value) == [expected]


def test_an_image_is_told_by_its_parts() -> None:
    other = IMAGE.replace("2.1.0-cpu", "2.6.0-gpu").replace("us-east-1", "eu-west-1")

    assert changed_step("AppSpecification.ImageUri", other) == [
        "image, framework version: 2.1.0 -> 2.6.0",
        "image, region: us-east-1 -> eu-west-1",
        "image, processor: cpu -> gpu",
    ]


def test_an_image_of_ones_own_is_told_as_a_whole() -> None:
    assert changed_step("AppSpecification.ImageUri", "mine:1") == [f"image: {IMAGE} -> mine:1"]


def test_an_argument_that_nothing_describes_is_told_by_its_path() -> None:
    assert changed_step("AppSpecification.NewMember", {"A": 1}) == [
        'Arguments.AppSpecification.NewMember: None -> {"A":1}'
    ]


def test_a_number_that_becomes_text_is_told() -> None:
    assert changed_step("ProcessingResources.ClusterConfig.InstanceCount", "1") == [
        'instance count: 1 -> "1"'
    ]


def test_changed_code_is_told_by_its_digest() -> None:
    (step,) = diff(
        definition(processing("Package")),
        definition(processing("Package")),
        {"ScriptKey": "aaaa.py"},
        {"ScriptKey": "bbbb.py"},
    ).steps

    assert told(step.changes) == ["script (content): aaaa.py -> bbbb.py"]


def test_parameters_are_told_by_name() -> None:
    new = definition()
    new["Parameters"] = [
        {"Name": "Limit", "Type": "Integer", "DefaultValue": 2},
        {"Name": "Extra", "Type": "String"},
    ]

    changes = diff(definition(), new).changes

    assert told(changes) == [
        "default of parameter Limit: 1 -> 2",
        'parameter Extra: None -> {"Name":"Extra","Type":"String"}',
    ]


def test_the_limit_of_a_condition_is_told_with_what_it_limits() -> None:
    def gate(limit: float) -> dict[str, Any]:
        file = {"PropertyFile": {"Get": "Steps.Verify.PropertyFiles.Evaluation"}, "Path": "p99"}
        condition = {
            "Type": "LessThanOrEqualTo",
            "LeftValue": {"Std:JsonGet": file},
            "RightValue": limit,
        }
        return {"Name": "Gate", "Type": "Condition", "Arguments": {"Conditions": [condition]}}

    (step,) = diff(definition(gate(200)), definition(gate(250))).steps

    assert told(step.changes) == ["limit of p99 of Verify.PropertyFiles.Evaluation: 200 -> 250"]


def test_the_model_card_is_compared_as_what_it_holds() -> None:
    def register(tps: str) -> dict[str, Any]:
        card = {"ModelCardContent": json.dumps({"details": {"expected_tps": tps}})}
        return {"Name": "R", "Type": "RegisterModel", "Arguments": {"ModelCard": card}}

    (step,) = diff(definition(register("20")), definition(register("30"))).steps

    assert told(step.changes) == ["model card details.expected_tps: 20 -> 30"]


def test_a_model_card_that_is_joined_from_parts_is_compared_as_what_it_holds() -> None:
    def register(start: str) -> dict[str, Any]:
        sha = {"Get": "Execution.PipelineExecutionId"}
        card = {"Std:Join": {"On": "", "Values": [start, sha, '", "number": ', sha, "}"]}}
        arguments = {"ModelCard": {"ModelCardContent": card}}
        return {"Name": "R", "Type": "RegisterModel", "Arguments": arguments}

    (step,) = diff(
        definition(register('{"owner": "a", "id": "')),
        definition(register('{"owner": "b", "id": "')),
    ).steps

    assert told(step.changes) == ["model card owner: a -> b"]


def test_new_and_removed_steps_are_told() -> None:
    fail = {"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}

    steps = diff(definition(processing("A")), definition(fail)).steps

    assert [(step.name, step.status) for step in steps] == [("Stop", "added"), ("A", "removed")]


def test_a_renamed_step_is_not_a_new_one_for_those_that_refer_to_it() -> None:
    old = definition(processing("Package"), reading("Verify", "Package", DependsOn=["Package"]))
    new = definition(processing("Pack"), reading("Verify", "Pack", DependsOn=["Pack"]))

    (step,) = diff(old, new).steps

    assert (step.name, step.renamed_from, step.changes) == ("Pack", "Package", ())


def test_a_step_that_moves_into_a_branch_is_told() -> None:
    step = processing("A")
    branches = {"Conditions": [], "IfSteps": [step], "ElseSteps": []}
    gate = {"Name": "Gate", "Type": "Condition", "Arguments": branches}

    steps = diff(definition(step), definition(gate)).steps

    assert [(each.name, each.status) for each in steps] == [("Gate", "added"), ("A", "changed")]
    assert told(steps[1].changes) == ["when it runs: always -> only if Gate is true"]


def test_a_changed_name_replaces_the_pipeline() -> None:
    result = compare(
        ComparedPipeline(name="old", definition=definition()),
        ComparedPipeline(name="new", definition=definition()),
    )

    assert result.status == "changed"
    assert result.replaced is not None
    assert "from old to new" in result.replaced


def test_an_argument_outside_of_the_cache_key_keeps_cached_results() -> None:
    cluster = {"ProcessingResources": {"ClusterConfig": {"InstanceType": "ml.m5.2xlarge"}}}

    (step,) = diff(
        definition(processing("A", **CACHED)),
        definition(processing("A", Arguments=cluster, **CACHED)),
    ).steps

    assert step.status == "changed"
    assert step.cache is None


def test_an_argument_in_the_cache_key_lets_the_step_run_anew_and_those_that_read_from_it() -> None:
    chain = [reading("B", "A", **CACHED), reading("C", "B", **CACHED)]
    environment = {"Environment": {"LEVEL": "debug"}}

    steps = diff(
        definition(processing("A", **CACHED), *chain, processing("D", **CACHED)),
        definition(
            processing("A", Arguments=environment, **CACHED), *chain, processing("D", **CACHED)
        ),
    ).steps

    assert [(step.name, step.status, step.cache) for step in steps] == [
        ("A", "changed", "runs anew once: Environment changed"),
        ("B", "unchanged", "runs anew once: what ProcessingInputs refers to changed"),
        ("C", "unchanged", "runs anew once: what ProcessingInputs refers to changed"),
    ]


def test_changed_code_and_parameter_defaults_reach_the_cache() -> None:
    limit = {"Environment": {"LIMIT": {"Get": "Parameters.Limit"}}}
    old = definition(
        processing("Code", **CACHED), processing("Parameter", Arguments=limit, **CACHED)
    )
    new = copy.deepcopy(old)
    new["Parameters"][0]["DefaultValue"] = 2

    steps = diff(old, new, {"ScriptKey": "a"}, {"ScriptKey": "b"}).steps

    assert {step.name: step.cache for step in steps} == {
        "Code": "runs anew once: what ProcessingInputs refers to changed",
        "Parameter": "runs anew once: what Environment, ProcessingInputs refers to changed",
    }


def test_a_replaced_pipeline_has_no_cached_results() -> None:
    steps = definition(processing("A", **CACHED), processing("B"))
    sides = (ComparedPipeline(name=name, definition=steps) for name in ("old", "new"))

    (step,) = compare(*sides).steps

    assert (step.name, step.cache) == ("A", "runs anew once: results are kept by pipeline")


def test_an_uncached_step_that_passes_on_its_argument_keeps_the_cache_behind_it() -> None:
    """A model repeats the artifact that it was given: its other arguments do not matter."""

    def model(level: str) -> dict[str, Any]:
        container = {"ModelDataUrl": "s3://models/model.tar.gz", "Environment": {"LEVEL": level}}
        return {"Name": "M", "Type": "Model", "Arguments": {"PrimaryContainer": container}}

    uri = {"S3Uri": {"Get": "Steps.M.PrimaryContainer.ModelDataUrl"}}
    inputs = {"ProcessingInputs": [{"InputName": "model", "S3Input": uri}]}
    package = processing("Package", Arguments=inputs, **CACHED)

    steps = diff(definition(model("1"), package), definition(model("2"), package)).steps

    assert [step.name for step in steps] == ["M"]


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ({}, CACHED, "cached from now on"),
        (CACHED, {}, "no longer cached: runs every time"),
    ],
)
def test_caching_that_is_turned_on_or_off_is_told(
    before: dict[str, Any], after: dict[str, Any], verdict: str
) -> None:
    (step,) = diff(
        definition(processing("A", **before)), definition(processing("A", **after))
    ).steps

    assert step.cache == verdict


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_definition_does_not_differ_from_itself(path: Path) -> None:
    document = json.loads(path.read_text())

    result = diff(document, copy.deepcopy(document))

    assert (result.status, result.changes, result.steps) == ("unchanged", (), ())


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place in a document, leaves and inner values, in which a step keeps its name."""
    if path:
        yield path
    if isinstance(value, dict | list):
        for key, member in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(member, (*path, key))


DOCUMENTS = [json.loads(path.read_text()) for path in GOLDEN]
PLACES = [
    (index, place)
    for index, document in enumerate(DOCUMENTS)
    for place in places(document)
    if place[-1] not in ("Steps", "Name", "IfSteps", "ElseSteps")
]


@given(st.sampled_from(PLACES), st.sampled_from(["changed", "removed", 7, None, {"a": 1}]))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_every_change_of_every_value_is_told(
    target: tuple[int, tuple[str | int, ...]], value: Any
) -> None:
    index, (*parents, last) = target
    changed = copy.deepcopy(DOCUMENTS[index])
    owner: Any = changed
    for parent in parents:
        owner = owner[parent]
    if value == "removed":
        del owner[last]
    else:
        owner[last] = value
    if _breaks_the_form(changed):
        return

    result = diff(DOCUMENTS[index], changed)

    assert result.status == "changed"
    assert result.changes or any(step.status != "unchanged" for step in result.steps)


def _breaks_the_form(changed: dict[str, Any]) -> bool:
    """Whether steps or parameters are no longer lists of named objects, which is no definition."""
    if not all(isinstance(changed.get(key) or [], list) for key in ("Steps", "Parameters")):
        return True
    items = [*(changed.get("Steps") or []), *(changed.get("Parameters") or [])]
    branches = [
        nested
        for item in items
        if isinstance(item, dict) and isinstance(item.get("Arguments"), dict)
        for key in ("IfSteps", "ElseSteps")
        for nested in item["Arguments"].get(key) or []
    ]
    named = (isinstance(item, dict) and "Name" in item for item in [*items, *branches])
    return not all(named)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["Name", "Get", "Std:Join", "a"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(JSON, JSON)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_differences_are_found_exactly_when_there_are_some(before: Any, after: Any) -> None:
    same = json.dumps(before, sort_keys=True) == json.dumps(after, sort_keys=True)

    assert (list(differences(before, after)) == []) == same
