"""Packages a model on this machine as the Package step would, with the same script."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from constructs_lib.configs import PipelineConfigs
from constructs_lib.configs.processing import OWN_PACKAGING_SCRIPT
from constructs_lib.errors import ReleaseError
from constructs_lib.fields.json_texts import UnreadableJsonError, read_json
from constructs_lib.jobs.archive import local_archive
from constructs_lib.regions import RegionCode
from constructs_lib.registration.request import registration_request
from constructs_lib.release.archives import folder_archive
from constructs_lib.release.own_script import OwnScript
from constructs_lib.release.payloads import shipped_payload, shipped_registration_file
from constructs_lib.s3_layout import MANIFEST, MODEL, REGISTRATION_REQUEST, SAMPLE_PAYLOAD
from constructs_lib.serving import serving_profile
from constructs_lib.terminal.paths import shown_path

# Nothing is pulled or registered: the scripts are called with a request, which names one.
_IMAGE: Final = "local"
_PROGRESS: Final = re.compile(r"(?P<megabytes>[\d.]+) of [\d.]+ MB read")
_DIGESTS: Final = ("sha256", "code_sha256")
"""What the steps after Package need of its manifest, whoever wrote the script."""
_PROGRESS_SECONDS: Final = 0.2


class PackagingError(ReleaseError):
    """A model that cannot be packaged; holds what the script says."""


@dataclass(frozen=True, kw_only=True)
class Packaged:
    """What packaging wrote."""

    model: Path
    manifest: Path
    facts: dict[str, Any]
    """Content of the manifest: digests, sizes and counts."""


def archive_of(model: Path) -> Path:
    """Return the path of what is to be packaged.

    Raises:
        PackagingError: There is nothing, or a folder that holds the archive beside other things.
    """
    if not model.exists():
        raise PackagingError(
            f"There is no {shown_path(model)}. Give a {MODEL}, or a folder laid out like its"
            " content."
        )
    if (model / MODEL).exists():
        raise PackagingError(
            f"{shown_path(model)} is a folder that holds a {MODEL}: give"
            f" {shown_path(model / MODEL)}."
        )
    return model


def size_bytes(model: Path) -> int:
    """Return how much there is to package: the size of an archive, or of a folder's files."""
    files = model.rglob("*") if model.is_dir() else [model]
    return sum(path.stat().st_size for path in files if path.is_file())


def package(
    configs: PipelineConfigs,
    model: Path,
    folder: Path,
    *,
    single_folder: str | None = None,
    on_read: Callable[[int], None],
    on_line: Callable[[str], None],
) -> Packaged:
    """Put a pipeline's inference code into a model, in a child process that runs its script.

    Args:
        configs: The pipeline's configs.
        model: A ``model.tar.gz``, or a folder laid out like its content.
        folder: Gets the packaged ``model.tar.gz`` and its ``manifest.json``.
        single_folder: ``refuse``, ``flatten`` or ``keep`` a folder around everything, whatever the
            config's arguments of the script say.
        on_read: Told, again and again, how many bytes of the model were read since the last time.
        on_line: Told what else the script prints.

    Raises:
        PackagingError: The script refuses the model or the code, or cannot write.
        ReleaseError: The inference code cannot be packed.
    """
    output, manifest = folder / MODEL, folder / MANIFEST
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".packaging-") as temporary:
            with _as_archive(model, folder, Path(temporary)) as archive:
                own = _own_script(configs, Path(temporary))
                written = own.output / MODEL if own else output
                arguments = ["--model", str(archive.resolve() if own else archive)]
                arguments += ["--output", str(written), *_other_arguments(configs, Path(temporary))]
                arguments += ["--single-folder", single_folder] if single_folder else []
                app = [sys.executable, str(_app_script(temporary)), *arguments]
                errors = _run(
                    own.command(arguments, archive.resolve()) if own else app,
                    own.process_options() if own else {},
                    on_read,
                    lambda line: on_line(_named(line, archive, model)),
                )
                if errors is not None:
                    told = _named(errors, archive, model)
                    raise own.failure(told) if own else PackagingError(told)
                if own:
                    own.hand_over((MODEL, MANIFEST), folder)
            facts = read_json(manifest.read_bytes())
    except OSError as error:
        raise PackagingError(
            f"Cannot write to {shown_path(folder)}: {error.strerror}. Give another folder as"
            " --output."
        ) from error
    except UnreadableJsonError as error:
        raise PackagingError(f"{shown_path(manifest)}, as the script wrote it, {error}.") from error
    if missing := [name for name in _DIGESTS if name not in facts]:
        raise PackagingError(
            f"{shown_path(manifest)}, as the script wrote it, has no {', '.join(missing)}."
        )
    return Packaged(model=output, manifest=manifest, facts=facts)


@contextmanager
def _as_archive(model: Path, output_folder: Path, temporary: Path) -> Iterator[Path]:
    """Provide a folder as the plain tar that the script also takes."""
    if not model.is_dir():
        yield model
        return
    if output_folder.resolve().is_relative_to(model.resolve()):
        raise PackagingError(
            f"{shown_path(output_folder)} is inside of {shown_path(model)}, which is to be"
            " packaged: give another --output."
        )
    path = temporary / "model.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for entry in sorted(model.iterdir()):
            tar.add(entry, entry.name, filter=_canonical)
    yield path
    path.unlink()


def _canonical(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Fix owner, time and mode, so that the same files have the same digest on any machine."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mtime = 0
    member.mode = 0o755 if member.isdir() else 0o644
    return member


def _own_script(configs: PipelineConfigs, folder: Path) -> OwnScript | None:
    """Return the script of the user's own, if there is one, with a folder for it to work in."""
    if configs.package.uses_own_script:
        return None
    return OwnScript(Path(configs.package.get_script_path()).resolve(), folder.resolve())


def _app_script(folder: str) -> Path:
    """Write the app's own script as this Python runs it."""
    path = Path(folder) / f"{OWN_PACKAGING_SCRIPT.name}.zip"
    path.write_bytes(local_archive(OWN_PACKAGING_SCRIPT.name))
    return path


def _other_arguments(configs: PipelineConfigs, folder: Path) -> list[str]:
    """Return what the step tells the script beside the model and where to write it."""
    folder = folder.resolve()
    code = folder / "code.tar.gz"
    code.write_bytes(folder_archive(_code_folder(configs)))
    payload, request = write_registration_files(configs, configs.registration.regions, folder)
    released = folder / "released"
    profile = serving_profile(configs.model)
    return [
        *("--code", str(code)),
        *(["--entry-point", profile.entry_point] if profile.entry_point is not None else []),
        *("--manifest", str(released / MANIFEST)),
        *("--copy", str(payload), str(released / payload.name)),
        *("--copy", str(request), str(released / request.name)),
        *(["--progress-seconds", str(_PROGRESS_SECONDS)] * configs.package.uses_own_script),
        *profile.packaging_arguments,
        *configs.package.pickle_arguments,
        *configs.package.script_arguments,
    ]


def write_registration_files(
    configs: PipelineConfigs, region_codes: Iterable[RegionCode], folder: Path
) -> tuple[Path, Path]:
    """Write the sample payload and the registration request, as they are shipped with a model.

    Args:
        configs: The pipeline's configs.
        region_codes: What the request is for.
        folder: Where to write.

    Returns:
        The paths of both.
    """
    payload, request = folder / SAMPLE_PAYLOAD, folder / REGISTRATION_REQUEST
    requests = [registration_request(configs, each, _IMAGE) for each in region_codes]
    payload.write_bytes(shipped_payload(configs))
    request.write_bytes(shipped_registration_file(configs, requests))
    return payload, request


def _code_folder(configs: PipelineConfigs) -> Path:
    source = configs.model.get_source_dir()
    if not isinstance(source, Path):
        raise PackagingError(
            f"source_dir of PytorchModel is {source!r}; packaging on this machine needs a local"
            " folder with the inference code."
        )
    return source


def _named(message: str, archive: Path, model: Path) -> str:
    """Let a message name what the user gave."""
    return message.replace(str(archive), str(model))


def _run(
    command: list[str],
    options: Mapping[str, Any],
    on_read: Callable[[int], None],
    on_line: Callable[[str], None],
) -> str | None:
    """Run the script; returns what it says is wrong, if it fails."""
    read_bytes = 0
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, **options
        ) as process,
    ):
        for line in process.stdout or ():
            if progress := _PROGRESS.match(line):
                now = int(float(progress["megabytes"]) * 1e6)
                on_read(now - read_bytes)
                read_bytes = now
            else:
                on_line(line.rstrip())
        if not process.wait():
            return None
        errors.seek(0)
        return errors.read().strip().removeprefix("error: ") or "The script failed."
