"""Environments of cdk.json: chosen by name, checked all together."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from aws_cdk.assertions import Template

from app import build_app
from constructs_lib.compiled_pipeline import CompiledPipeline, UnknownParameterError
from constructs_lib.settings import Settings, SettingsError
from tests.synth.conftest import ROOT, cdk_context

SHIPPED = json.loads((ROOT / "cdk.json").read_text())["context"]["model-release"]


def _settings(chosen: str | None, given: dict[str, Any]) -> Settings:
    return Settings.from_context({"model-release": given, "environment": chosen}.get)


def test_without_a_choice_no_account_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CDK_DEFAULT_ACCOUNT", raising=False)
    settings = _settings(None, SHIPPED)

    assert settings.environment is None
    assert settings.account is None


@pytest.mark.parametrize("name", ["dev", "staging", "prod"])
def test_the_shipped_environments_are_valid(name: str) -> None:
    settings = _settings(name, SHIPPED)

    assert settings.environment == name
    assert settings.account == SHIPPED["environments"][name]["account"]


def test_an_environment_overrides_the_settings_of_all() -> None:
    given = {
        "app_name": "release",
        "retain_data": True,
        "environments": {"dev": {"account": "111122223333", "retain_data": False}},
    }

    assert _settings("dev", given).app_name == "release"
    assert _settings("dev", given).retain_data is False
    assert _settings(None, given).retain_data is True


@pytest.mark.parametrize(
    ("environments", "message"),
    [
        ({"dev": {"account": "111122223333"}}, "no environment 'prod' .*Defined are: dev"),
        ({}, "Defined are: none"),
        ([], "an object of settings per name"),
        ({"prod": 1}, "an object of settings per name"),
        ({"prod": {}}, "'prod' .*names no account"),
        ({"": {"account": "111122223333"}}, r'environment: .*letters, digits.* \(got ""\)'),
        ({"a\nb": {"account": "111122223333"}}, r"environment: .*letters, digits"),
        ({"\ud800": {"account": "111122223333"}}, "environment: "),
        ({"x" * 257: {"account": "111122223333"}}, "environment: .*256"),
        ({"prod": {"account": "1"}}, r"environments.prod in cdk.json are wrong:\n  account: "),
        (
            {"prod": {"account": "111122223333", "model_approval_status": "yes"}},
            "model_approval_status: ",
        ),
        (
            {"dev": {"account": "111122223333"}, "prod": {"account": "111122223333"}},
            "'dev' and 'prod' share the account 111122223333",
        ),
        (
            {"dev": {"account": "12"}, "prod": {"account": "111122223333"}},
            "environments.dev in cdk.json are wrong",
        ),
    ],
)
def test_a_wrong_choice_is_told_with_what_is_defined(environments: Any, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        _settings("prod", {"environments": environments})


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, dict[str, Template]]:
    app, _ = build_app(
        str(tmp_path_factory.mktemp("cdk.out")),
        {**cdk_context(owner="returns-risk-ml"), "environment": "dev"},
        builtin_cloud_formation_validation=False,
    )
    assembly = app.synth()
    return assembly, {
        stack.stack_name.removeprefix("model-release-"): Template.from_json(stack.template)
        for stack in assembly.stacks
    }


def test_an_environment_is_deployed_to_its_account(
    dev: tuple[Any, dict[str, Template]],
) -> None:
    assembly, _ = dev

    assert {stack.environment.account for stack in assembly.stacks} == {"111122223333"}


def test_new_versions_get_the_environments_status(dev: tuple[Any, dict[str, Template]]) -> None:
    (pipeline,) = (
        dev[1]["pipeline-returns-risk"].find_resources("AWS::SageMaker::Pipeline").values()
    )
    definition = pipeline["Properties"]["PipelineDefinition"]["PipelineDefinitionBody"]
    parameters = json.loads(definition["Fn::Sub"][0])["Parameters"]

    (status,) = [each for each in parameters if each["Name"] == "ModelApprovalStatus"]
    assert status["DefaultValue"] == "Approved"


def test_every_resource_that_takes_tags_is_tagged(dev: tuple[Any, dict[str, Template]]) -> None:
    common = {"app": "model-release", "environment": "dev", "owner": "returns-risk-ml"}
    tagged = 0
    for name, template in dev[1].items():
        expected = common | ({"pipeline": "returns-risk"} if name.startswith("pipeline-") else {})
        for resource in template.to_json()["Resources"].values():
            tags = resource["Properties"].get("Tags")
            if tags:
                tagged += 1
                found = tags if isinstance(tags, dict) else {t["Key"]: t["Value"] for t in tags}
                assert expected.items() <= found.items()
    assert tagged >= 15


@pytest.mark.parametrize(
    ("parameter", "value", "message"),
    [
        ("ApprovalStatus", "Approved", "has no parameter 'ApprovalStatus'; it has Status"),
        ("Status", "yes", "cannot be 'yes'; allowed are Approved, Rejected"),
    ],
)
def test_a_default_that_the_pipeline_does_not_take_is_refused(
    parameter: str, value: str, message: str
) -> None:
    parameters = [{"Name": "Status", "EnumValues": ["Approved", "Rejected"]}]
    body = json.dumps({"Parameters": parameters})
    pipeline = CompiledPipeline(
        name="p", body=body, registration_requests={}, registration_file="{}"
    )

    with pytest.raises(UnknownParameterError, match=message):
        pipeline.with_default(parameter, value)


_HOLD_DATA = ("AWS::S3::Bucket", "AWS::KMS::Key", "AWS::SageMaker::ModelPackageGroup")


def _deletion_policies(templates: Iterable[Mapping[str, Any]]) -> set[str]:
    return {
        resource["DeletionPolicy"]
        for template in templates
        for resource in template["Resources"].values()
        if resource["Type"] in _HOLD_DATA
    }


def test_dev_leaves_no_data_behind(dev: tuple[Any, dict[str, Template]]) -> None:
    assert _deletion_policies([template.to_json() for template in dev[1].values()]) == {"Delete"}


def test_prod_is_protected_and_keeps_its_data(tmp_path: Any) -> None:
    context = {**cdk_context(), "environment": "prod"}
    app, _ = build_app(str(tmp_path), context, builtin_cloud_formation_validation=False)
    stacks = app.synth().stacks

    assert {stack.termination_protection for stack in stacks} == {True}
    assert {stack.environment.account for stack in stacks} == {"777788889999"}
    assert "Delete" not in _deletion_policies([stack.template for stack in stacks])


@pytest.mark.parametrize("name", ["operate.md", "deploy.md"])
def test_the_settings_of_the_documents_are_valid(name: str) -> None:
    blocks = (ROOT / "docs" / name).read_text().split("```json")[1:]

    assert blocks
    for block in blocks:
        _settings(None, json.loads("{" + block.split("```")[0] + "}"))
