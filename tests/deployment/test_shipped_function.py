"""What is deployed of the function stands alone, beside what it needs of other jobs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from aws_cdk import App, RemovalPolicy, Stack
from aws_cdk.assertions import Template

from constructs_lib.infrastructure.encryption import DataKey
from constructs_lib.infrastructure.job_function import (
    FunctionSpec,
    PermissionSet,
    job_function,
    script_files,
)
from constructs_lib.infrastructure.log_groups import LogOptions

JOBS = Path(__file__).parents[2] / "constructs_lib" / "jobs"


def test_the_function_is_imported_out_of_what_is_shipped(tmp_path: Path) -> None:
    for file in script_files("deploy_model"):
        copied = tmp_path / "jobs" / file.relative_to(JOBS)
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copied)
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import jobs.deploy_model as shipped;"
    )

    result = subprocess.run(
        [sys.executable, "-P", "-c", f"{code} print(shipped.handler.__module__)"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    assert result.stdout == "jobs.deploy_model.handler\n"


@pytest.mark.parametrize(
    ("script", "handler"),
    [
        ("deploy_model", "jobs.deploy_model.handler"),
        ("register_model", "register_model.handler"),
        ("load_test.py", "load_test.handler"),
    ],
)
def test_cdk_ships_just_that_and_names_its_handler(
    tmp_path: Path, script: str, handler: str
) -> None:
    app = App(outdir=str(tmp_path))
    stack = Stack(app, "Stack")
    key = DataKey(
        stack, "Key", alias="alias/key", description="", removal_policy=RemovalPolicy.DESTROY
    )
    job_function(
        stack,
        spec=FunctionSpec(script=script, description="Tried"),
        permissions=PermissionSet(statements=[], wildcards={}),
        log_options=LogOptions(encryption_key=key, retention_days=7),
    )
    template = Template.from_stack(stack)
    app.synth()

    (asset,) = tmp_path.glob("asset.*")
    root = JOBS.parent if handler.startswith("jobs.") else JOBS
    shipped = {file.relative_to(asset) for file in asset.rglob("*") if file.is_file()}
    assert shipped == {file.relative_to(root) for file in script_files(script)}
    template.has_resource_properties("AWS::Lambda::Function", {"Handler": handler})


@pytest.mark.parametrize("script", ["register_model", "load_test.py"])
def test_functions_that_need_no_other_job_ship_as_before(script: str) -> None:
    files = script_files(script)

    assert {file.relative_to(JOBS).parts[0] for file in files} == {script}
