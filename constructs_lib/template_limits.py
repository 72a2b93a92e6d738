"""What AWS takes at most in a template, checked when an app is synthesized.

Sources: the quotas of CloudFormation
(https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html), IAM
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html), EventBridge
(https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html), S3
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html) and KMS
(https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html). No library that is
installed with the app has these numbers; those that cfn-lint has are compared with it in a test.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from constructs_lib.language.variables import PSEUDO_PARAMETER_EXAMPLES, VARIABLE

MAX_TEMPLATE_BYTES: Final = 1_000_000
MAX_ENTRIES: Final = {"Resources": 500, "Parameters": 200, "Outputs": 200, "Mappings": 200}
"""By section of a template."""
MAX_DOCUMENT_CHARACTERS: Final = {
    ("AWS::Events::Rule", "EventPattern"): 2_048,
    ("AWS::IAM::ManagedPolicy", "PolicyDocument"): 6_144,
    ("AWS::IAM::Policy", "PolicyDocument"): 10_240,
    ("AWS::KMS::Key", "KeyPolicy"): 32_768,
    ("AWS::S3::BucketPolicy", "PolicyDocument"): 20_480,
}
"""By type of resource and property that holds a JSON document."""
MAX_NAME_CHARACTERS: Final = {
    ("AWS::KMS::Alias", "AliasName"): 256,
    ("AWS::S3::Bucket", "BucketName"): 63,
    ("AWS::SNS::Topic", "TopicName"): 256,
    ("AWS::SageMaker::ModelPackageGroup", "ModelPackageGroupName"): 63,
}
"""By type of resource and property: of what the app names itself. The linter checks the steps."""
MAX_STACK_NAME_CHARACTERS: Final = 128
MAX_EXPORT_NAME_CHARACTERS: Final = 255
_TEMPLATE: Final = ".template.json"


def template_problems(folder: Path) -> dict[str, list[str]]:
    """Tell what AWS would refuse of the templates that an app was synthesized to.

    Args:
        folder: Cloud assembly, usually ``cdk.out``.

    Returns:
        The problems by the name of the template's file, of those that have some.
    """
    found = {
        file.name: [
            *_stack_name_problems(file.name.removesuffix(_TEMPLATE)),
            *_problems(file.read_bytes()),
        ]
        for file in sorted(folder.rglob(f"*{_TEMPLATE}"))
    }
    return {name: problems for name, problems in found.items() if problems}


def _problems(template: bytes) -> Iterator[str]:
    if len(template) > MAX_TEMPLATE_BYTES:
        yield (
            f"the template has {len(template)} bytes; CloudFormation takes at most"
            f" {MAX_TEMPLATE_BYTES}: split the stack"
        )
    content = json.loads(template)
    for section, most in MAX_ENTRIES.items():
        count = len(content.get(section, ()))
        if count > most:
            yield (
                f"the template has {count} {section}; CloudFormation takes at most {most}:"
                " split the stack"
            )
    for name, output in content.get("Outputs", {}).items():
        exported = output.get("Export", {}).get("Name", "")
        yield from _name_problems(f"the export of {name}", exported, MAX_EXPORT_NAME_CHARACTERS)
    for name, resource in content.get("Resources", {}).items():
        yield from _document_problems(name, resource)
        yield from _resource_name_problems(name, resource)


def _stack_name_problems(name: str) -> Iterator[str]:
    return _name_problems("the stack", name, MAX_STACK_NAME_CHARACTERS)


def _resource_name_problems(name: str, resource: Mapping[str, Any]) -> Iterator[str]:
    for (resource_type, member), most in MAX_NAME_CHARACTERS.items():
        if resource.get("Type") == resource_type:
            given = resource.get("Properties", {}).get(member, "")
            yield from _name_problems(f"{member} of {name} ({resource_type})", given, most)


def _name_problems(what: str, name: Any, most: int) -> Iterator[str]:
    shortest = _shortest(name)
    if len(shortest) > most:
        yield (
            f"{what} is called {shortest!r}, which has {len(shortest)} characters; AWS takes at"
            f" most {most}: shorten app_name, the folder's name or the name of the region"
        )


def _document_problems(name: str, resource: Mapping[str, Any]) -> Iterator[str]:
    for (resource_type, member), most in MAX_DOCUMENT_CHARACTERS.items():
        document = resource.get("Properties", {}).get(member)
        if resource.get("Type") == resource_type and document is not None:
            length = len(json.dumps(_shortest(document), separators=(",", ":")))
            if length > most:
                yield (
                    f"{member} of {name} ({resource_type}) has at least {length} characters; AWS"
                    f" takes at most {most}: split it, or name less in it"
                )


def _shortest(value: Any) -> Any:
    """Evaluate what is known before a deployment; what is not is taken to be empty."""
    match value:
        case {"Ref": str(name)}:
            return PSEUDO_PARAMETER_EXAMPLES.get(name, "")
        case {"Fn::Join": [str(separator), list(parts)]}:
            return separator.join(str(_shortest(part)) for part in parts)
        case {"Fn::Sub": str(text) | [str(text), *_]}:
            return VARIABLE.sub(lambda match: PSEUDO_PARAMETER_EXAMPLES.get(match[1], ""), text)
        case dict() if len(value) == 1 and next(iter(value)).startswith("Fn::"):
            return ""
        case dict():
            return {key: _shortest(member) for key, member in value.items()}
        case list():
            return [_shortest(item) for item in value]
    return value
