"""The same commit and configs give the same cloud assembly, byte for byte."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app import build_app
from constructs_lib.jobs.archive import job_archive
from constructs_lib.release.patches import IGNORE_UNPATCHED
from tests.diff.app_repository import git
from tests.synth.app_copy import AFTER_THE_EXAMPLES_END, assembly, copy_app, run
from tests.synth.conftest import cdk_context

_ANOTHER_DAY = 1_000_000_000
_PYTHON_ON_ANOTHER_DAY = f"""
import time
time.time, time.time_ns = (lambda: {_ANOTHER_DAY}.0), (lambda: {_ANOTHER_DAY} * 10**9)
"""
_NODE_ON_ANOTHER_DAY = f"""
const now = {_ANOTHER_DAY}000;
globalThis.Date = class extends Date {{
  constructor(...given) {{ super(...(given.length ? given : [now])); }}
  static now() {{ return now; }}
}};
"""
_WHETHER_THE_SDK_IS_IMPORTED = """
import runpy, sys
sys.argv = ["app.py"]
try:
    runpy.run_path("app.py", run_name="__main__")
finally:
    print("sagemaker" in sys.modules)
"""
PIPELINE_TEMPLATE = "model-release-pipeline-returns-risk.template.json"


def _synthesize(folder: Path, *, umask: int = 0o022, **environment: str) -> dict[str, bytes]:
    result = run(folder, "app.py", umask=umask, environment=environment)
    assert (result.returncode, result.stderr) == (0, "")
    return assembly(folder / "cdk.out")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_app(tmp_path_factory.mktemp("one"))


@pytest.fixture(scope="module")
def one(folder: Path) -> dict[str, bytes]:
    """The assembly of one machine."""
    return _synthesize(
        folder, TZ="UTC", PYTHONHASHSEED="1", LC_ALL="C", USER="ann", HOME="/nonexistent"
    )


def test_two_machines_synthesize_the_same_bytes(one: dict[str, bytes], tmp_path: Path) -> None:
    elsewhere = copy_app(tmp_path / "else where", backwards=True)
    for path in elsewhere.rglob("*"):
        os.utime(path, (_ANOTHER_DAY, _ANOTHER_DAY))
    clock = tmp_path / "clock"
    clock.mkdir()
    (clock / "sitecustomize.py").write_text(_PYTHON_ON_ANOTHER_DAY)
    (clock / "clock.cjs").write_text(_NODE_ON_ANOTHER_DAY)

    other = _synthesize(
        elsewhere,
        umask=0o077,
        TZ="Asia/Tokyo",
        LC_ALL="C.UTF-8",
        LANG="tr_TR.UTF-8",
        USER="bob",
        HOME=str(tmp_path),
        NODE_OPTIONS=f"--require {clock / 'clock.cjs'}",
        PYTHONHASHSEED="4242",
        PYTHONPATH=str(clock),
        PYTHONUTF8="1",
    )

    assert one.keys() == other.keys()
    assert [name for name in one if one[name] != other[name]] == []


def test_another_commit_of_the_same_files_synthesizes_the_same_bytes(
    one: dict[str, bytes], tmp_path: Path
) -> None:
    checkout = copy_app(tmp_path)
    git(checkout, "init", "--quiet")
    git(checkout, "commit", "--quiet", "--allow-empty", "--message", "a")

    other = _synthesize(checkout)

    assert [name for name in one if one[name] != other[name]] == []
    parameter = {"Name": "GitCommit", "Type": "String", "DefaultValue": "unknown"}
    assert json.dumps(parameter, sort_keys=True, separators=(",", ":")) in _definition(one)


def test_what_is_told_of_a_day_is_no_part_of_the_bytes(one: dict[str, bytes], folder: Path) -> None:
    day = {"SOURCE_DATE_EPOCH": str(AFTER_THE_EXAMPLES_END)}
    refuse = {"model-release": {"pipelines_dir": "pipelines", "unpatched_containers": "refuse"}}

    warned = run(folder, "app.py", environment=day)
    refused = run(folder, "app.py", environment={**day, "CDK_CONTEXT_JSON": json.dumps(refuse)})

    (warning,) = warned.stderr.splitlines()
    assert warning.startswith("warning: ")
    assert "the scikit-learn 1.9-0 container has had no patches since" in warning
    assert warned.returncode == 0
    assert assembly(folder / "cdk.out") == one
    assert refused.returncode == 1
    assert refused.stderr.startswith('error: unpatched_containers in cdk.json is "refuse":')


def test_code_that_validate_refuses_or_warns_of_is_told_with_its_line(
    one: dict[str, bytes], tmp_path: Path
) -> None:
    app = copy_app(tmp_path)
    code = Path("pipelines/returns_risk/inference")
    (app / code / "helper.py").write_text("import inferenec\n")

    warned = run(app, "app.py")
    (app / code / "helper.py").write_text("def f(:\n")
    (app / code / "other.py").write_text("from .no_such import x\n")
    refused = run(app, "app.py")

    (warning,) = warned.stderr.splitlines()
    assert warning.startswith(f"warning: {code}/helper.py line 1: it imports inferenec, which is")
    templates = {name for name in one if name.endswith(".template.json")}
    other = assembly(app / "cdk.out")
    assert [name for name in templates - {PIPELINE_TEMPLATE} if one[name] != other[name]] == []
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"error: {code}/helper.py line 1: SyntaxError: ")
    assert f"\n{code}/other.py line 1: it imports .no_such, which leads out" in refused.stderr


def test_a_comparison_neither_tells_nor_refuses_what_has_no_patches(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(AFTER_THE_EXAMPLES_END))
    context = {**cdk_context(unpatched_containers="refuse"), IGNORE_UNPATCHED: True}

    build_app(str(tmp_path), context, builtin_cloud_formation_validation=False)

    assert caplog.messages == []


def _definition(files: dict[str, bytes]) -> str:
    resources = json.loads(files[PIPELINE_TEMPLATE])["Resources"].values()
    [body] = [
        each["Properties"]["PipelineDefinition"]["PipelineDefinitionBody"]
        for each in resources
        if each["Type"] == "AWS::SageMaker::Pipeline"
    ]
    text: str = body["Fn::Sub"][0]
    return text


def test_the_archives_of_jobs_are_uploaded_as_they_are(one: dict[str, bytes]) -> None:
    manifest = json.loads(one["model-release-pipeline-returns-risk.assets.json"])
    assets = {each.get("displayName"): each for each in manifest["files"].values()}

    for name, job in (("PackagingScript", "package_model"), ("VerificationScript", "verify_model")):
        source = assets[name]["source"]
        [destination] = assets[name]["destinations"].values()
        assert source["packaging"] == "file"
        assert one[source["path"]] == job_archive(job)
        assert destination["objectKey"].endswith(".zip")


def test_one_process_synthesizes_the_same_bytes_twice(tmp_path: Path) -> None:
    assemblies = []
    for name in ("first", "second"):
        context = {**cdk_context(), "aws:cdk:disable-stack-trace": True}
        app, _ = build_app(
            str(tmp_path / name),
            {**context, "aws:cdk:disable-creation-stack-traces": True},
            builtin_cloud_formation_validation=False,
        )
        app.synth()
        assemblies.append(assembly(tmp_path / name))

    assert assemblies[0] == assemblies[1]


def test_the_app_never_imports_the_sdk_and_reuses_what_gives_the_same_assembly(
    tmp_path: Path,
) -> None:
    app = copy_app(tmp_path / "app")
    assemblies = []
    for name in ("cold", "warm"):
        environment = {"CDK_OUTDIR": str(tmp_path / name)}
        result = run(app, "-c", _WHETHER_THE_SDK_IS_IMPORTED, environment=environment)
        assert (result.returncode, result.stdout) == (0, "False\n")
        assemblies.append(assembly(tmp_path / name))

    assert len(list((app / ".local" / "definitions").glob("*.json"))) == 1
    assert assemblies[0] == assemblies[1]


def test_an_inference_file_changes_its_asset_and_the_step_that_reads_it(
    one: dict[str, bytes], tmp_path: Path
) -> None:
    app = copy_app(tmp_path)
    code = app / "pipelines" / "returns_risk" / "inference" / "inference.py"
    code.write_text(f"{code.read_text()}\n# changed\n")

    other = _synthesize(app)

    [asset] = other.keys() - one.keys()
    assert asset.endswith(".tar.gz")
    templates = {name for name in one if name.endswith(".template.json")}
    assert {name for name in templates if one[name] != other[name]} == {PIPELINE_TEMPLATE}
    before, after = (json.loads(each[PIPELINE_TEMPLATE]) for each in (one, other))
    [(path, old)] = [each for each in _texts(before) if each[0][-1] == "InferenceCodeKey"]
    new = _member(after, path)
    # CDK names the file .tar.gz and the key .gz.
    assert asset == f"asset.{new.removesuffix('.gz')}.tar.gz"
    # In a policy the key also moves, because CDK sorts what is allowed.
    texts = [sorted(text for _, text in _texts(template)) for template in (before, after)]
    assert texts[1] == sorted(text.replace(old, new) for text in texts[0])
    [(pipeline, _)] = [
        (name, each)
        for name, each in after["Resources"].items()
        if each["Type"] == "AWS::SageMaker::Pipeline"
    ]
    assert path[:2] == ("Resources", pipeline)
    definition = json.loads(_member(after, path[:-2])[0])
    assert [
        step["Name"] for step in definition["Steps"] if "InferenceCodeKey" in json.dumps(step)
    ] == ["Package"]


def _texts(
    value: Any, path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Each text of a JSON value with its path."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _texts(member, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, (*path, index))
    elif isinstance(value, str):
        yield path, value


def _member(value: Any, path: tuple[str | int, ...]) -> Any:
    for key in path:
        value = value[key]
    return value
