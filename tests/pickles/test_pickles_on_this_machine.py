"""Pickles where a developer meets them: check-archive, configs, the run report."""

from __future__ import annotations

import gzip
import json
import logging
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from constructs_lib.configs import PackageStepConfig, PipelineConfigs
from constructs_lib.jobs.common.limits import Limits
from constructs_lib.jobs.package_model.command_line import main
from constructs_lib.jobs.verify_model.unpacking import unpack
from constructs_lib.release.doctor import HEALTHY, UNHEALTHY, examine
from constructs_lib.release.pickles import pickle_findings
from local.report.logs import warnings_in_log
from local.runner.records import Execution, StepExecution
from tests.example_pipeline import CONFIG, MODEL
from tests.pickles.samples import BENIGN, EVIL, PROTO, STOP, imported, tarred, torch_zip

UNKNOWN = PROTO[2] + imported("shop.models", "Net") + STOP
BASE: dict[str, Any] = {"author": "alice", "current_date": "2026-03-14"}


def archive(folder: Path, members: dict[str, bytes]) -> Path:
    path = folder / "model.tar.gz"
    path.write_bytes(gzip.compress(tarred(members)))
    return path


def laid_out(folder: Path, members: dict[str, bytes]) -> Path:
    for name, data in members.items():
        path = folder / "model" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder / "model"


@pytest.mark.parametrize("make", [archive, laid_out])
def test_archives_and_folders_are_looked_through_alike(tmp_path: Path, make: Any) -> None:
    model = make(tmp_path, {"a/net.pt": torch_zip(UNKNOWN), "code/old.pkl": EVIL, "b": BENIGN})
    (finding,) = pickle_findings(model, PackageStepConfig(**BASE))

    assert finding["severity"] == "warning"
    assert finding["code"] == "pickle-global-unknown"
    assert finding["message"].startswith("'a/net.pt' > 'archive/data.pkl', byte 2: loads shop.")
    refused = pickle_findings(model, PackageStepConfig(**BASE, pickle_policy="refuse"))
    assert [each["severity"] for each in refused] == ["error"]
    assert pickle_findings(model, PackageStepConfig(**BASE, pickle_policy="off")) == []
    allowed = PackageStepConfig(**BASE, allowed_pickle_globals=["shop.models.Net"])
    assert pickle_findings(model, allowed) == []


def test_what_is_no_archive_is_left_to_other_checks(tmp_path: Path) -> None:
    model = tmp_path / "model.tar.gz"
    model.write_bytes(b"not an archive")

    assert pickle_findings(model, PackageStepConfig(**BASE)) == []


def test_a_hostile_model_is_told_and_not_loaded(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = laid_out(tmp_path, {"model.pkl": EVIL})
    trace = tmp_path / "trace"
    (model / "code").mkdir()
    (model / "code/inference.py").write_text(f"open({str(trace)!r}, 'w')\n")
    exit_code = examine(PipelineConfigs.load(CONFIG), model, load_seconds=0)

    assert exit_code == UNHEALTHY
    assert "error: pickle-global-dangerous: 'model.pkl', byte 2: loads os.system" in (
        capfd.readouterr().out
    )
    assert not trace.exists()


def test_what_would_have_to_be_allowed_is_told_once_to_paste(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    more = PROTO[2] + imported("shop.models", "Layer") + STOP
    model = laid_out(tmp_path, {"a.pkl": UNKNOWN, "b.pkl": UNKNOWN, "c.pkl": more})
    configs = PipelineConfigs.load(CONFIG)
    package = configs.package.model_copy(update={"pickle_policy": "refuse"})

    assert examine(replace(configs, package=package), model, load_seconds=0) == UNHEALTHY

    told = capfd.readouterr().out
    pasted = '"allowed_pickle_globals": ["shop.models.Layer", "shop.models.Net"]'
    assert told.count(pasted) == told.count("to paste") == 1
    names = json.loads("{" + pasted + "}")["allowed_pickle_globals"]
    allowed = package.model_copy(update={"allowed_pickle_globals": names})
    assert pickle_findings(model, allowed) == []


def test_nothing_is_told_to_paste_where_that_would_not_be_enough(tmp_path: Path) -> None:
    model = laid_out(tmp_path, {"a.pkl": UNKNOWN, "b.pkl": EVIL})

    found = pickle_findings(model, PackageStepConfig(**BASE, pickle_policy="refuse"))

    assert [each["severity"] for each in found] == ["error", "error"]
    assert "paste" not in json.dumps(found)


def test_warnings_stand_beside_the_verdict(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = laid_out(tmp_path, {"net.pkl": UNKNOWN})
    unpack(MODEL, model, Limits())
    configs = PipelineConfigs.load(CONFIG)
    exit_code = examine(configs, model, put_code_in=True, load_seconds=0, as_json=True)
    findings = json.loads(capfd.readouterr().out)["findings"]

    assert exit_code == HEALTHY
    assert ("warning", "pickle-global-unknown") in {
        (each["severity"], each["code"]) for each in findings
    }


def test_the_run_report_shows_what_packaging_warns_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    (tmp_path / "code").mkdir()
    (tmp_path / "code/inference.py").write_text("pass\n")
    model = archive(tmp_path, {"net.pkl": UNKNOWN})
    output = tmp_path / "out/model.tar.gz"
    main(["--model", str(model), "--code", str(tmp_path / "code"), "--output", str(output)])
    log = tmp_path / "package.log"
    log.write_text("".join(f"{record.getMessage()}\n" for record in caplog.records))
    step = StepExecution("Package", "Processing", log_path=log)
    start = datetime(2026, 11, 1, tzinfo=UTC)
    execution = Execution("arn", "arn:aws:pipeline/shop", start, {}, tmp_path, start)

    (warning,) = warnings_in_log(execution, step)
    assert warning.startswith("warning: pickle-global-unknown: 'net.pkl', byte 2")
    assert "allowed_pickle_globals" in warning
