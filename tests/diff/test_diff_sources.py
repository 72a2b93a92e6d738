"""Where the sides of a comparison come from: commits, the working tree, AWS."""

from __future__ import annotations

import copy
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from constructs_lib.diff import (
    App,
    AppDiff,
    ComparedPipeline,
    PipelineDiff,
    as_json,
    as_markdown,
    as_text,
    compare_pipelines,
)
from constructs_lib.diff.sources import (
    SourceError,
    app_of_commit,
    app_of_working_tree,
    deployed_app,
    read_assembly,
)
from constructs_lib.git import GitError
from tests.diff.app_repository import git

GOLDEN = sorted((Path(__file__).parents[1] / "synth" / "golden").glob("*.json"))


def message(app: App) -> str:
    (pipeline,) = app.pipelines.values()
    return str(pipeline.definition["Steps"][0]["Arguments"]["ErrorMessage"])


def test_each_side_is_compiled_by_its_own_code(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "never seen")

    assert message(app_of_commit("a", repository)) == "a"
    assert message(app_of_commit("HEAD", repository)) == "b"
    assert message(app_of_working_tree(repository)) == "c"


PIPELINES_OUTSIDE = """
import json, pathlib, sys
context = json.loads(pathlib.Path("cdk.json").read_text())["context"]["model-release"]
for settings in (context, *context["environments"].values()):
    (file,) = pathlib.Path(settings["pipelines_dir"]).iterdir()
    sys.stderr.write(file.name + chr(10))
sys.exit(1)
"""


def test_pipelines_outside_of_the_repository_are_those_that_are_there(tmp_path: Path) -> None:
    for name in ("ours", "theirs", "app"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.json").touch()
    app = tmp_path / "app"
    settings = {"pipelines_dir": "../ours", "environments": {"a": {"pipelines_dir": "../theirs"}}}
    (app / "cdk.json").write_text(json.dumps({"context": {"model-release": settings}}))
    (app / "app.py").write_text(PIPELINES_OUTSIDE)
    git(app, "init", "--quiet")
    git(app, "add", ".")
    git(app, "commit", "--quiet", "--message", "a")

    with pytest.raises(SourceError, match=r"ours\.json\ntheirs\.json$"):
        app_of_commit("HEAD", app)


def test_the_working_tree_is_left_as_it_is(repository: Path) -> None:
    def state() -> bytes:
        command = ["git", "-C", str(repository), "status", "--porcelain", "--branch"]
        return subprocess.run(command, capture_output=True, check=True).stdout

    before = state()

    app_of_commit("a", repository)

    assert state() == before
    assert message(app_of_working_tree(repository)) == "c"


@pytest.mark.parametrize("commit", ["nothing", "--output=x", ""])
def test_an_unknown_commit_is_named_with_the_branches(repository: Path, commit: str) -> None:
    with pytest.raises(SourceError, match=r"no commit .*branches: main"):
        app_of_commit(commit, repository)


def test_a_commit_that_does_not_compile_is_named_with_the_reason(repository: Path) -> None:
    (repository / "app.py").write_text("raise SystemExit('error: no such section')")

    with pytest.raises(SourceError, match="the working tree do not compile:\nerror: no such sect"):
        app_of_working_tree(repository)


def test_a_folder_that_is_no_repository_is_named(tmp_path: Path) -> None:
    with pytest.raises(GitError, match="not a git repository"):
        app_of_commit("HEAD", tmp_path)


def test_a_commit_without_an_app_is_named(repository: Path) -> None:
    git(repository, "rm", "--quiet", "app.py")
    git(repository, "commit", "--quiet", "--all", "--message", "c")

    with pytest.raises(SourceError, match=r"no app\.py in commit HEAD"):
        app_of_commit("HEAD", repository)


def test_a_pipeline_of_unknown_form_is_named(tmp_path: Path) -> None:
    body = {"PipelineDefinitionS3Location": {"Bucket": "b", "Key": "k"}}
    properties = {"PipelineName": "p", "PipelineDefinition": body}
    pipeline = {"Type": "AWS::SageMaker::Pipeline", "Properties": properties}
    (tmp_path / "s.template.json").write_text(json.dumps({"Resources": {"P": pipeline}}))
    stack = {
        "type": "aws:cloudformation:stack",
        "environment": "aws://unknown-account/unknown-region",
        "properties": {"templateFile": "s.template.json"},
    }
    (tmp_path / "manifest.json").write_text(json.dumps({"artifacts": {"s": stack}}))

    with pytest.raises(SourceError, match="the pipeline s/P in a form"):
        read_assembly(tmp_path)


def test_a_stack_is_known_by_its_name_and_region(repository: Path) -> None:
    app = app_of_working_tree(repository)

    assert list(app.templates) == ["one"]
    assert app.regions == {"one": "eu-west-1"}


VALUES = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "ArtifactBucketName": "artifact-bucket",
    "AssetBucketName": "cdk-assets-123456789012-us-east-1",
    "EncryptionKeyArn": "arn:aws:kms:us-east-1:123456789012:key/1",
    "JobRoleName": "role-1",
    "InferenceCodeKey": "cccc.gz",
    "PackagingScriptKey": "dddd.py",
    "SubnetId": "subnet-1",
    "SecurityGroupId": "sg-1",
}


def compiled(path: Path) -> ComparedPipeline:
    values = {"InferenceCodeKey": "cccc.gz", "PackagingScriptKey": "dddd.py", "SubnetId": {"R": 1}}
    return ComparedPipeline(
        name="returns-risk", definition=json.loads(path.read_text()), values=values
    )


def diff_with_deployed(
    new: ComparedPipeline, read: Callable[[str], dict[str, Any] | None]
) -> PipelineDiff:
    app = App(pipelines={"k": new}, templates={})
    old = deployed_app(app, read, lambda *_: None)
    (diff,) = compare_pipelines(old.pipelines, app.pipelines)
    return diff


def deployed(pipeline: ComparedPipeline, **changed: str) -> dict[str, Any]:
    text = json.dumps(pipeline.definition)
    for name, value in {**VALUES, **changed}.items():
        text = text.replace(f"${{{name}}}", value)
    definition: dict[str, Any] = json.loads(text)
    return definition


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_deployed_definition_equals_the_one_it_was_deployed_from(path: Path) -> None:
    new = compiled(path)

    diff = diff_with_deployed(new, lambda _: deployed(new))

    assert diff.status == "unchanged"


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_code_that_is_not_deployed_yet_is_seen(path: Path) -> None:
    new = compiled(path)

    def read(name: str) -> dict[str, Any]:
        assert name == "returns-risk"
        return deployed(new, InferenceCodeKey="eeee.gz")

    diff = diff_with_deployed(new, read)

    (step,) = (step for step in diff.steps if step.changes)
    (change,) = step.changes
    assert step.name == "Package"
    assert (change.what, change.before, change.after) == (
        "inference code (content)",
        "eeee.gz",
        "cccc.gz",
    )


def test_a_value_that_is_deployed_differently_in_one_place_is_seen() -> None:
    path = next(path for path in GOLDEN if path.stem == "existing_model")
    new = compiled(path)
    other = deployed(new)
    other["Parameters"][0]["DefaultValue"] = "s3://another-bucket/tmp"

    diff = diff_with_deployed(new, lambda _: copy.deepcopy(other))

    assert [(change.what, change.before) for change in diff.changes] == [
        ("default of parameter PIPELINE_EXECUTION_TEMP_DIR", "s3://another-bucket/tmp")
    ]


def test_a_pipeline_that_is_not_deployed_is_new() -> None:
    diff = diff_with_deployed(compiled(GOLDEN[0]), lambda _: None)

    assert (diff.name, diff.status) == ("returns-risk", "added")


def stop(message: str, name: str = "p") -> ComparedPipeline:
    step = {"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": message}}
    return ComparedPipeline(name=name, definition={"Steps": [step]})


def difference(old: ComparedPipeline, new: ComparedPipeline) -> AppDiff:
    return AppDiff(pipelines=tuple(compare_pipelines({"k": old}, {"k": new})), stacks=())


def test_people_read_pipeline_step_and_change() -> None:
    text = as_text(difference(stop("a"), stop("b"))).plain

    assert text.splitlines() == [
        "p: 1 step changed",
        "  ~ Stop  Fail",
        "        error message: a → b",
        "1 of 1 pipeline changed; 0 cached steps to run anew; nothing is replaced.",
    ]


def test_of_long_values_people_read_what_differs() -> None:
    diffs = difference(stop("x" * 500 + "a"), stop("x" * 500 + "b"))

    assert f"error message: …{'x' * 30}a → …{'x' * 30}b\n" in as_text(diffs).plain
    assert "x" * 500 in as_json(diffs)


def test_paths_that_only_name_other_content_are_told_in_one_line() -> None:
    def files(digest: str) -> ComparedPipeline:
        arguments = {name: f"s3://b/p/{digest}/{name}.json" for name in ("first", "second")}
        step = {"Name": "Stage", "Type": "Lambda", "Arguments": arguments}
        return ComparedPipeline(name="p", definition={"Steps": [step]})

    diff = difference(files("0123456789abcdef"), files("fedcba9876543210"))

    (line,) = (line for line in as_text(diff).plain.splitlines() if "→" in line)
    assert line.strip() == (
        "content digest in argument first, argument second: 0123456789abcdef → fedcba9876543210"
    )
    assert len(json.loads(as_json(diff))["pipelines"][0]["steps"][0]["changes"]) == 2


def test_nothing_is_one_quiet_line_each() -> None:
    diffs = difference(stop("a"), stop("a"))

    assert as_text(diffs).plain == "p: no changes\nNothing changes.\n"
    assert as_markdown(diffs) == "**Nothing changes.**"


def test_markdown_survives_what_a_value_holds() -> None:
    markdown = as_markdown(difference(stop("a"), stop("b | `c`\nd", name="q")))

    assert "> **Replaced:** the name changes from p to q" in markdown
    assert "| **Stop** | error message | `a` | `` b \\| `c` d `` |" in markdown


def test_json_holds_the_path_of_each_change() -> None:
    (diff,) = json.loads(as_json(difference(stop("a"), stop("b"))))["pipelines"]

    assert diff["steps"][0]["changes"] == [
        {
            "path": "Arguments.ErrorMessage",
            "what": "error message",
            "before": "a",
            "after": "b",
        }
    ]
