"""What CloudFormation takes at most in a template, checked when an app is synthesized.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html.
No library that is installed with the app has these numbers; a test compares them with cfn-lint's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

MAX_TEMPLATE_BYTES: Final = 1_000_000
MAX_ENTRIES: Final = {"Resources": 500, "Parameters": 200, "Outputs": 200, "Mappings": 200}
"""By section of a template."""

_TEMPLATES: Final = "*.template.json"


def assembly_problems(folder: Path) -> list[str]:
    """List what CloudFormation would refuse of the templates that an app was synthesized to.

    Args:
        folder: Cloud assembly, usually ``cdk.out``.
    """
    return [
        f"{file.name.removesuffix(_TEMPLATES[1:])}: {problem}"
        for file in sorted(folder.rglob(_TEMPLATES))
        for problem in _template_problems(file.read_bytes())
    ]


def _template_problems(template: bytes) -> Iterator[str]:
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
