"""Stacks: order, update, replacement, rollback, exports, deletion."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.emulator import EmbeddedAws
from tests.local.emulator.conftest import StackDriver

QUEUE = {"Type": "AWS::SQS::Queue"}


def parameter(value: Any, **properties: Any) -> dict[str, Any]:
    return {
        "Type": "AWS::SSM::Parameter",
        "Properties": {"Type": "String", "Value": value, **properties},
    }


BROKEN = parameter("", Type="NoSuchType")


def value_of(aws: EmbeddedAws, name: str) -> str:
    answer = aws.client("ssm").get_parameter(Name=name)
    return str(answer["Parameter"]["Value"])


def test_a_change_set_tells_what_it_will_do_and_a_second_deploy_updates(
    aws: EmbeddedAws, stack: StackDriver
) -> None:
    proposed = stack.propose({"Resources": {"One": parameter("1"), "Two": parameter("2")}})
    assert proposed["Status"] == "CREATE_COMPLETE"
    assert stack.status == "REVIEW_IN_PROGRESS"

    assert stack.deploy_resources(One=parameter("1"), Two=parameter("2")) == "CREATE_COMPLETE"
    name = stack.physical_id("One")
    changes = stack.propose({"Resources": {"One": parameter("changed"), "New": QUEUE}})["Changes"]
    assert {
        (change["ResourceChange"]["Action"], change["ResourceChange"]["LogicalResourceId"])
        for change in changes
    } == {("Modify", "One"), ("Remove", "Two"), ("Add", "New")}

    assert stack.deploy_resources(One=parameter("changed"), New=QUEUE) == "UPDATE_COMPLETE"
    assert stack.physical_id("One") == name
    assert value_of(aws, name) == "changed"


def test_a_change_set_names_the_properties_whose_values_change(stack: StackDriver) -> None:
    account = {"Fn::Sub": "${AWS::AccountId}"}
    stack.deploy_resources(
        One=parameter("1"), Same=parameter(account), Named=parameter("1", Name="before")
    )

    template = {
        "One": parameter({"Ref": "New"}),
        "Same": parameter("123456789012"),
        "Named": parameter("1", Name="after"),
        "New": QUEUE,
    }
    changes = stack.propose({"Resources": template})["Changes"]

    described = {each["ResourceChange"]["LogicalResourceId"]: each for each in changes}
    assert described.keys() == {"One", "Named", "New"}
    (value,) = described["One"]["ResourceChange"]["Details"]
    assert (value["Target"]["Name"], value["Evaluation"]) == ("Value", "Dynamic")
    assert described["One"]["ResourceChange"]["Replacement"] == "False"
    (name,) = described["Named"]["ResourceChange"]["Details"]
    assert name["Target"]["RequiresRecreation"] == "Always"
    assert described["Named"]["ResourceChange"]["Replacement"] == "True"


def test_the_same_template_again_is_no_change(stack: StackDriver) -> None:
    template = {
        "Parameters": {"P": {"Type": "String", "Default": "1"}},
        "Resources": {"One": parameter({"Ref": "P"})},
    }
    stack.deploy(template)

    assert stack.propose(template)["Status"] == "FAILED"
    assert "didn't contain changes" in stack.propose(template, P="1")["StatusReason"]
    assert stack.propose(template, P="2")["Status"] == "CREATE_COMPLETE"


def test_change_sets_of_one_name_belong_to_their_stacks(
    stack: StackDriver, other_stack: StackDriver
) -> None:
    stack.propose({"Resources": {"Mine": QUEUE}})
    other_stack.propose({"Resources": {"Others": QUEUE}})

    described = stack.client.describe_change_set(StackName=stack.name, ChangeSetName="change")

    assert described["Changes"][0]["ResourceChange"]["LogicalResourceId"] == "Mine"


def test_a_missing_change_set_has_the_code_that_the_cdk_cli_waits_for(stack: StackDriver) -> None:
    stack.client.delete_change_set(StackName=stack.name, ChangeSetName="gone")
    with pytest.raises(stack.client.exceptions.ChangeSetNotFoundException):
        stack.client.describe_change_set(StackName=stack.name, ChangeSetName="gone")


def test_a_refused_template_leaves_the_stack_as_it_was(
    aws: EmbeddedAws, stack: StackDriver
) -> None:
    stack.deploy_resources(One=parameter("1"))

    with pytest.raises(ClientError, match=r"Unrecognized resource types: \[AWS::EKS::Cluster\]"):
        stack.propose({"Resources": {"One": parameter("2"), "Two": {"Type": "AWS::EKS::Cluster"}}})

    assert stack.status == "CREATE_COMPLETE"
    assert value_of(aws, stack.physical_id("One")) == "1"


def test_only_create_only_properties_replace_and_dependants_follow(
    aws: EmbeddedAws, stack: StackDriver
) -> None:
    def resources(name: str, description: str) -> dict[str, Any]:
        source = parameter("source", Name=f"/{stack.name}/{name}", Description=description)
        return {"Source": source, "User": parameter({"Ref": "Source"})}

    stack.deploy_resources(**resources("first", "before"))
    stack.deploy_resources(**resources("first", "after"))
    assert "Source: DELETE_COMPLETE" not in stack.events

    assert stack.deploy_resources(**resources("second", "after")) == "UPDATE_COMPLETE"
    assert stack.physical_id("Source") == f"/{stack.name}/second"
    assert value_of(aws, stack.physical_id("User")) == f"/{stack.name}/second"
    events = stack.events
    assert events.index("User: UPDATE_COMPLETE") < events.index("Source: DELETE_COMPLETE")
    with pytest.raises(ClientError, match="ParameterNotFound"):
        value_of(aws, f"/{stack.name}/first")


def test_a_failed_creation_is_rolled_back_and_says_why(
    aws: EmbeddedAws, stack: StackDriver
) -> None:
    name = f"/{stack.name}/one"
    status = stack.deploy_resources(
        One=parameter("1", Name=name),
        Two={**BROKEN, "DependsOn": "One"},
        Three={**QUEUE, "DependsOn": "Two"},
    )

    assert status == "ROLLBACK_COMPLETE"
    assert "[Two]: Properties validation failed" in stack.reason
    assert "#/Type: 'NoSuchType' is not one of" in stack.reason
    assert stack.events == [
        f"{stack.name}: CREATE_IN_PROGRESS",
        "One: CREATE_IN_PROGRESS",
        "One: CREATE_COMPLETE",
        "Two: CREATE_IN_PROGRESS",
        "Two: CREATE_FAILED",
        f"{stack.name}: ROLLBACK_IN_PROGRESS",
        "One: DELETE_IN_PROGRESS",
        "One: DELETE_COMPLETE",
        f"{stack.name}: ROLLBACK_COMPLETE",
    ]
    with pytest.raises(ClientError, match="ParameterNotFound"):
        value_of(aws, name)
    with pytest.raises(ClientError, match="is in ROLLBACK_COMPLETE state and can not be updated"):
        stack.propose({"Resources": {"One": QUEUE}})


def test_a_failed_update_restores_what_was_updated_replaced_and_created(
    aws: EmbeddedAws, stack: StackDriver
) -> None:
    names = [f"/{stack.name}/{name}" for name in ("updated", "replaced", "created")]
    updated, replaced, created = names
    stack.deploy_resources(
        Updated=parameter("1", Name=updated), Other=parameter("1", Name=replaced)
    )

    status = stack.deploy_resources(
        Updated=parameter("2", Name=updated),
        Other=parameter("1", Name=f"{replaced}-2"),
        Created=parameter("1", Name=created),
        Broken={**BROKEN, "DependsOn": ["Updated", "Other", "Created"]},
    )

    assert status == "UPDATE_ROLLBACK_COMPLETE"
    assert value_of(aws, updated) == value_of(aws, replaced) == "1"
    for gone in (created, f"{replaced}-2"):
        with pytest.raises(ClientError, match="ParameterNotFound"):
            value_of(aws, gone)
    assert stack.deploy_resources(Updated=parameter("3", Name=updated)) == "UPDATE_COMPLETE"


def test_a_resource_that_fails_half_made_leaves_nothing_behind(
    aws: EmbeddedAws, stack: StackDriver
) -> None:
    bucket = f"{stack.name}-bucket"
    status = stack.deploy_resources(
        Bucket={
            "Type": "AWS::S3::Bucket",
            "Properties": {
                "BucketName": bucket,
                "LoggingConfiguration": {"DestinationBucketName": "there-is-none"},
            },
        }
    )

    assert status == "ROLLBACK_COMPLETE"
    assert "The target bucket for logging does not exist" in stack.reason
    assert bucket not in [item["Name"] for item in aws.client("s3").list_buckets()["Buckets"]]


def test_a_property_that_a_handler_does_not_apply_is_refused(stack: StackDriver) -> None:
    website = {"WebsiteConfiguration": {"IndexDocument": "index.html"}}
    stack.deploy_resources(Bucket={"Type": "AWS::S3::Bucket", "Properties": website})

    assert "does not apply WebsiteConfiguration of AWS::S3::Bucket" in stack.reason


def test_an_unknown_property_is_refused_with_the_known_ones(stack: StackDriver) -> None:
    stack.deploy_resources(One=parameter("1", Colour="red"))

    assert "unknown property Colour; known are AllowedPattern" in stack.reason


def test_conditions_decide_what_exists(stack: StackDriver) -> None:
    template = {
        "Parameters": {"Live": {"Type": "String", "AllowedValues": ["yes", "no"]}},
        "Conditions": {"IsLive": {"Fn::Equals": [{"Ref": "Live"}, "yes"]}},
        "Resources": {"Always": QUEUE, "Sometimes": {**QUEUE, "Condition": "IsLive"}},
        "Outputs": {
            "Name": {"Condition": "IsLive", "Value": {"Fn::GetAtt": ["Sometimes", "QueueName"]}},
            "Region": {"Value": {"Ref": "AWS::Region"}},
        },
    }

    stack.deploy(template, Live="yes")
    assert stack.outputs["Name"].startswith(f"{stack.name}-Sometimes-")
    stack.deploy(template, Live="no")

    assert stack.outputs == {"Region": "us-east-1"}
    assert "Sometimes: DELETE_COMPLETE" in stack.events


def test_parameters_from_the_parameter_store_are_read_at_each_deployment(
    aws: EmbeddedAws, stack: StackDriver
) -> None:
    name = f"/{stack.name}/version"
    kind = "AWS::SSM::Parameter::Value<String>"
    template = {
        "Parameters": {"Version": {"Type": kind, "Default": name}},
        "Resources": {"Seen": parameter({"Ref": "Version"})},
    }
    with pytest.raises(ClientError, match=r"Unable to fetch parameters \[/stack-.*/version\]"):
        stack.propose(template)

    aws.client("ssm").put_parameter(Name=name, Type="String", Value="21")
    stack.deploy(template)
    assert value_of(aws, stack.physical_id("Seen")) == "21"
    aws.client("ssm").put_parameter(Name=name, Type="String", Value="22", Overwrite=True)
    stack.deploy({**template, "Description": "changed"})

    assert value_of(aws, stack.physical_id("Seen")) == "22"


def exporter(value: str, name: str) -> dict[str, Any]:
    output = {"Value": value, "Export": {"Name": name}}
    return {"Resources": {"Queue": QUEUE}, "Outputs": {"Out": output}}


def test_an_export_in_use_can_neither_change_nor_go(
    aws: EmbeddedAws, stack: StackDriver, other_stack: StackDriver
) -> None:
    export = f"{stack.name}-value"
    stack.deploy(exporter("1", export))
    other_stack.deploy_resources(User=parameter({"Fn::ImportValue": export}))
    assert value_of(aws, other_stack.physical_id("User")) == "1"

    in_use = f"Export {export} cannot be updated or deleted as it is in use by {other_stack.name}"
    assert stack.deploy(exporter("2", export)) == "UPDATE_ROLLBACK_COMPLETE"
    assert stack.reason == in_use
    assert stack.outputs == {"Out": "1"}
    stack.delete()
    assert stack.status == "DELETE_FAILED"

    other_stack.delete()
    stack.delete()
    with pytest.raises(ClientError, match="does not exist"):
        _ = stack.status


def test_an_import_of_nothing_fails(stack: StackDriver) -> None:
    status = stack.deploy_resources(User=parameter({"Fn::ImportValue": "nobody-exports-this"}))

    assert (status, stack.reason) == (
        "ROLLBACK_COMPLETE",
        "No export named nobody-exports-this found.",
    )


def test_an_export_name_is_used_once(stack: StackDriver, other_stack: StackDriver) -> None:
    export = f"{stack.name}-value"
    stack.deploy(exporter("1", export))

    assert other_stack.deploy(exporter("1", export)) == "ROLLBACK_COMPLETE"
    assert "already exported by another stack" in other_stack.reason


def test_deletion_goes_backwards_and_keeps_what_is_retained(
    aws: EmbeddedAws, stack: StackDriver
) -> None:
    kept = f"/{stack.name}/kept"
    stack.deploy_resources(
        Kept={**parameter("1", Name=kept), "DeletionPolicy": "Retain"},
        User=parameter({"Ref": "Kept"}),
    )
    stack_id = stack.description["StackId"]

    stack.delete()

    deleted = StackDriver(stack.client, stack_id)
    assert deleted.status == "DELETE_COMPLETE"
    assert deleted.events[-4:] == [
        "User: DELETE_IN_PROGRESS",
        "User: DELETE_COMPLETE",
        "Kept: DELETE_SKIPPED",
        f"{stack.name}: DELETE_COMPLETE",
    ]
    assert value_of(aws, kept) == "1"


def test_what_somebody_else_deleted_does_not_stop_deletion(
    aws: EmbeddedAws, stack: StackDriver
) -> None:
    stack.deploy_resources(One=parameter("1"), Queue=QUEUE)
    stack_id = stack.description["StackId"]
    aws.client("ssm").delete_parameter(Name=stack.physical_id("One"))
    aws.client("sqs").delete_queue(QueueUrl=stack.physical_id("Queue"))

    stack.delete()

    assert StackDriver(stack.client, stack_id).status == "DELETE_COMPLETE"


def test_a_resource_that_cannot_be_deleted_fails_the_deletion_and_can_be_retried(
    aws: EmbeddedAws, stack: StackDriver
) -> None:
    stack.deploy_resources(Bucket={"Type": "AWS::S3::Bucket"}, One=parameter("1"))
    bucket = stack.physical_id("Bucket")
    aws.client("s3").put_object(Bucket=bucket, Key="object", Body=b"")

    stack.delete()
    assert stack.status == "DELETE_FAILED"
    assert "failed to delete: [Bucket]" in stack.reason

    aws.client("s3").delete_object(Bucket=bucket, Key="object")
    stack.delete()
    with pytest.raises(ClientError, match="does not exist"):
        _ = stack.status


def test_a_protected_stack_is_not_deleted(stack: StackDriver) -> None:
    stack.deploy_resources(Queue=QUEUE)
    protect = stack.client.update_termination_protection
    protect(StackName=stack.name, EnableTerminationProtection=True)

    with pytest.raises(ClientError, match="TerminationProtection is enabled"):
        stack.delete()

    protect(StackName=stack.name, EnableTerminationProtection=False)
    stack.delete()


def test_regions_are_worlds_apart(aws: EmbeddedAws, stack: StackDriver) -> None:
    stack.deploy_resources(Queue=QUEUE)

    with pytest.raises(ClientError, match="does not exist"):
        aws.client("cloudformation", "eu-west-1").describe_stacks(StackName=stack.name)


def test_stacks_also_come_without_change_sets(aws: EmbeddedAws, stack: StackDriver) -> None:
    client = stack.client
    body = '{"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}'
    client.create_stack(StackName=stack.name, TemplateBody=body)
    with pytest.raises(ClientError, match="No updates are to be performed"):
        client.update_stack(StackName=stack.name, TemplateBody=body)

    client.update_stack(StackName=stack.name, TemplateBody=body.replace("Queue", "Other", 1))

    assert stack.status == "UPDATE_COMPLETE"
    (summary,) = client.list_stack_resources(StackName=stack.name)["StackResourceSummaries"]
    assert summary["LogicalResourceId"] == "Other"
    assert client.get_template(StackName=stack.name)["TemplateBody"] is not None
