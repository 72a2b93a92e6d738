"""CloudFormation's intrinsic functions."""

from __future__ import annotations

from typing import Any

import pytest

from local.emulator.cloudformation.errors import TemplateError
from local.emulator.cloudformation.functions import Scope, condition_holds, references_in, resolve

SCOPE = Scope(
    references={
        "AWS::Region": "eu-west-1",
        "AWS::AccountId": "123456789012",
        "Stage": "test",
        "Zones": ["a", "b"],
        "Bucket": "bucket-name",
    },
    attributes={"Bucket": {"Arn": "arn:aws:s3:::bucket-name", "Tags": ["x", "y"]}},
    mappings={"Sizes": {"test": {"count": 1}}},
    conditions={
        "IsTest": {"Fn::Equals": [{"Ref": "Stage"}, "test"]},
        "IsLive": {"Fn::Not": [{"Condition": "IsTest"}]},
    },
    exports={"network-vpc": "vpc-1"},
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("plain", "plain"),
        ({"Ref": "Bucket"}, "bucket-name"),
        ({"Fn::GetAtt": ["Bucket", "Arn"]}, "arn:aws:s3:::bucket-name"),
        ({"Fn::GetAtt": "Bucket.Arn"}, "arn:aws:s3:::bucket-name"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Stage"}]]}, "a-test"),
        ({"Fn::Join": ["", ["n", 1, True]]}, "n1true"),
        ({"Fn::Select": ["1", {"Ref": "Zones"}]}, "b"),
        ({"Fn::Split": ["-", {"Ref": "Bucket"}]}, ["bucket", "name"]),
        ({"Fn::FindInMap": ["Sizes", {"Ref": "Stage"}, "count"]}, 1),
        ({"Fn::If": ["IsTest", "yes", "no"]}, "yes"),
        ({"Fn::If": ["IsLive", "yes", "no"]}, "no"),
        ({"Fn::ImportValue": "network-vpc"}, "vpc-1"),
        ({"Fn::GetAZs": ""}, ["eu-west-1a", "eu-west-1b", "eu-west-1c"]),
        ({"Fn::Base64": "text"}, "dGV4dA=="),
        ({"Fn::Cidr": ["10.0.0.0/24", 2, 6]}, ["10.0.0.0/26", "10.0.0.64/26"]),
        ({"Fn::ToJsonString": {"a": {"Ref": "Stage"}}}, '{"a":"test"}'),
        ({"a": "kept", "b": {"Ref": "AWS::NoValue"}}, {"a": "kept"}),
        (["kept", {"Fn::If": ["IsLive", "live", {"Ref": "AWS::NoValue"}]}], ["kept"]),
        ({"Condition": {"Bool": {"aws:SecureTransport": "false"}}},) * 2,
    ],
)
def test_functions_are_replaced_by_their_results(value: Any, expected: Any) -> None:
    assert resolve(value, SCOPE) == expected


def test_sub_replaces_variables_attributes_and_its_own_names_only() -> None:
    body = '{"b":"${Bucket}","a":"${Bucket.Arn}","own":"${Own}","literal":"${!Kept}","cost":"$5"}'

    resolved = resolve({"Fn::Sub": [body, {"Own": {"Ref": "Stage"}}]}, SCOPE)

    assert resolved == (
        '{"b":"bucket-name","a":"arn:aws:s3:::bucket-name","own":"test",'
        '"literal":"${Kept}","cost":"$5"}'
    )


def test_sub_does_not_resolve_what_it_has_inserted() -> None:
    assert resolve({"Fn::Sub": ["${Own}", {"Own": "${!Stage}"}]}, SCOPE) == "${!Stage}"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"Ref": "Nothing"}, r"Unresolved resource dependencies \[Nothing\]"),
        ({"Fn::GetAtt": ["Nothing", "Arn"]}, "undefined resource Nothing"),
        ({"Fn::GetAtt": ["Bucket", "Size"]}, r"attribute type Size .* knows \['Arn', 'Tags'\]"),
        ({"Fn::Sub": "${Nothing}"}, "Nothing"),
        ({"Fn::Sub": "${not a name}"}, "only alphanumeric characters"),
        ({"Fn::Select": [2, {"Ref": "Zones"}]}, "nonexistent value at index 2"),
        ({"Fn::FindInMap": ["Sizes", "live", "count"]}, "Sizes::live::count"),
        ({"Fn::ImportValue": "nothing"}, "No export named nothing found"),
        ({"Fn::Transform": {"Name": "AWS::Include"}}, "Fn::Transform is not supported"),
        ({"Fn::If": ["Nothing", 1, 2]}, "unresolved condition dependency Nothing"),
    ],
)
def test_what_does_not_exist_is_an_error(value: Any, message: str) -> None:
    with pytest.raises(TemplateError, match=message):
        resolve(value, SCOPE)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("IsTest", True),
        ({"Fn::And": [{"Condition": "IsTest"}, {"Condition": "IsLive"}]}, False),
        ({"Fn::Or": [{"Condition": "IsTest"}, {"Condition": "IsLive"}]}, True),
        ({"Fn::Equals": ["", {"Ref": "Stage"}]}, False),
    ],
)
def test_conditions_combine(condition: Any, expected: bool) -> None:
    assert condition_holds(condition, SCOPE) is expected


def test_references_are_found_in_every_function_that_holds_them() -> None:
    value = {
        "a": [{"Ref": "One"}, {"Fn::GetAtt": ["Two", "Arn"]}, {"Fn::GetAtt": "Three.Arn"}],
        "b": {"Fn::Sub": ["${Four.Arn} ${own} ${!literal}", {"own": {"Ref": "Five"}}]},
        "c": {"Fn::If": ["IsTest", {"Ref": "Six"}, {"Fn::Join": ["", [{"Ref": "Seven"}]]}]},
    }

    assert set(references_in(value)) == {"One", "Two", "Three", "Four", "Five", "Six", "Seven"}
