"""``${Name}`` in a text: a value that CloudFormation fills in when the pipeline is deployed.

Source: ``Fn::Sub`` in the CloudFormation user guide; ``${!Name}`` is no variable there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

VARIABLE: Final = re.compile(r"\$\{([^{}!]+)\}")
"""A variable; its group is the name."""

PSEUDO_PARAMETER_EXAMPLES: Final = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::URLSuffix": "amazonaws.com",
}
"""What the variables that every template has look like; others may be any text."""


def fill(text: str, values: Mapping[str, str]) -> str:
    """Replace each ``${Name}`` whose value is known."""
    return VARIABLE.sub(lambda match: values.get(match[1], match[0]), text)


def variables_in(text: str) -> list[str]:
    """Find the names in a text."""
    return VARIABLE.findall(text)
