"""The policies for CloudFormation: current, complete for the templates, and small enough."""

from __future__ import annotations

import fnmatch

import pytest

from constructs_lib.regions.tables import sagemaker_regions
from docs.deployment_policy import (
    MAX_POLICY_CHARACTERS,
    RESOURCE_TYPES,
    files,
    needed_actions,
    policies,
)
from tests.synth.conftest import TRAINING, Synthesize
from tests.synth.example_copies import named_copy


@pytest.fixture(scope="module")
def resource_types(synthesize: Synthesize, tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The types in the templates with everything switched on."""
    folder = tmp_path_factory.mktemp("pipelines")
    endpoint = {"deploy_on": "approval"}
    named_copy(folder / "uploaded", Payload={"load_test_in_aws": True}, Endpoint=endpoint)
    on_two_instances = {**TRAINING, "training_instance_count": 2}
    named_copy(folder / "trained", PytorchTraining=on_two_instances)
    schedule = {"expression": "rate(7 days)", "parameters": {}}
    templates = synthesize(
        pipelines_dir=str(folder),
        pipelines={
            "uploaded": {"start_on_upload": True, "monitoring": True},
            "trained": {"schedule": schedule},
        },
        notifications={"emails": ["ml@example.com"]},
        interface_endpoints=["logs"],
        environment="dev",
        delivery={"repository": "acme/models"},
    )
    return {
        resource["Type"]
        for template in templates.values()
        for resource in template.to_json()["Resources"].values()
    }


def test_the_files_are_current() -> None:
    assert {path: path.read_text() for path in files()} == files(), "run: make docs"


def test_the_types_are_those_of_the_templates(resource_types: set[str]) -> None:
    assert sorted(resource_types) == sorted(RESOURCE_TYPES)


def test_every_action_that_is_needed_is_allowed() -> None:
    allowed = [
        action
        for policy in policies().values()
        for statement in policy["Statement"]
        for action in statement["Action"]
    ]

    for resource_type in RESOURCE_TYPES:
        for action in needed_actions(resource_type):
            assert any(fnmatch.fnmatchcase(action, pattern) for pattern in allowed), action


def test_no_action_is_a_whole_service() -> None:
    for policy in policies().values():
        for statement in policy["Statement"]:
            assert statement["Action"], statement["Sid"]
            assert not {f"{statement['Sid'].lower()}:*", "*"} & set(statement["Action"])


def test_roles_of_others_cannot_be_changed_or_passed() -> None:
    (iam,) = [
        statement
        for policy in policies().values()
        for statement in policy["Statement"]
        if statement["Sid"] == "Iam"
    ]

    assert "iam:PassRole" in iam["Action"]
    assert all("/model-release-*" in each or "oidc-provider" in each for each in iam["Resource"])


def test_the_policies_of_an_app_allow_its_regions_only_but_for_iam_which_has_none() -> None:
    for policy in policies(regions=["eu-central-1", "us-east-1"]).values():
        for statement in policy["Statement"]:
            within = {"StringEquals": {"aws:RequestedRegion": ["eu-central-1", "us-east-1"]}}
            expected = None if statement["Sid"] == "Iam" else within
            assert statement.get("Condition") == expected
    assert all("Condition" not in text for text in files().values())


@pytest.mark.parametrize("regions", [(), sagemaker_regions()[:5]], ids=["any", "five"])
def test_each_policy_is_small_enough_for_iam(regions: tuple[str, ...]) -> None:
    for text in files(regions=regions).values():
        assert len("".join(text.split())) <= MAX_POLICY_CHARACTERS
