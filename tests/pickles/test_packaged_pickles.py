"""The packaging job on models with pickles: what a policy lets through, and what it says."""

from __future__ import annotations

import gzip
import json
import logging
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from constructs_lib.jobs.package_model.command_line import main
from tests.pickles.samples import (
    BENIGN,
    DATA,
    EVIL,
    PROTO,
    STOP,
    from_stack,
    imported,
    tarred,
    torch_zip,
    zipped,
)

UNKNOWN = PROTO[2] + imported("shop.models", "Net") + STOP
HIDDEN = PROTO[4] + b"h\5" + from_stack("", "system")[2:] + STOP


class Packaged(NamedTuple):
    """What came of a run of the job."""

    exit_code: int
    errors: str
    archive: bytes | None
    manifest: dict[str, Any] | None
    log: str


class Bench:
    """Runs the job in a folder."""

    def __init__(
        self, folder: Path, output: pytest.CaptureFixture[str], log: pytest.LogCaptureFixture
    ) -> None:
        self._folder = folder
        self._output = output
        self._log = log
        log.set_level(logging.INFO)

    def package(self, members: dict[str, bytes], *options: str) -> Packaged:
        """Package a model of these files."""
        code = self._folder / "code"
        code.mkdir(exist_ok=True)
        (code / "inference.py").write_text("pass\n")
        model = self._folder / "model.tar.gz"
        model.write_bytes(gzip.compress(tarred(members)))
        output = self._folder / "out/model.tar.gz"
        self._log.clear()
        exit_code = main(
            ["--model", str(model), "--code", str(code), "--output", str(output), *options]
        )
        manifest = output.with_name("manifest.json")
        return Packaged(
            exit_code,
            self._output.readouterr().err,
            output.read_bytes() if output.exists() else None,
            json.loads(manifest.read_text()) if manifest.exists() else None,
            self._log.text,
        )


@pytest.fixture
def bench(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> Bench:
    return Bench(tmp_path, capsys, caplog)


@pytest.mark.parametrize("policy", [[], ["--pickle-policy", "warn"], ["--pickle-policy", "refuse"]])
def test_code_in_a_model_ends_the_job_without_an_output(bench: Bench, policy: list[str]) -> None:
    outcome = bench.package({"model.pt": torch_zip(EVIL)}, *policy)

    assert (outcome.exit_code, outcome.archive, outcome.manifest) == (1, None, None)
    assert "os.system" in outcome.errors
    assert "'model.pt' > 'archive/data.pkl', byte 2" in outcome.errors
    assert "safetensors" in outcome.errors
    assert outcome.errors.count("\n") == 1
    assert "error: pickle-global-dangerous" in outcome.log


def test_unknown_names_are_let_through_with_a_warning(bench: Bench) -> None:
    outcome = bench.package({"net.pkl": UNKNOWN})

    assert outcome.exit_code == 0
    assert "warning: pickle-global-unknown: 'net.pkl', byte 2: loads shop.models.Net" in outcome.log
    assert outcome.manifest is not None
    assert outcome.manifest["pickles"] == {
        "policy": "warn",
        "pickle_count": 1,
        "finding_count": 1,
        "findings": [
            {
                "severity": "warning",
                "code": "pickle-global-unknown",
                "message": "'net.pkl', byte 2: loads shop.models.Net, which is on no list of "
                "harmless classes and functions",
                "fix": outcome.manifest["pickles"]["findings"][0]["fix"],
                "file": "net.pkl",
                "inside": [],
                "position": 2,
                "name": "shop.models.Net",
            }
        ],
    }


def test_what_would_have_to_be_allowed_is_printed_to_paste(bench: Bench) -> None:
    more = PROTO[2] + imported("shop.models", "Layer") + STOP
    outcome = bench.package({"a.pkl": UNKNOWN, "b.pkl": more}, "--pickle-policy", "refuse")

    assert outcome.exit_code == 1
    assert "the first of 2 findings" in outcome.errors
    assert (
        '"allowed_pickle_globals": ["shop.models.Layer", "shop.models.Net"]' in outcome.errors
    )  # fmt: skip


def test_what_is_allowed_passes_without_a_word(bench: Bench) -> None:
    allowed = "other.Name,shop.models.Net"
    outcome = bench.package(
        {"net.pkl": UNKNOWN}, "--pickle-policy", "refuse", "--allow-pickle-globals", allowed
    )

    assert outcome.exit_code == 0
    assert "pickle-" not in outcome.log


def test_nothing_is_looked_at_when_the_policy_is_off(bench: Bench) -> None:
    outcome = bench.package({"model.pt": EVIL}, "--pickle-policy", "off")

    assert outcome.exit_code == 0
    assert outcome.manifest is not None
    assert outcome.manifest["pickles"]["policy"] == "off"
    assert outcome.manifest["pickles"]["finding_count"] == 0


def test_a_hidden_name_is_refused_though_unknown_ones_are_let_through(bench: Bench) -> None:
    assert bench.package({"model.pkl": HIDDEN}).exit_code == 1


def test_what_packaging_replaces_is_not_looked_at(bench: Bench) -> None:
    outcome = bench.package({"code/old.pkl": EVIL, "model.bin": bytes(100)})

    assert outcome.exit_code == 0


def test_findings_change_no_byte_of_the_archive(bench: Bench) -> None:
    members = {"model.pt": torch_zip(UNKNOWN), "weights": bytes(3_000_000)}

    assert (
        bench.package(members).archive == bench.package(members, "--pickle-policy", "off").archive
    )


@pytest.mark.parametrize("size", [100, 70_000, 3_000_000])
def test_every_file_is_looked_through_wherever_it_stands(bench: Bench, size: int) -> None:
    weights = bytes(size)
    for members in (
        {"a": weights, "b": EVIL + weights, "c": weights},
        {"a": zipped({"w": weights, "x": EVIL})},
        {"a": weights + zipped({"x": BENIGN}), "b": b"x"},
        {"a": b"x", "b": b"y" * 600, "c": EVIL},
        {"a": gzip.compress(EVIL + weights)},
    ):
        assert bench.package(members).exit_code == 1


def test_benign_models_pass_without_a_word(bench: Bench) -> None:
    members = {path.name: path.read_bytes() for path in sorted(DATA.iterdir())}
    outcome = bench.package(members, "--pickle-policy", "refuse")

    assert outcome.exit_code == 0
    assert "pickle" not in outcome.log
    assert outcome.manifest is not None
    assert outcome.manifest["pickles"]["pickle_count"] > 80
