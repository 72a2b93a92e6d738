"""Every resource type against AWS's published schema of it."""

from __future__ import annotations

import pytest

from constructs_lib.aws.resource_types import replacing_properties, schema_of
from local.emulator.cloudformation.errors import ProvisioningError
from local.emulator.cloudformation.handlers import HANDLERS
from local.emulator.cloudformation.schemas import check_properties


def top_level(resource_type: str, section: str) -> set[str]:
    pointers = schema_of(resource_type).get(section, [])
    return {pointer.removeprefix("/properties/") for pointer in pointers}


@pytest.mark.parametrize("resource_type", sorted(HANDLERS))
def test_a_handler_applies_properties_that_exist_and_updates_all_that_can_change(
    resource_type: str,
) -> None:
    handler = HANDLERS[resource_type]
    properties = set(schema_of(resource_type)["properties"])
    applied = properties if handler.applied is None else handler.applied
    assert applied <= properties

    fixed = top_level(resource_type, "createOnlyProperties")
    fixed |= top_level(resource_type, "readOnlyProperties")
    assert handler.update is not None or applied <= fixed


def test_text_counts_as_the_number_or_boolean_it_spells() -> None:
    check_properties("AWS::SQS::Queue", {"DelaySeconds": "5", "FifoQueue": "true"})
    check_properties("AWS::SQS::Queue", {"QueueName": 5})
    check_properties("AWS::Logs::LogGroup", {"RetentionInDays": "7"})


@pytest.mark.parametrize(
    ("resource_type", "properties", "message"),
    [
        ("AWS::SQS::Queue", {"DelaySeconds": "soon"}, "'soon' is not of type 'integer'"),
        ("AWS::SQS::Queue", {"DelaySeconds": "901"}, "901 is greater than the maximum of 900"),
        ("AWS::Logs::LogGroup", {"RetentionInDays": "8"}, "'8' is not one of"),
        ("AWS::KMS::Alias", {"AliasName": "alias/a"}, "'TargetKeyId' is a required property"),
        ("AWS::S3::Bucket", {"Name": "a"}, "unknown property Name; known are A"),
    ],
)
def test_properties_that_aws_would_not_take_are_refused(
    resource_type: str, properties: dict[str, str], message: str
) -> None:
    with pytest.raises(ProvisioningError, match=message):
        check_properties(resource_type, properties)


def test_patterns_know_unicode_classes() -> None:
    def role(tag_value: str) -> dict[str, object]:
        return {"AssumeRolePolicyDocument": {}, "Tags": [{"Key": "größe", "Value": tag_value}]}

    check_properties("AWS::IAM::Role", role("5 m"))
    with pytest.raises(ProvisioningError, match="'a,b' does not match"):
        check_properties("AWS::IAM::Role", role("a,b"))


def test_nested_create_only_properties_replace_too() -> None:
    def endpoint(preference: str) -> dict[str, object]:
        return {"VpcId": "vpc-1", "DnsOptions": {"PrivateDnsPreference": preference}}

    replacing = replacing_properties("AWS::EC2::VPCEndpoint", endpoint("A"), endpoint("B"))

    assert replacing == ["DnsOptions/PrivateDnsPreference"]
