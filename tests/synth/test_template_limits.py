"""What CloudFormation would refuse for its size alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from aws_cdk import App, CfnOutput, CfnResource, Stack

from app import build_app
from constructs_lib.infrastructure.template_findings import synthesize
from constructs_lib.regions.tables import sagemaker_regions
from constructs_lib.template_limits import (
    MAX_DOCUMENT_CHARACTERS,
    MAX_ENTRIES,
    MAX_EXPORT_NAME_CHARACTERS,
    MAX_NAME_CHARACTERS,
    MAX_STACK_NAME_CHARACTERS,
    MAX_TEMPLATE_BYTES,
    template_problems,
)
from tests.example_pipeline import copy_example
from tests.synth.conftest import cdk_context

FILE = "team-models.template.json"


def _write(folder: Path, template: dict[str, object]) -> None:
    (folder / FILE).write_text(json.dumps(template))


def test_the_limits_are_those_of_cfn_lint() -> None:
    from cfnlint.helpers import LIMITS  # a second of importing that no other test here needs

    assert LIMITS["template"]["body"] == MAX_TEMPLATE_BYTES
    assert {section: LIMITS[section]["number"] for section in MAX_ENTRIES} == MAX_ENTRIES


@pytest.mark.parametrize(("section", "most"), MAX_ENTRIES.items())
def test_more_entries_than_a_section_takes_are_named(
    tmp_path: Path, section: str, most: int
) -> None:
    _write(tmp_path, {section: {f"Entry{number}": {} for number in range(most)}})
    assert template_problems(tmp_path) == {}

    _write(tmp_path, {section: {f"Entry{number}": {} for number in range(most + 1)}})

    [problem] = template_problems(tmp_path)[FILE]
    assert problem.startswith(f"the template has {most + 1} {section};")
    assert f"at most {most}" in problem


def test_a_template_that_is_too_large_is_named(tmp_path: Path) -> None:
    around = len(json.dumps({"Description": ""}))
    _write(tmp_path, {"Description": "x" * (MAX_TEMPLATE_BYTES - around)})
    assert template_problems(tmp_path) == {}

    _write(tmp_path, {"Description": "x" * (MAX_TEMPLATE_BYTES - around + 1)})

    [problem] = template_problems(tmp_path)[FILE]
    assert problem.startswith(f"the template has {MAX_TEMPLATE_BYTES + 1} bytes;")


@pytest.mark.parametrize(("place", "most"), MAX_DOCUMENT_CHARACTERS.items())
def test_a_document_that_is_too_long_is_named(
    tmp_path: Path, place: tuple[str, str], most: int
) -> None:
    resource_type, member = place
    # What is not known before a deployment counts for nothing, the rest as it will be.
    arn = {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":", {"Fn::GetAtt": ["R", "Arn"]}]]}
    around = len('{"a":["arn:aws:",""]}')

    def problems(length: int) -> dict[str, list[str]]:
        document = {"a": [arn, "x" * (length - around)]}
        resource = {"Type": resource_type, "Properties": {member: document}}
        _write(tmp_path, {"Resources": {"Named": resource}})
        return template_problems(tmp_path)

    assert problems(most) == {}

    [problem] = problems(most + 1)[FILE]
    assert problem.startswith(f"{member} of Named ({resource_type}) has at least {most + 1} char")


@pytest.mark.parametrize(("place", "most"), MAX_NAME_CHARACTERS.items())
def test_a_resource_whose_name_is_too_long_is_named(
    tmp_path: Path, place: tuple[str, str], most: int
) -> None:
    resource_type, member = place
    account = {"Fn::Join": ["-", ["app", {"Ref": "AWS::AccountId"}, "REST"]]}
    around = len("app-123456789012-")

    def problems(length: int) -> dict[str, list[str]]:
        name = json.loads(json.dumps(account).replace("REST", "x" * (length - around)))
        resource = {"Type": resource_type, "Properties": {member: name}}
        _write(tmp_path, {"Resources": {"Named": resource}})
        return template_problems(tmp_path)

    assert problems(most) == {}

    [problem] = problems(most + 1)[FILE]
    assert problem.startswith(f"{member} of Named ({resource_type}) is called 'app-123456789012-x")
    assert f"has {most + 1} characters; AWS takes at most {most}: shorten app_name" in problem


def test_stacks_and_exports_whose_names_are_too_long_are_named(tmp_path: Path) -> None:
    def problems(stack: int, export: int) -> list[str]:
        file = tmp_path / f"{'s' * stack}.template.json"
        file.write_text(json.dumps({"Outputs": {"Arn": {"Export": {"Name": "e" * export}}}}))
        found = template_problems(tmp_path)
        file.unlink()
        return found.get(file.name, [])

    assert problems(MAX_STACK_NAME_CHARACTERS, MAX_EXPORT_NAME_CHARACTERS) == []
    stack, export = problems(129, 256)
    assert stack.startswith("the stack is called ")
    assert export.startswith("the export of Arn is called ")


def test_templates_of_nested_assemblies_are_checked(tmp_path: Path) -> None:
    (tmp_path / "assembly-stage").mkdir()
    _write(tmp_path / "assembly-stage", {"Outputs": {str(number): {} for number in range(201)}})

    assert len(template_problems(tmp_path)) == 1


def test_a_stack_that_is_too_large_is_an_annotation_of_it(tmp_path: Path) -> None:
    # The CDK command line reports what CDK itself would raise with another flag.
    context = {"@aws-cdk/core:stackResourceLimit": 0}
    app = App(outdir=str(tmp_path), context=context, builtin_cloud_formation_validation=False)
    sound, large = Stack(app, "sound"), Stack(app, "large")
    CfnOutput(sound, "Output", value="x")
    for number in range(MAX_ENTRIES["Resources"] + 1):
        CfnResource(large, f"Topic{number}", type="AWS::SNS::Topic")

    synthesize(app)

    artifacts = json.loads((tmp_path / "manifest.json").read_text())["artifacts"]
    assert "aws:cdk:error" not in json.dumps(artifacts["sound"])
    metadata = tmp_path / artifacts["large"]["additionalMetadataFile"]
    [entry] = [
        each for each in json.loads(metadata.read_text())["/large"] if "error" in each["type"]
    ]
    assert entry["data"].startswith("the template has 501 Resources;")


def test_the_longest_names_that_settings_take_fit_everywhere(tmp_path: Path) -> None:
    folder, name = "p" * 64, "N" * 20
    config = copy_example(tmp_path / "pipelines" / folder)
    document = json.loads(config.read_text())
    shared = {"region": name, "registration_regions": [name, "ap-northeast-1"]}
    document["configuration"]["shared"] |= shared
    config.write_text(json.dumps(document))
    settings = {
        "app_name": "a" * 20,
        "home_region": "ap-southeast-1",
        "regions": {name: "ap-southeast-2"},
        "pipelines_dir": str(tmp_path / "pipelines"),
        "notifications": {"emails": ["my-team@example.com"]},
    }

    app, findings = build_app(
        str(tmp_path / "cdk.out"),
        cdk_context(**settings),
        builtin_cloud_formation_validation=False,
    )
    app.synth()

    assert [each for each in findings if each.severity == "error"] == []
    assert template_problems(tmp_path / "cdk.out") == {}
    assert (tmp_path / "cdk.out" / f"{'a' * 20}-registry-{'n' * 20}.template.json").is_file()


def test_a_model_can_be_registered_in_every_region_that_there_is(tmp_path: Path) -> None:
    config = copy_example(tmp_path / "pipelines" / "everywhere")
    document = json.loads(config.read_text())
    document["configuration"]["shared"]["registration_regions"] = list(sagemaker_regions())
    config.write_text(json.dumps(document))

    app, findings = build_app(
        str(tmp_path / "cdk.out"),
        cdk_context(
            pipelines_dir=str(tmp_path / "pipelines"),
            home_region="eu-central-1",
            notifications={"emails": ["my-team@example.com"]},
        ),
        builtin_cloud_formation_validation=False,
    )
    stacks = app.synth().stacks

    assert [each for each in findings if each.severity == "error"] == []
    assert template_problems(tmp_path / "cdk.out") == {}
    registries = {each.environment.region for each in stacks if "-registry-" in each.stack_name}
    assert registries == set(sagemaker_regions())
