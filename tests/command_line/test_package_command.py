"""``package``: what the Package step would make, made here."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from commands.program import app
from commands.terminal import places
from commands.terminal.exit_codes import ExitCode
from constructs_lib.configs import PipelineConfigs
from constructs_lib.release import packager as archive_packager
from constructs_lib.release.code_check import InferenceCodeError
from constructs_lib.release.own_script import OwnScriptError
from constructs_lib.release.packager import PackagingError
from constructs_lib.terminal.paths import shown_path
from constructs_lib.terminal.progress import bytes_bar
from tests.example_pipeline import CONFIG, EXAMPLE, MODEL, copy_example

ROOT = Path(__file__).parents[2]


def _package(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["package", "returns_risk", *map(str, arguments)])


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The example model, unpacked."""
    with tarfile.open(MODEL) as tar:
        tar.extractall(tmp_path / "trained")
    return tmp_path / "trained"


def test_the_code_is_put_in_and_the_digest_told(tmp_path: Path) -> None:
    result = _package(MODEL, "--output", tmp_path)

    assert result.exit_code == ExitCode.DONE, result.output
    with tarfile.open(tmp_path / "model.tar.gz") as tar:
        assert "code/inference.py" in tar.getnames()
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["sha256"] == _digest(tmp_path / "model.tar.gz")
    assert f"sha256    {manifest['sha256']}" in result.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["manifest.json", "model.tar.gz"]


def test_code_with_a_syntax_error_is_not_packaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = copy_example(tmp_path / "example")
    with (config.parent / "inference" / "inference.py").open("a") as file:
        file.write("def broken(:\n")
    configs = PipelineConfigs.load(config)
    monkeypatch.setattr(places, "load_configs", lambda *_: configs)

    result = _package(MODEL, "--output", tmp_path / "out")

    assert isinstance(result.exception, InferenceCodeError)
    assert "SyntaxError" in str(result.exception)
    assert not (tmp_path / "out").exists()


def test_json_is_the_manifest_and_where_things_are(tmp_path: Path) -> None:
    document = json.loads(_package(MODEL, "--output", tmp_path, "--json").stdout)

    manifest = json.loads((tmp_path / "manifest.json").read_text())
    paths = {"model": str(tmp_path / "model.tar.gz"), "manifest": str(tmp_path / "manifest.json")}
    assert document == {**paths, **manifest}


def test_a_folder_around_everything_can_be_taken_away(folder: Path, tmp_path: Path) -> None:
    folder.rename(tmp_path / "one")
    (tmp_path / "model").mkdir()
    (tmp_path / "one").rename(tmp_path / "model" / "one")

    refused = _package(tmp_path / "model", "--output", tmp_path / "o")
    assert "add --single-folder flatten" in str(refused.exception)
    taken = _package(tmp_path / "model", "--output", tmp_path / "o", "--single-folder", "flatten")

    assert taken.exit_code == ExitCode.DONE, taken.output
    with tarfile.open(tmp_path / "o" / "model.tar.gz") as tar:
        assert not any(name.startswith("one") for name in tar.getnames())


def test_it_goes_to_the_local_state_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "STATE", tmp_path)

    assert _package(MODEL).exit_code == ExitCode.DONE
    assert (tmp_path / "packaged" / "returns_risk" / "model.tar.gz").is_file()


def test_a_folder_gives_the_same_bytes_whoever_made_it_when(folder: Path, tmp_path: Path) -> None:
    first = _package(folder, "--output", tmp_path / "1")
    for path in folder.rglob("*"):
        os.utime(path, (1, 1))
        path.chmod(0o700)
    _package(folder, "--output", tmp_path / "2")

    assert first.exit_code == ExitCode.DONE, first.output
    assert _digest(tmp_path / "1" / "model.tar.gz") == _digest(tmp_path / "2" / "model.tar.gz")


def test_what_is_packaged_stays_as_it_is(folder: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    _package(folder, "--output", tmp_path / "packaged")

    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_refusal_names_what_was_given(tmp_path: Path) -> None:
    model = tmp_path / "model.zip"
    model.write_bytes(b"PK\x03\x04")
    (tmp_path / "empty").mkdir()

    for given, reason in ((model, "a zip file"), (tmp_path / "empty", "holds no model")):
        error = _package(given, "--output", tmp_path / "packaged").exception
        assert isinstance(error, PackagingError)
        assert str(error).startswith(f"{given}: ")
        assert reason in str(error)
    assert list((tmp_path / "packaged").iterdir()) == []


def test_a_folder_with_the_archive_in_it_is_not_packed_into_another(tmp_path: Path) -> None:
    error = _package(EXAMPLE / "model", "--output", tmp_path).exception

    assert str(error).endswith(f"give {shown_path(MODEL)}.")


def test_an_output_inside_of_the_model_is_refused(folder: Path) -> None:
    error = _package(folder, "--output", folder / "packaged").exception

    assert isinstance(error, PackagingError)
    assert "--output" in str(error)


@pytest.mark.parametrize("output", ["a file", "/proc/nowhere"])
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, output: str) -> None:
    (tmp_path / "a file").write_text("")
    place = tmp_path / output

    error = _package(MODEL, "--output", place).exception

    assert isinstance(error, PackagingError)
    assert f"Cannot write to {place}" in str(error)


OWN_SCRIPT = """
import json, sys
options = [each for each in sys.argv[1:] if each.startswith("--")]
output = sys.argv[sys.argv.index("--output") + 1]
open(output, "wb").write(b"packaged")
manifest = {"sha256": "s", "code_sha256": "c", "options": options}
open(output.replace("model.tar.gz", "manifest.json"), "w").write(json.dumps(manifest))
"""


@pytest.fixture
def package_with(tmp_path: Path) -> Callable[[str], archive_packager.Packaged]:
    """Package the example with a script of the user's own."""

    def package(script: str) -> archive_packager.Packaged:
        config = copy_example(tmp_path / "own", "model")
        document = json.loads(config.read_text())
        document["configuration"]["processing"]["Package"] |= {
            "processing_source_dir": ".",
            "processing_entry_point": "own.py",
            "processing_script_arguments": ["--more"],
        }
        config.write_text(json.dumps(document))
        (tmp_path / "own" / "own.py").write_text(script)
        return archive_packager.package(
            PipelineConfigs.load(config),
            MODEL,
            tmp_path / "packaged",
            on_read=lambda _: None,
            on_line=lambda _: None,
        )

    return package


PackageWith = Callable[[str], archive_packager.Packaged]


def test_a_script_of_the_users_own_is_called_as_the_step_calls_it(
    package_with: PackageWith, tmp_path: Path
) -> None:
    packaged = package_with(OWN_SCRIPT)

    assert set(packaged.facts["options"]) == {*_options_of_the_step(), "--more"}
    names = sorted(path.name for path in (tmp_path / "packaged").iterdir())
    assert names == ["manifest.json", "model.tar.gz"]


def test_a_script_that_does_not_write_what_it_must_is_named_as_the_cause(
    package_with: PackageWith, tmp_path: Path
) -> None:
    with pytest.raises(OwnScriptError) as error:
        package_with("import sys; sys.argv")

    script = tmp_path / "own" / "own.py"
    assert str(error.value).startswith(
        f"The packaging script {script} ended without an error and wrote no model.tar.gz and no "
        "manifest.json."
    )


@pytest.mark.parametrize(
    "writing",
    [
        "open(outside / 'file', 'w')",
        "os.makedirs(outside / 'folder')",
        "shutil.copy(sys.argv[0], outside)",
        "os.remove(outside / 'kept')",
        "os.rename(outside / 'kept', 'kept')",
        "os.symlink('/dev/null', outside / 'link')",
        "subprocess.run([sys.executable, '-c', 'import sys; open(sys.argv[1], \"w\")', "
        "str(outside / 'file')], check=True)",
    ],
)
def test_a_script_writes_to_its_own_folder_only(
    package_with: PackageWith, tmp_path: Path, writing: str
) -> None:
    outside = tmp_path / "opt" / "ml"
    outside.mkdir(parents=True)
    (outside / "kept").write_text("as it was")
    imports = "import os, shutil, subprocess, sys\nfrom pathlib import Path\n"

    with pytest.raises(OwnScriptError, match="Permission"):
        package_with(f"{imports}outside = Path({str(outside)!r})\n{writing}\n")

    assert [path.name for path in outside.iterdir()] == ["kept"]
    assert (outside / "kept").read_text() == "as it was"


def test_what_a_script_starts_is_held_where_the_kernel_can(
    package_with: PackageWith, tmp_path: Path
) -> None:
    if not _has_landlock():
        pytest.skip("this kernel has no Landlock")
    outside = tmp_path / "outside"

    with pytest.raises(OwnScriptError, match="Permission denied"):
        package_with(f"import subprocess; subprocess.run(['touch', {str(outside)!r}], check=True)")

    assert not outside.exists()


def _has_landlock() -> bool:
    return sys.platform == "linux" and bool(ctypes.CDLL(None).syscall(444, None, 0, 1) >= 2)


def test_a_script_has_a_folder_of_its_own_to_work_in(package_with: PackageWith) -> None:
    work = """
import os, tempfile, subprocess, pathlib
pathlib.Path("here").write_text("x")
pathlib.Path.home().joinpath("at-home").write_text("x")
handle, name = tempfile.mkstemp()
os.replace(name, "moved")
os.symlink("/etc/hostname", "link")
os.remove("link")
subprocess.run(["touch", "by-another-program"], check=True)
pathlib.Path(os.devnull).write_text("x")
"""

    assert package_with(work + OWN_SCRIPT).facts["sha256"] == "s"


def _options_of_the_step() -> list[str]:
    golden = json.loads((ROOT / "tests" / "synth" / "golden" / "on_ray.json").read_text())
    step = next(step for step in golden["Steps"] if step["Name"] == "Package")
    arguments = step["Arguments"]["AppSpecification"]["ContainerArguments"]
    options = [each for each in arguments if each.startswith("--")]
    options.remove("--serving-workers")  # the example leaves their number to the container
    return options


def test_progress_adds_up_to_what_was_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_packager, "_PROGRESS_SECONDS", 0.0)
    model = tmp_path / "model.tar.gz"
    weights = tmp_path / "model.pth"
    weights.write_bytes(os.urandom(4_000_000))
    with tarfile.open(model, "w:gz", compresslevel=1) as tar:
        tar.add(weights, "model.pth")
    read: list[int] = []

    archive_packager.package(
        PipelineConfigs.load(CONFIG),
        model,
        tmp_path / "packaged",
        on_read=read.append,
        on_line=lambda _: None,
    )

    assert len(read) > 1
    assert 0.9 < sum(read) / model.stat().st_size <= 1.05


@pytest.mark.parametrize("terminal", [True, False])
def test_a_bar_is_shown_on_a_terminal_only(terminal: bool, tmp_path: Path) -> None:
    with (tmp_path / "printed").open("w") as file:
        console = Console(file=file, force_terminal=terminal)
        with bytes_bar("Uploading model.tar.gz", 100, console) as advance:
            advance(100)

    printed = (tmp_path / "printed").read_text()
    assert ("Uploading model.tar.gz" in printed) is terminal
    assert bool(printed) is terminal
