"""Where the sides of a comparison come from: a commit, the working tree, or AWS."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from constructs_lib.aws.cloud_assembly import ANY_REGION, CloudAssembly
from constructs_lib.diff.changes import AppDiff
from constructs_lib.diff.deployed import with_variables
from constructs_lib.diff.pipelines import ComparedPipeline, as_deployed, compare_pipelines
from constructs_lib.diff.resources import Replacing, Template, compare_stacks
from constructs_lib.diff.serving import compare_serving
from constructs_lib.errors import ReleaseError
from constructs_lib.fields.json_texts import UnreadableJsonError, read_json
from constructs_lib.git import GitError, git
from constructs_lib.release.patches import IGNORE_UNPATCHED
from constructs_lib.settings import CONTEXT_KEY, ENVIRONMENT_KEY
from constructs_lib.terminal.paths import shown_path

_TIMEOUT_IN_SECONDS: Final = 600
_KEPT_LINES: Final = 20


class SourceError(ReleaseError):
    """A side of a comparison does not exist or does not compile."""


@dataclass(frozen=True, kw_only=True)
class App:
    """One side of a comparison."""

    pipelines: Mapping[str, ComparedPipeline]
    """By a key that outlives a change of their names: stack and logical id."""
    templates: Mapping[str, Template]
    """By the name of their stack."""
    regions: Mapping[str, str] = field(default_factory=dict)
    """AWS region of each stack, where the app fixes it."""


def compare_apps(old: App, new: App, replacing: Replacing) -> AppDiff:
    """Tell everything that differs between two apps.

    Args:
        old: The earlier one.
        new: The later one.
        replacing: The rules by which CloudFormation replaces resources.
    """
    return AppDiff(
        pipelines=tuple(compare_pipelines(old.pipelines, new.pipelines)),
        stacks=tuple(compare_stacks(old.templates, new.templates, replacing)),
        serving=tuple(compare_serving(old.templates, new.templates)),
    )


def app_of_commit(commit: str, root: Path, environment: str | None = None) -> App:
    """Synthesize the app of a commit.

    The commit is exported to a temporary folder: the working tree and its changes stay as they
    are. The packages are those that are installed now, and pipelines that are in no commit, because
    ``pipelines_dir`` leads out of the repository, are those that are there now.

    Args:
        commit: Anything that git takes for one: ``HEAD``, ``main``, ``v1.2``, ``4f5a2c``.
        root: Folder of the repository.
        environment: The environment in ``cdk.json`` whose settings to use.

    Raises:
        GitError: There is no git, or no repository.
        SourceError: There is no such commit, or it does not compile.
    """
    revision = _revision(commit, root)
    with tempfile.TemporaryDirectory(prefix="commit-") as folder:
        archive = git(root, "archive", "--format=zip", revision)
        with zipfile.ZipFile(io.BytesIO(archive)) as files:
            files.extractall(folder)
        _find_pipelines_outside(Path(folder), root)
        return _compile(Path(folder), f"commit {commit}", environment)


def app_of_working_tree(root: Path, environment: str | None = None) -> App:
    """Synthesize the app of the working tree, changes included that are not committed.

    Args:
        root: Folder of the repository.
        environment: The environment in ``cdk.json`` whose settings to use.

    Raises:
        SourceError: It does not compile.
    """
    return _compile(root, "the working tree", environment)


def deployed_app(
    new: App,
    read_definition: Callable[[str], Mapping[str, Any] | None],
    read_template: Callable[[str, str | None], Template | None],
) -> App:
    """Read what is deployed of an app. Stacks that the app no longer has are not looked for.

    Args:
        new: What to compare it with.
        read_definition: Returns the deployed definition of a pipeline's name; ``None`` when there
            is none.
        read_template: Returns the deployed template of a stack's name and region; ``None`` when
            there is none.

    Returns:
        The deployed app, its definitions in the terms of the compiled ones.
    """
    pipelines, templates = {}, {}
    for name in new.templates:
        template = read_template(name, new.regions.get(name))
        if template is not None:
            templates[name] = template
    for key, pipeline in new.pipelines.items():
        name = _deployed_name(key, templates) or pipeline.name
        definition = read_definition(name)
        if definition is not None:
            terms = with_variables(definition, pipeline.definition)
            pipelines[key] = as_deployed(pipeline, name, *terms)
    return App(pipelines=pipelines, templates=templates, regions=new.regions)


def _deployed_name(key: str, templates: Mapping[str, Template]) -> str | None:
    """Find the name under which a pipeline of the app was deployed, which may have been another."""
    stack, _, logical_id = key.partition("/")
    resource = templates.get(stack, {}).get("Resources", {}).get(logical_id, {})
    name = resource.get("Properties", {}).get("PipelineName")
    return name if isinstance(name, str) else None


def _revision(commit: str, root: Path) -> str:
    # --end-of-options: a commit that starts with "-" must not become an option.
    name = f"{commit}^{{commit}}"
    try:
        found = git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", name)
    except GitError as error:
        branches = git(root, "branch", "--format=%(refname:short)").decode().split()
        raise SourceError(
            f"There is no commit {commit!r} in {shown_path(root)}. Give a branch, a tag or a"
            f" commit's digest; branches: {', '.join(branches) or 'none'}. A shallow clone lacks"
            " older commits: git fetch --unshallow brings them."
        ) from error
    return found.decode().strip()


def _find_pipelines_outside(copy: Path, root: Path) -> None:
    """Let the settings of a copy of the app name the folder out of it that those of the app do."""
    file = copy / "cdk.json"
    try:
        document = read_json(file.read_bytes())
        settings = document["context"][CONTEXT_KEY]
        for each in (settings, *settings.get("environments", {}).values()):
            folder = os.path.normpath(each.get("pipelines_dir", "."))
            if Path(folder).parts[:1] == (os.pardir,):
                each["pipelines_dir"] = str(root / folder)
    except (OSError, UnreadableJsonError, KeyError, TypeError, AttributeError):
        return  # which the copy refuses itself
    file.write_text(json.dumps(document))


def _compile(folder: Path, what: str, environment: str | None) -> App:
    if not (folder / "app.py").is_file():
        raise SourceError(f"There is no app.py in {what}: it holds no pipelines to compare.")
    with tempfile.TemporaryDirectory(prefix="cdk.out-") as output:
        try:
            process = subprocess.run(
                [sys.executable, "app.py"],
                cwd=folder,
                env=_environment(output, environment),
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
        return read_assembly(Path(output))


def _environment(output: str, environment: str | None) -> dict[str, str]:
    """Compile without credentials, and without what an app around this one asked of CDK."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "CDK_", "PYTHONPATH"))
    }
    context = {ENVIRONMENT_KEY: environment} if environment else {}
    return {
        **kept,
        # What has run out of patches since is a reason to change it, and to look at the change.
        "CDK_CONTEXT_JSON": json.dumps({**context, IGNORE_UNPATCHED: True}),
        "CDK_OUTDIR": output,
        "CDK_VALIDATION": "false",  # seconds, for checks that a comparison does not need
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def read_assembly(folder: Path) -> App:
    """Read what was synthesized.

    Args:
        folder: Usually ``cdk.out``.

    Raises:
        SourceError: A template holds a pipeline in a form that is not known.
    """
    assembly = CloudAssembly(folder)
    templates = {name: assembly.template(name) for name in assembly.stack_names}
    regions = {name: assembly.region(name) for name in assembly.stack_names}
    return App(
        pipelines={
            f"{stack}/{name}": _pipeline(resource["Properties"], f"{stack}/{name}")
            for stack, template in templates.items()
            for name, resource in (template.get("Resources") or {}).items()
            if resource["Type"] == "AWS::SageMaker::Pipeline"
        },
        templates=templates,
        regions={name: region for name, region in regions.items() if region != ANY_REGION},
    )


def _pipeline(properties: Mapping[str, Any], place: str) -> ComparedPipeline:
    name, definition = properties.get("PipelineName"), properties["PipelineDefinition"]
    match name, definition.get("PipelineDefinitionBody"):
        case str(), {"Fn::Sub": [str(body), dict(values)]}:
            return ComparedPipeline(name=name, definition=json.loads(body), values=values)
        case str(), {"Fn::Sub": str(body)} | str(body):
            return ComparedPipeline(name=name, definition=json.loads(body))
    raise SourceError(
        f"The template holds the pipeline {place} in a form that cannot be compared: its name and"
        " its PipelineDefinitionBody have to be texts, or an Fn::Sub of one."
    )
