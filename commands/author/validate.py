"""``validate``: checks configs and the pipelines they make."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from commands.terminal import places
from commands.terminal.exit_codes import ExitCode
from commands.terminal.messages import tell, tell_finding
from commands.terminal.options import Environment, Folders, Json, NoCache, print_json
from constructs_lib.errors import ReleaseError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from constructs_lib.compilation.parent import Compilation
    from constructs_lib.configs import PipelineConfigs
    from constructs_lib.findings import Finding
    from constructs_lib.release.code_check import CodeProblem
    from constructs_lib.release.patches import PatchFinding
    from constructs_lib.settings import Settings


def validate(
    names: Folders = None,
    *,
    no_cache: NoCache = False,
    environment: Environment = None,  # noqa: ARG001  # its callback chooses the settings
    as_json: Json = False,
) -> None:
    """Check configs and the pipelines they make.

    Tells every problem with its place: what is wrong in a config, what SageMaker would refuse of
    the pipeline, and syntax errors and missing modules of the inference code, which is not run.
    Tells what of an older config is not used, and which containers AWS patches no more, too. Exits
    with 1 if there is an error.

    Examples:
        release validate
        release validate returns_risk --json
    """
    from constructs_lib.configs.folder import config_path, folders_of_pipelines, refuse_equal_names
    from constructs_lib.release.patches import patch_findings, today

    settings = places.read_settings()
    folder = places.pipelines_folder(settings)
    for name in names or ():
        config_path(folder, name)  # one that nothing has is refused before anything is told
    everything = folders_of_pipelines(folder)
    settings.refuse_unknown_pipelines(everything)
    chosen = list(dict.fromkeys(names or everything))
    loaded = {name: _load(folder, name, settings) for name in chosen}
    configs = {name: each for name, each in loaded.items() if not isinstance(each, ReleaseError)}
    policy, day = settings.unpatched_containers, today()
    patches = {name: patch_findings(each, policy, day) for name, each in configs.items()}
    results = []
    with places.compilation(configs, settings, no_cache=no_cache) as compiled:
        for name, each in loaded.items():
            results.append(_check(name, each, compiled, patches.get(name, ())))
            if not as_json:
                _print(results[-1])
    valid = {each["name"] for each in results if each["valid"]}
    refuse_equal_names({name: each for name, each in configs.items() if name in valid})
    if as_json:
        print_json(results)
    raise typer.Exit(ExitCode.DONE if len(valid) == len(chosen) else ExitCode.ERROR)


def _load(folder: Path, name: str, settings: Settings) -> PipelineConfigs | ReleaseError:
    from constructs_lib.configs import PipelineConfigs
    from constructs_lib.configs.folder import config_path

    try:
        # What is odd in it is told among the findings.
        path = config_path(folder, name)
        return PipelineConfigs.read(path, region_names=settings.region_names)
    except ReleaseError as error:
        return error


def _check(
    name: str,
    configs: PipelineConfigs | ReleaseError,
    compiled: Compilation,
    patches: Sequence[PatchFinding],
) -> dict[str, Any]:
    """Return what ``--json`` tells of a pipeline; does what synthesis does, short of the stacks."""
    from constructs_lib.release.code_check import code_problems
    from constructs_lib.release.files import release_files

    result: dict[str, Any] = {"name": name, "pipeline": None, "valid": False}
    try:
        if isinstance(configs, ReleaseError):
            raise configs
        checked = compiled[name]
        release_files(configs, checked.pipeline)
    except ReleaseError as error:
        told = [] if isinstance(configs, ReleaseError) else _told_of_file(configs, patches)
        return {**result, "error": str(error), "findings": told}
    findings: list[Finding | CodeProblem] = [*checked.findings, *code_problems(configs)]
    valid = all(each.severity != "error" for each in (*findings, *patches))
    told = [
        *_told_of_file(configs, patches),
        *({"severity": each.severity, "text": str(each)} for each in findings),
    ]
    result |= {"pipeline": checked.pipeline.name, "valid": valid, "error": None}
    return {**result, "findings": told, **_endpoint(configs)}


def _endpoint(configs: PipelineConfigs) -> dict[str, Any]:
    """Return where an approved version will be served; nothing of a config that serves none."""
    if configs.endpoint is None:
        return {}
    from constructs_lib.deployment.settings import endpoint_name

    waves = configs.endpoint.waves_of(configs.registration.regions)
    return {"endpoint": {"name": endpoint_name(configs), "waves": waves}}


def _told_of_file(
    configs: PipelineConfigs, patches: Sequence[PatchFinding]
) -> list[dict[str, str]]:
    """Return what is odd in a config file, and what of it is not used or means something else.

    Also which containers get no patches; only that depends on the day.
    """
    told = (
        *(("warning", each) for each in configs.warnings),
        *(("note", each) for each in configs.notes),
        *((each.severity, each.problem) for each in patches),
    )
    return [{"severity": severity, "text": f"{severity} {each}"} for severity, each in told]


def _print(result: dict[str, Any]) -> None:
    if result["error"]:
        tell("error", result["error"])
    for finding in result["findings"]:
        tell_finding(f"{result['name']}: {finding['text']}")
    if result["valid"]:
        endpoint = _told_of_endpoint(result["endpoint"]) if "endpoint" in result else ""
        typer.echo(f"{result['name']}: valid, pipeline {result['pipeline']}{endpoint}")


def _told_of_endpoint(endpoint: dict[str, Any]) -> str:
    waves = ", then ".join(" and ".join(wave) for wave in endpoint["waves"])
    return f", endpoint {endpoint['name']} in {waves}"
