"""Where the sides of a comparison come from: commits, the working tree, AWS."""

from __future__ import annotations

import copy
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from constructs_lib.diff import as_json, as_markdown, as_text, compare_pipelines
from constructs_lib.diff.pipelines import Pipeline
from constructs_lib.diff.sources import (
    SourceError,
    deployed_pipelines,
    pipelines_of_commit,
    pipelines_of_templates,
    pipelines_of_working_tree,
)

GOLDEN = sorted((Path(__file__).parents[1] / "synth" / "golden").glob("*.json"))
APP = """
import json, os, pathlib
settings = json.loads(pathlib.Path("settings.json").read_text())
assert "AWS_ACCESS_KEY_ID" not in os.environ
pipeline = {
    "Type": "AWS::SageMaker::Pipeline",
    "Properties": {
        "PipelineName": settings["name"],
        "PipelineDefinition": {"PipelineDefinitionBody": {"Fn::Sub": [
            json.dumps({"Steps": [{"Name": "Stop", "Type": "Fail",
                                   "Arguments": {"ErrorMessage": settings["message"]}}]}),
            {"ScriptKey": "abc.py"},
        ]}},
    },
}
output = pathlib.Path(os.environ["CDK_OUTDIR"])
(output / "one.template.json").write_text(json.dumps({"Resources": {"Pipeline": pipeline}}))
"""


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True)


def settings(folder: Path, **values: str) -> None:
    (folder / "settings.json").write_text(json.dumps({"name": "p", "message": "a", **values}))


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """An app whose first commit says "a", whose second says "b", and whose file says "c"."""
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    (tmp_path / "app.py").write_text(APP)
    for message in ("a", "b"):
        settings(tmp_path, message=message)
        git(tmp_path, "add", ".")
        git(tmp_path, "commit", "--quiet", "--message", message)
        git(tmp_path, "tag", message)
    settings(tmp_path, message="c")
    return tmp_path


def message(pipelines: dict[str, Pipeline]) -> str:
    (pipeline,) = pipelines.values()
    return str(pipeline.definition["Steps"][0]["Arguments"]["ErrorMessage"])


def test_each_side_is_compiled_by_its_own_code(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "never seen")

    assert message(pipelines_of_commit("a", repository)) == "a"
    assert message(pipelines_of_commit("HEAD", repository)) == "b"
    assert message(pipelines_of_working_tree(repository)) == "c"


def test_the_working_tree_is_left_as_it_is(repository: Path) -> None:
    def state() -> bytes:
        command = ["git", "-C", str(repository), "status", "--porcelain", "--branch"]
        return subprocess.run(command, capture_output=True, check=True).stdout

    before = state()

    pipelines_of_commit("a", repository)

    assert state() == before
    assert message(pipelines_of_working_tree(repository)) == "c"


@pytest.mark.parametrize("commit", ["nothing", "--output=x", ""])
def test_an_unknown_commit_is_named_with_the_branches(repository: Path, commit: str) -> None:
    with pytest.raises(SourceError, match=r"no commit .*branches: main"):
        pipelines_of_commit(commit, repository)


def test_a_commit_that_does_not_compile_is_named_with_the_reason(repository: Path) -> None:
    (repository / "app.py").write_text("raise SystemExit('error: no such section')")

    with pytest.raises(SourceError, match="the working tree do not compile:\nerror: no such sect"):
        pipelines_of_working_tree(repository)


def test_a_folder_that_is_no_repository_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="not a git repository"):
        pipelines_of_commit("HEAD", tmp_path)


def test_a_commit_without_an_app_is_named(repository: Path) -> None:
    git(repository, "rm", "--quiet", "app.py")
    git(repository, "commit", "--quiet", "--all", "--message", "c")

    with pytest.raises(SourceError, match=r"no app\.py in commit HEAD"):
        pipelines_of_commit("HEAD", repository)


def test_a_pipeline_of_unknown_form_is_named(tmp_path: Path) -> None:
    body = {"PipelineDefinitionS3Location": {"Bucket": "b", "Key": "k"}}
    properties = {"PipelineName": "p", "PipelineDefinition": body}
    pipeline = {"Type": "AWS::SageMaker::Pipeline", "Properties": properties}
    (tmp_path / "s.template.json").write_text(json.dumps({"Resources": {"P": pipeline}}))

    with pytest.raises(SourceError, match="the pipeline s/P in a form"):
        pipelines_of_templates(tmp_path)


VALUES = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "ArtifactBucketName": "artifact-bucket",
    "AssetBucketName": "cdk-assets-123456789012-us-east-1",
    "EncryptionKeyArn": "arn:aws:kms:us-east-1:123456789012:key/1",
    "ExecutionRoleName": "role-1",
    "InferenceCodeKey": "cccc.gz",
    "PackagingScriptKey": "dddd.py",
    "SubnetId": "subnet-1",
    "SecurityGroupId": "sg-1",
}


def compiled(path: Path) -> Pipeline:
    values = {"InferenceCodeKey": "cccc.gz", "PackagingScriptKey": "dddd.py", "SubnetId": {"R": 1}}
    return Pipeline(name="returns-risk", definition=json.loads(path.read_text()), values=values)


def deployed(pipeline: Pipeline, **changed: str) -> dict[str, Any]:
    text = json.dumps(pipeline.definition)
    for name, value in {**VALUES, **changed}.items():
        text = text.replace(f"${{{name}}}", value)
    definition: dict[str, Any] = json.loads(text)
    return definition


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_deployed_definition_equals_the_one_it_was_deployed_from(path: Path) -> None:
    new = {"k": compiled(path)}

    (diff,) = compare_pipelines(deployed_pipelines(new, lambda _: deployed(new["k"])), new)

    assert diff.status == "unchanged"


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_code_that_is_not_deployed_yet_is_seen(path: Path) -> None:
    new = {"k": compiled(path)}

    def read(name: str) -> dict[str, Any]:
        assert name == "returns-risk"
        return deployed(new["k"], InferenceCodeKey="eeee.gz")

    (diff,) = compare_pipelines(deployed_pipelines(new, read), new)

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
    new = {"k": compiled(path)}
    other = deployed(new["k"])
    other["Parameters"][0]["DefaultValue"] = "s3://another-bucket/tmp"

    (diff,) = compare_pipelines(deployed_pipelines(new, lambda _: copy.deepcopy(other)), new)

    assert [(change.what, change.before) for change in diff.changes] == [
        ("default of parameter PIPELINE_EXECUTION_TEMP_DIR", "s3://another-bucket/tmp")
    ]


def test_a_pipeline_that_is_not_deployed_is_new() -> None:
    new = {"k": compiled(GOLDEN[0])}

    (diff,) = compare_pipelines(deployed_pipelines(new, lambda _: None), new)

    assert (diff.name, diff.status) == ("returns-risk", "added")


def stop(message: str, name: str = "p") -> dict[str, Pipeline]:
    step = {"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": message}}
    return {"k": Pipeline(name=name, definition={"Steps": [step]})}


def test_people_read_pipeline_step_and_change() -> None:
    text = as_text(compare_pipelines(stop("a"), stop("b"))).plain

    assert text.splitlines() == [
        "p: 1 step changed",
        "  ~ Stop  Fail",
        "        error message: a → b",
        "1 of 1 pipeline changed; 0 cached steps to run anew; 0 pipelines replaced.",
    ]


def test_of_long_values_people_read_what_differs() -> None:
    diffs = compare_pipelines(stop("x" * 500 + "a"), stop("x" * 500 + "b"))

    assert f"error message: …{'x' * 30}a → …{'x' * 30}b\n" in as_text(diffs).plain
    assert "x" * 500 in as_json(diffs)


def test_nothing_is_one_quiet_line_each() -> None:
    diffs = compare_pipelines(stop("a"), stop("a"))

    assert as_text(diffs).plain == "p: no changes\nNothing changes.\n"
    assert as_markdown(diffs) == "**Nothing changes.**"


def test_markdown_survives_what_a_value_holds() -> None:
    markdown = as_markdown(compare_pipelines(stop("a"), stop("b | `c`\nd", name="q")))

    assert "> **Replaced:** the name changes from p to q" in markdown
    assert "| **Stop** | error message | `a` | `` b \\| `c` d `` |" in markdown


def test_json_holds_the_path_of_each_change() -> None:
    (diff,) = json.loads(as_json(compare_pipelines(stop("a"), stop("b"))))

    assert diff["steps"][0]["changes"] == [
        {
            "path": "Arguments.ErrorMessage",
            "what": "error message",
            "before": "a",
            "after": "b",
        }
    ]
