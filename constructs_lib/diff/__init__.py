"""What changes between two synthesized apps, in words.

sources    where the apps come from: a commit, the working tree, AWS
deployed   lets a deployed definition be compared with a compiled one
pipelines  the comparison of pipelines, step by step
resources  what comes, goes and is replaced beside them
serving    the endpoints: instances, regions, what they cost
render     for people, as Markdown, as JSON
"""

from constructs_lib.diff.changes import AppDiff, Change, PipelineDiff, StackDiff, StepDiff
from constructs_lib.diff.pipelines import ComparedPipeline, compare, compare_pipelines
from constructs_lib.diff.render import as_json, as_markdown, as_text
from constructs_lib.diff.resources import compare_stacks
from constructs_lib.diff.sources import App, compare_apps

__all__ = [
    "App",
    "AppDiff",
    "Change",
    "ComparedPipeline",
    "PipelineDiff",
    "StackDiff",
    "StepDiff",
    "as_json",
    "as_markdown",
    "as_text",
    "compare",
    "compare_apps",
    "compare_pipelines",
    "compare_stacks",
]
