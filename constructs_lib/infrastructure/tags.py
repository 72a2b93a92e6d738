"""Tags on every resource, for cost allocation and for finding what belongs together.

AWS shows costs by a tag after it was activated once as a cost allocation tag, in the account that
pays.
"""

from __future__ import annotations

from aws_cdk import App, Stack, Tags


def tag_app(app: App, *, app_name: str, environment: str | None, owner: str | None) -> None:
    """Tag whatever the app creates; without a tag for what is None."""
    tags = {"app": app_name, "environment": environment, "owner": owner}
    for key, value in tags.items():
        if value is not None:
            Tags.of(app).add(key, value)


def tag_pipeline(stack: Stack, pipeline_name: str) -> None:
    """Tag what belongs to one pipeline."""
    Tags.of(stack).add("pipeline", pipeline_name)
