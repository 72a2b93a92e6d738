"""What a template must be before anything is touched."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.emulator.cloudformation.errors import TemplateError
from local.emulator.cloudformation.templates import Template

BUCKET = {"Type": "AWS::S3::Bucket"}


def parse(**sections: Any) -> Template:
    return Template.parse(json.dumps(sections))


def test_types_it_does_not_have_are_refused_and_all_named() -> None:
    with pytest.raises(TemplateError, match=r"\[AWS::EKS::Cluster, AWS::Glue::Job\]"):
        parse(
            Resources={
                "Bucket": BUCKET,
                "Cluster": {"Type": "AWS::EKS::Cluster"},
                "Cleaner": {"Type": "Custom::S3AutoDelete"},
                "Job": {"Type": "AWS::Glue::Job"},
            }
        )


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        ({}, "At least one Resources member"),
        ({"A": {**BUCKET, "DependsOn": "Gone"}}, r"dependencies \[Gone\]"),
        ({"A": {**BUCKET, "Properties": {"BucketName": {"Ref": "Gone"}}}}, r"\[Gone\]"),
        (
            {"A": {**BUCKET, "DependsOn": ["B"]}, "B": {**BUCKET, "DependsOn": ["A"]}},
            "Circular dependency between resources",
        ),
        (
            {"A": {**BUCKET, "Properties": {"BucketName": "{{resolve:ssm:/name}}"}}},
            "dynamic references",
        ),
    ],
)
def test_broken_templates_are_refused(resources: Any, message: str) -> None:
    with pytest.raises(TemplateError, match=message):
        parse(Resources=resources)


def test_text_that_is_no_template_is_refused() -> None:
    with pytest.raises(TemplateError, match="Template format error"):
        Template.parse("[1")
    with pytest.raises(TemplateError, match="unsupported structure"):
        Template.parse("just text")


def test_yaml_has_short_forms_and_keeps_dates_as_text() -> None:
    template = Template.parse(
        """
        AWSTemplateFormatVersion: 2010-09-09
        Parameters: {Name: {Type: String}}
        Resources:
          Bucket:
            Type: AWS::S3::Bucket
            Properties:
              BucketName: !Sub "${Name}-data"
              Tags: [{Key: name, Value: !Ref Name}]
        Outputs: {Arn: {Value: !GetAtt Bucket.Arn}}
        """
    )

    assert template.sections["AWSTemplateFormatVersion"] == "2010-09-09"
    assert template.resources["Bucket"]["Properties"] == {
        "BucketName": {"Fn::Sub": "${Name}-data"},
        "Tags": [{"Key": "name", "Value": {"Ref": "Name"}}],
    }
    assert template.outputs == {"Arn": {"Value": {"Fn::GetAtt": "Bucket.Arn"}}}


def test_resources_are_created_after_what_they_refer_to() -> None:
    template = parse(
        Resources={
            "Policy": {
                "Type": "AWS::S3::BucketPolicy",
                "Properties": {"Bucket": {"Ref": "Bucket"}, "PolicyDocument": {}},
            },
            "Bucket": {
                **BUCKET,
                "DependsOn": "Logs",
                "Properties": {"BucketName": {"Fn::Sub": "${Key.Arn}"}},
            },
            "Key": {"Type": "AWS::KMS::Key"},
            "Logs": BUCKET,
        }
    )

    order = template.creation_order()

    assert set(order[:2]) == {"Key", "Logs"}
    assert order[2:] == ["Bucket", "Policy"]


@pytest.mark.parametrize(
    ("definition", "given", "message"),
    [
        ({"Type": "String"}, {}, r"\[P\] must have values"),
        ({"Type": "String"}, {"P": "a", "Q": "b"}, r"\[Q\] do not exist in the template"),
        ({"Type": "String", "AllowedValues": ["a"]}, {"P": "b"}, r"AllowedValues \['a'\], got b"),
        ({"Type": "Number"}, {"P": "many"}, "must be a number, got many"),
        ({"Type": "String", "AllowedPattern": "[a-z]+"}, {"P": "B1"}, r"pattern \[a-z\]\+"),
    ],
)
def test_parameters_must_be_complete_and_allowed(
    definition: Any, given: dict[str, str], message: str
) -> None:
    template = parse(Parameters={"P": definition}, Resources={"Bucket": BUCKET})

    with pytest.raises(TemplateError, match=message):
        template.parameter_texts(given)
