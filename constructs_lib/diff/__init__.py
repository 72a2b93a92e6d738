"""What changes between two compiled pipelines, in words.

sources    where the pipelines come from: a commit, the working tree, AWS
deployed   lets a deployed definition be compared with a compiled one
pipelines  the comparison
render     for people, as Markdown, as JSON
"""

from constructs_lib.diff.changes import Change, PipelineDiff, StepDiff
from constructs_lib.diff.pipelines import Pipeline, compare, compare_pipelines
from constructs_lib.diff.render import as_json, as_markdown, as_text

__all__ = [
    "Change",
    "Pipeline",
    "PipelineDiff",
    "StepDiff",
    "as_json",
    "as_markdown",
    "as_text",
    "compare",
    "compare_pipelines",
]
