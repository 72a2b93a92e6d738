"""Where the pipelines of a comparison come from: a commit, the working tree, or AWS."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from constructs_lib.diff.deployed import with_variables
from constructs_lib.diff.pipelines import Pipeline, as_deployed
from constructs_lib.errors import ReleaseError

_TIMEOUT_IN_SECONDS: Final = 600
_KEPT_LINES: Final = 20


class SourceError(ReleaseError):
    """A side of a comparison does not exist or does not compile."""


def pipelines_of_commit(commit: str, root: Path) -> dict[str, Pipeline]:
    """Compile the pipelines of a commit, with the app of that commit.

    The commit is exported to a temporary folder: the working tree and its changes stay as they
    are. The packages are those that are installed now.

    Args:
        commit: Anything that git takes for one: ``HEAD``, ``main``, ``v1.2``, ``4f5a2c``.
        root: Folder of the repository.

    Returns:
        The pipelines by the name of their stack.

    Raises:
        SourceError: There is no such commit, or it does not compile.
    """
    revision = _revision(commit, root)
    with tempfile.TemporaryDirectory(prefix="commit-") as folder:
        archive = _git(root, "archive", "--format=zip", revision)
        with zipfile.ZipFile(io.BytesIO(archive)) as files:
            files.extractall(folder)
        return _compile(Path(folder), f"commit {commit}")


def pipelines_of_working_tree(root: Path) -> dict[str, Pipeline]:
    """Compile the pipelines of the working tree, changes included that are not committed.

    Raises:
        SourceError: It does not compile.
    """
    return _compile(root, "the working tree")


def deployed_pipelines(
    new: Mapping[str, Pipeline], read: Callable[[str], Mapping[str, Any] | None]
) -> dict[str, Pipeline]:
    """Read what is deployed under the names of compiled pipelines.

    Args:
        new: What to compare it with.
        read: Returns the deployed definition of a pipeline's name; ``None`` when there is none.

    Returns:
        The deployed pipelines in the terms of the compiled ones.
    """
    found = {}
    for key, pipeline in new.items():
        definition = read(pipeline.name)
        if definition is not None:
            found[key] = as_deployed(pipeline, *with_variables(definition, pipeline.definition))
    return found


def _revision(commit: str, root: Path) -> str:
    # --end-of-options: a commit that starts with "-" must not become an option.
    name = f"{commit}^{{commit}}"
    try:
        found = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", name)
    except SourceError as error:
        branches = _git(root, "branch", "--format=%(refname:short)").decode().split()
        raise SourceError(
            f"There is no commit {commit!r} in {root}. Give a branch, a tag or a commit's digest;"
            f" branches: {', '.join(branches) or 'none'}. A shallow clone lacks older commits:"
            " git fetch --unshallow brings them."
        ) from error
    return found.decode().strip()


def _git(root: Path, *arguments: str) -> bytes:
    try:
        return subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, check=True
        ).stdout
    except FileNotFoundError as error:
        raise SourceError("Commits are read with git, which is not installed.") from error
    except subprocess.CalledProcessError as error:
        raise SourceError(
            f"git {arguments[0]} failed in {root}: {error.stderr.decode(errors='replace').strip()}"
        ) from error


def _compile(folder: Path, what: str) -> dict[str, Pipeline]:
    if not (folder / "app.py").is_file():
        raise SourceError(f"There is no app.py in {what}: it holds no pipelines to compare.")
    with tempfile.TemporaryDirectory(prefix="cdk.out-") as output:
        try:
            process = subprocess.run(
                [sys.executable, "app.py"],
                cwd=folder,
                env=_environment(output),
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_TIMEOUT_IN_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise SourceError(
                f"Compiling {what} took longer than {_TIMEOUT_IN_SECONDS} s."
            ) from error
        if process.returncode != 0:
            told = "\n".join(process.stderr.strip().splitlines()[-_KEPT_LINES:])
            raise SourceError(f"The pipelines of {what} do not compile:\n{told}")
        return pipelines_of_templates(Path(output))


def _environment(output: str) -> dict[str, str]:
    """Compile without credentials, and without what an app around this one asked of CDK."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "CDK_", "PYTHONPATH"))
    }
    return {
        **kept,
        "CDK_OUTDIR": output,
        "CDK_VALIDATION": "false",  # seconds, for checks that a comparison does not need
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def pipelines_of_templates(folder: Path) -> dict[str, Pipeline]:
    """Read the pipelines from synthesized templates.

    Args:
        folder: Usually ``cdk.out``.

    Raises:
        SourceError: A template holds a pipeline in a form that is not known.
    """
    found = {}
    for path in sorted(folder.glob("*.template.json")):
        resources = json.loads(path.read_text()).get("Resources") or {}
        for name, resource in resources.items():
            if resource["Type"] == "AWS::SageMaker::Pipeline":
                stack = path.name.removesuffix(".template.json")
                found[f"{stack}/{name}"] = _pipeline(resource["Properties"], f"{stack}/{name}")
    return found


def _pipeline(properties: Mapping[str, Any], place: str) -> Pipeline:
    name, definition = properties.get("PipelineName"), properties["PipelineDefinition"]
    match name, definition.get("PipelineDefinitionBody"):
        case str(), {"Fn::Sub": [str(body), dict(values)]}:
            return Pipeline(name=name, definition=json.loads(body), values=values)
        case str(), {"Fn::Sub": str(body)} | str(body):
            return Pipeline(name=name, definition=json.loads(body))
    raise SourceError(
        f"The template holds the pipeline {place} in a form that cannot be compared: its name and"
        " its PipelineDefinitionBody have to be texts, or an Fn::Sub of one."
    )
