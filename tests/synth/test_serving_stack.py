"""The stack that serves a pipeline's approved versions, and what other stacks do for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from aws_cdk.assertions import Template

from constructs_lib.errors import ReleaseError
from tests.synth.conftest import Synthesize
from tests.synth.example_copies import leave_unserved, named_copy
from tests.workflow.scripted import FUNCTION_ARN, Script, execute

STACK = "serving-risk"
REGIONS = ("us-east-1", "eu-west-1", "us-west-2")
ENDPOINT: dict[str, Any] = {"waves": [["NA"], ["EU", "FE"]], "deploy_on": "command"}
Pipelines = Callable[..., str]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Pipelines:
    """Write a folder of pipelines, each served as its sections say; returns its path."""

    def write(**sections: dict[str, Any]) -> str:
        folder = tmp_path_factory.mktemp("pipelines")
        for name, section in sections.items():
            named_copy(folder / name, Endpoint={**ENDPOINT, **section})
        return str(folder)

    return write


@pytest.fixture(scope="module")
def templates(synthesize: Synthesize, served: Pipelines) -> Mapping[str, Template]:
    """An app with one served pipeline."""
    return synthesize(pipelines_dir=served(risk={}))


@pytest.fixture(scope="module")
def on_approval(synthesize: Synthesize, served: Pipelines) -> Mapping[str, Template]:
    """The same, with all that an endpoint can have."""
    section = {
        "deploy_on": "approval",
        "data_capture_percentage": 5,
        "max_instance_count": 3,
        "invocations_per_instance": 100,
    }
    return synthesize(pipelines_dir=served(risk=section))


def _statements(template: Template, role: str) -> dict[str, dict[str, Any]]:
    return {
        statement["Sid"]: statement
        for each in template.find_resources("AWS::IAM::ManagedPolicy").values()
        if each["Properties"]["Roles"][0]["Ref"].startswith(role)
        for statement in each["Properties"]["PolicyDocument"]["Statement"]
    }


def _change(folder: str, **shared: Any) -> None:
    path = Path(folder) / "risk" / "config.json"
    document = json.loads(path.read_text())
    document["configuration"]["shared"] |= shared
    path.write_text(json.dumps(document))


def _definition(template: Template) -> dict[str, Any]:
    (machine,) = template.find_resources("AWS::StepFunctions::StateMachine").values()
    text = machine["Properties"]["DefinitionString"]
    parts = text["Fn::Join"][1]
    joined = "".join(each if isinstance(each, str) else "token" for each in parts)
    definition: dict[str, Any] = json.loads(joined)
    return definition


def test_other_stacks_stay_as_they_are_but_for_keys_of_volumes(
    synthesize: Synthesize, templates: Mapping[str, Template], tmp_path: Path
) -> None:
    named_copy(tmp_path / "risk")
    leave_unserved(tmp_path / "risk")
    without = synthesize(pipelines_dir=str(tmp_path))

    assert set(templates) - set(without) == {STACK}
    changed = {name for name in without if without[name].to_json() != templates[name].to_json()}
    assert changed == {"registry-eu", "registry-fe"}
    for name in changed:
        before = json.dumps(without[name].to_json())
        after = json.dumps(templates[name].to_json())
        assert ("EncryptVolumes" in before, "EncryptVolumes" in after) == (False, True)


def test_the_workflow_is_named_after_the_pipeline_and_may_call_its_function_only(
    templates: Mapping[str, Template],
) -> None:
    template = templates[STACK]
    (machine,) = template.find_resources("AWS::StepFunctions::StateMachine").values()

    assert machine["Properties"]["StateMachineName"] == "risk-deployment"
    assert machine["Properties"]["TracingConfiguration"] == {"Enabled": True}
    assert machine["Properties"]["LoggingConfiguration"]["Level"] == "ALL"
    invoke = _statements(template, "WorkflowRole")["Deploy"]
    assert invoke["Action"] == "lambda:InvokeFunction"
    assert "DeploymentFunction" in str(invoke["Resource"])


def test_the_workflow_knows_the_settings(templates: Mapping[str, Template]) -> None:
    definition = _definition(templates[STACK])
    settings = definition["States"]["Begin"]["Parameters"]["settings"]

    assert [[each["region_code"] for each in wave] for wave in settings["waves"]] == [
        ["NA"],
        ["EU", "FE"],
    ]
    assert settings["endpoint_name"] == "risk"
    assert settings["topic_arn"] is None
    assert settings["waves"][1][0]["key_arn"].endswith(":alias/model-release-registry")


def test_the_deployed_definition_runs(templates: Mapping[str, Template]) -> None:
    """As it stands in the template: what is null must be null there."""
    definition = _definition(templates[STACK])
    text = json.dumps(definition).replace('"Resource": "token"', f'"Resource": "{FUNCTION_ARN}"')
    targets = [[{"region_code": "NA"}], [{"region_code": "EU"}, {"region_code": "FE"}]]
    script = Script(
        {
            "resolve": lambda _event: {"status": "ready", "waves": targets},
            "prepare": lambda _event: {},
            "update": lambda _event: {},
            "look": lambda _event: {"status": "serving"},
            "look_again": lambda _event: {"status": "serving", "seen": {}},
            "try": lambda _event: {"answers": []},
            "record": lambda event: {"regions": event["results"]},
        }
    )

    ended = execute(json.loads(text), {"action": "deploy"}, script)

    assert [each["region_code"] for each in ended.output["regions"]] == ["NA", "EU", "FE"]


def test_each_region_has_a_serving_role_that_reads_its_own_bucket(
    templates: Mapping[str, Template],
) -> None:
    roles = templates[STACK].find_resources("AWS::IAM::Role")
    serving = [name for name in roles if name.startswith("ServingRole")]

    assert len(serving) == 3
    statements = _statements(templates[STACK], "ServingRoleEU")
    read = str(statements["ReadRelease"]["Resource"])
    assert "model-release-registry-" in read
    assert "-eu-west-1/risk/releases/*" in read
    assert statements["DecryptRelease"]["Condition"]["StringEquals"] == {
        "kms:ViaService": "s3.eu-west-1.amazonaws.com"
    }
    assert "CaptureData" not in statements


def test_models_are_made_without_network_only_and_nothing_is_approved(
    templates: Mapping[str, Template],
) -> None:
    statements = _statements(templates[STACK], "DeploymentRole")

    assert statements["CreateModels"]["Condition"] == {
        "Bool": {"sagemaker:NetworkIsolation": "true"}
    }
    assert statements["RecordService"]["Condition"] == {
        "Null": {"sagemaker:ModelApprovalStatus": "true"}
    }
    assert len(statements["PassServingRoles"]["Resource"]) == 3
    assert "Scale" not in statements
    assert "Tell" not in statements


def test_the_guard_is_deleted_before_everything_else(templates: Mapping[str, Template]) -> None:
    (guard,) = templates[STACK].find_resources("Custom::Endpoints").values()

    depends = set(guard["DependsOn"])
    others = templates[STACK].to_json()["Resources"].items()
    later = {
        name
        for name, each in others
        if not name.startswith("Guard") and each["Type"] != "AWS::CDK::Metadata"
    }
    assert later - depends == set()
    assert guard["Properties"]["Regions"] == ["us-east-1", "eu-west-1", "us-west-2"]
    assert guard["Properties"]["PipelineFolder"] == "risk"


def test_an_approval_in_any_region_comes_home_and_starts(
    on_approval: Mapping[str, Template],
) -> None:
    forwarding = {name for name in on_approval if name.startswith("notifications")}
    assert forwarding == {"notifications-eu", "notifications-fe"}

    (rule,) = on_approval[STACK].find_resources("AWS::Events::Rule").values()
    pattern = rule["Properties"]["EventPattern"]
    prefixes = str(pattern["detail"]["ModelPackageArn"])
    assert all(f":sagemaker:{each}:" in prefixes for each in REGIONS)
    assert pattern["detail"]["ModelApprovalStatus"] == ["Approved"]
    (target,) = rule["Properties"]["Targets"]
    assert "DeadLetterConfig" in target


def test_with_all_that_an_endpoint_can_have_the_roles_may_more(
    on_approval: Mapping[str, Template],
) -> None:
    deployment = _statements(on_approval[STACK], "DeploymentRole")
    serving = _statements(on_approval[STACK], "ServingRoleNA")

    assert {"RaiseAlarms", "Scale", "ScaleEndpoints"} <= deployment.keys()
    assert "risk/captured/*" in str(serving["CaptureData"]["Resource"])
    assert {"DecryptRelease", "EncryptCaptured", "EncryptVolumes"} <= serving.keys()


def test_one_rule_forwards_where_people_are_told_too(
    synthesize: Synthesize, served: Pipelines
) -> None:
    section = {"deploy_on": "approval"}
    templates = synthesize(
        pipelines_dir=served(risk=section), notifications={"emails": ["ml@example.com"]}
    )

    (packages,) = _detail_members(templates["notifications-eu"], "ModelPackageGroupName")
    assert packages == ["risk"]
    statements = _statements(templates[STACK], "DeploymentRole")
    assert {"Tell", "EncryptMessages"} <= statements.keys()


def _detail_members(template: Template, name: str) -> list[Any]:
    """Return a member of what the rules of a stack match, of those that have it."""
    rules = template.find_resources("AWS::Events::Rule").values()
    details = [each["Properties"]["EventPattern"]["detail"] for each in rules]
    return [each[name] for each in details if name in each]


def test_standing_alarms_are_told_where_their_endpoints_are(
    synthesize: Synthesize, served: Pipelines
) -> None:
    templates = synthesize(
        pipelines_dir=served(
            risk={"endpoint_name": "Ours", "waves": [["EU"]]},
            other={"max_latency_in_millisecond": 60_000},
            quiet={"max_latency_in_millisecond": 60_000, "max_acceptable_error_rate": 1},
        ),
        notifications={"emails": ["ml@example.com"]},
    )

    everywhere, in_eu = ["other-standing-errors"], ["Ours-standing-errors", "Ours-standing-latency"]
    told = {
        name: _detail_members(template, "alarmName")
        for name, template in templates.items()
        if name.startswith("notifications")
    }
    assert told == {
        "notifications": [[*in_eu, *everywhere]],
        "notifications-eu": [[*in_eu, *everywhere]],
        "notifications-fe": [everywhere],
    }


def test_without_endpoints_nothing_is_told_of_alarms(
    synthesize: Synthesize, tmp_path: Path
) -> None:
    named_copy(tmp_path / "risk")
    leave_unserved(tmp_path / "risk")
    templates = synthesize(
        pipelines_dir=str(tmp_path), notifications={"emails": ["ml@example.com"]}
    )

    for name in ("notifications", "notifications-eu"):
        text = json.dumps(templates[name].to_json())
        assert "alarmName" not in text
        assert "of alarms" not in text


def test_two_pipelines_with_one_endpoint_are_refused(
    synthesize: Synthesize, served: Pipelines
) -> None:
    name = {"endpoint_name": "Shared"}

    with pytest.raises(ReleaseError, match="risk and second would both serve by"):
        synthesize(pipelines_dir=served(risk=name, second=name))


def test_a_name_that_is_too_long_for_a_workflow_is_refused(
    synthesize: Synthesize, served: Pipelines
) -> None:
    folder = served(risk={"endpoint_name": "short"})
    _change(folder, pipeline_name="r" * 70)

    with pytest.raises(ReleaseError, match="has 81 characters; Step Functions takes 80"):
        synthesize(pipelines_dir=folder)


def test_regions_with_long_names_fit(synthesize: Synthesize, served: Pipelines) -> None:
    folder = served(risk={"waves": [["ap-southeast-2"]]})
    _change(folder, region="ap-southeast-2", registration_regions=["ap-southeast-2"])

    template = synthesize(pipelines_dir=folder)[STACK]

    settings = _definition(template)["States"]["Begin"]["Parameters"]["settings"]
    assert settings["lead_region"] == "ap-southeast-2"
    assert [name for name in template.find_resources("AWS::IAM::Role") if len(name) > 64] == []
