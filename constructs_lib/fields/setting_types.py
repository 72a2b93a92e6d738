"""The types of the app's settings, each with what is allowed in words."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from constructs_lib.fields.rules import TextRule


def _check_cidr_range(text: str) -> str:
    try:
        IPv4Network(text)
    except ValueError as error:
        raise ValueError(f"is no IPv4 CIDR range such as 10.1.0.0/24: {error}") from error
    return text


def without_repetition(names: tuple[str, ...], what: str) -> tuple[str, ...]:
    """Return the names.

    Raises:
        ValueError: One is there twice; says what each of them is.
    """
    if len(set(names)) < len(names):
        raise ValueError(f"names {what} twice")
    return names


AppName = Annotated[
    str,
    TextRule(
        r"[a-z][a-z0-9-]{1,19}", "2 to 20 lower-case letters, digits and hyphens, a letter first"
    ),
]
AccountId = Annotated[str, TextRule(r"\d{12}", "the 12 digits of an AWS account, in quotes")]
VpcId = Annotated[str, TextRule(r"vpc-[0-9a-f]+", 'the id of a VPC, such as "vpc-0abc"')]
SubnetId = Annotated[
    str, TextRule(r"subnet-[0-9a-f]+", 'the id of a subnet, such as "subnet-0abc"')
]
SecurityGroupId = Annotated[
    str, TextRule(r"sg-[0-9a-f]+", 'the id of a security group, such as "sg-0abc"')
]
PrefixListId = Annotated[
    str, TextRule(r"pl-[0-9a-f]+", 'the id of a prefix list, such as "pl-63a5400a"')
]
ServiceName = Annotated[
    str, TextRule(r"[a-z0-9][a-z0-9.-]*", 'the name of an AWS service, such as "logs"')
]
# AWS KMS Developer Guide, "Key identifiers": the ID of a multi-Region key begins with "mrk-".
KeyArn = Annotated[
    str,
    TextRule(
        r"arn:[a-z-]+:kms:[a-z0-9-]+:\d{12}:key/(mrk-[0-9a-f]+|[0-9a-f-]+)",
        'the ARN of a KMS key, such as "arn:aws:kms:us-east-1:111122223333:key/1234abcd"',
    ),
]
ZoneName = Annotated[
    str, TextRule(r"[a-z]{2}(-[a-z]+)+-\d[a-z]", 'the name of a zone, such as "us-east-1c"')
]
CidrRange = Annotated[str, AfterValidator(_check_cidr_range)]
GitHubId = Annotated[int, Field(strict=True, ge=1)]
Repository = Annotated[
    str, TextRule(r"[A-Za-z0-9-]+/[A-Za-z0-9._-]+", 'owner and name, such as "my-team/my-releases"')
]
Email = Annotated[
    str, TextRule(r"[^@\s]+@[^@\s]+\.[^@\s]+", 'an address such as "my-team@example.com"')
]
TagValue = Annotated[
    str,
    Field(max_length=256),
    TextRule(r"[A-Za-z0-9 _.:/=+@-]+", "letters, digits, blanks and any of _.:/=+@-"),
]
ApprovalStatus = Literal["PendingManualApproval", "Approved", "Rejected"]
S3Prefix = Annotated[
    str, TextRule(r"s3://[a-z0-9][a-z0-9.-]+/.*", 'a location such as "s3://bucket/prefix/"')
]
LogRetentionDays = Literal[1, 7, 30, 90, 180, 365, 731, 1827]
"""The retention periods that this app offers, out of CloudWatch Logs' own."""
UnpatchedContainers = Literal["warn", "refuse"]
"""What is done about containers without patches."""
