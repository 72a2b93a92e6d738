"""Tags on every resource, for cost allocation and for finding what belongs together.

AWS shows costs by a tag after it was activated once as a cost allocation tag, in the account that
pays.
"""

from __future__ import annotations

from aws_cdk import App, Stack, Tags

from constructs_lib.settings import Settings


def tag_resources(app: App, settings: Settings) -> None:
    """Tag whatever the app creates, and protect its stacks where the settings ask for it."""
    tags = {
        "app": settings.app_name,
        "environment": settings.environment,
        "owner": settings.owner,
    }
    for key, value in tags.items():
        if value is not None:
            Tags.of(app).add(key, value)
    for stack in app.node.children:
        if isinstance(stack, Stack):
            stack.termination_protection = settings.termination_protection


def tag_pipeline(stack: Stack, pipeline_name: str) -> None:
    """Tag what belongs to one pipeline."""
    Tags.of(stack).add("pipeline", pipeline_name)
