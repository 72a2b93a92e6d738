"""Compiles pipelines in a process of its own, and keeps what was compiled.

    with Compilation(pipelines, home_region="us-east-1", cache=CACHE_FOLDER) as compiled:
        compiled["returns_risk"].pipeline.body

The SageMaker SDK takes seconds to import and hundreds of megabytes. Here it is imported only in a
child process, only when a definition is not in the cache, and while the caller goes on with other
work.

An entry of the cache is found by everything that a definition depends on: the configs, own sample
requests, the home region, the source of this package, and the versions of the libraries. So an
entry is never out of date; the folder may be deleted at any time.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

import pydantic

from constructs_lib.aws.handle import without_aws_variables
from constructs_lib.compilation.provenance import traced
from constructs_lib.compiled_pipeline import CompiledPipeline
from constructs_lib.configs import BasePipelineConfig, PipelineConfigs
from constructs_lib.errors import ReleaseError
from constructs_lib.findings import Finding
from constructs_lib.registration.request import RegistrationRequest
from constructs_lib.release.samples.requests import samples_digest
from constructs_lib.text_files import replace_text

CACHE_FOLDER: Final = Path(".local") / "definitions"
"""Where commands and the app keep compiled definitions, relative to the app."""

_PACKAGE: Final = Path(__file__).parents[1]
_WITHOUT: Final = ("infrastructure", "jobs")
"""What is deployed around a pipeline or runs with it: nothing is compiled from it."""
_SOURCES: Final = (".py", ".json")
_UNUSED_DAYS: Final = 30
# Garbage collections find nothing while modules are imported, and take a quarter of that time.
_COMPILER: Final = (
    "import gc; gc.disable(); from constructs_lib.compilation import child; child.main()"
)


class CompilationError(ReleaseError):
    """A pipeline cannot be compiled from its configs."""


@dataclass(frozen=True, kw_only=True)
class CheckedPipeline:
    """A compiled pipeline, and what SageMaker would refuse of it, traced to config fields."""

    pipeline: CompiledPipeline
    findings: tuple[Finding, ...]

    def to_text(self) -> str:
        """Write an entry of the cache."""
        requests = self.pipeline.registration_requests.values()
        entry = {
            "name": self.pipeline.name,
            "body": self.pipeline.body,
            "registration_requests": [each.model_dump(mode="json") for each in requests],
            "registration_file": self.pipeline.registration_file,
            "findings": [dataclasses.asdict(finding) for finding in self.findings],
        }
        content = json.dumps(entry)
        return f"{_digest(content)}\n{content}"

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read an entry of the cache.

        Raises:
            ValueError: The text is no entry, or a damaged one.
        """
        digest, _, content = text.partition("\n")
        if digest != _digest(content):
            raise ValueError("damaged")
        entry = json.loads(content)
        requests = map(RegistrationRequest.model_validate, entry["registration_requests"])
        return cls(
            pipeline=CompiledPipeline(
                name=entry["name"],
                body=entry["body"],
                registration_requests={request.region: request for request in requests},
                registration_file=entry["registration_file"],
            ),
            findings=tuple(Finding(**finding) for finding in entry["findings"]),
        )


class Compilation:
    """The compiled pipelines by name, those of the cache at once and the others when first needed.

    A context manager: the child process ends with it.
    """

    def __init__(
        self,
        pipelines: Mapping[str, PipelineConfigs],
        *,
        home_region: str,
        cache: Path | None,
    ) -> None:
        """Look the pipelines up, and start compiling what is not there.

        Args:
            pipelines: Configs by name.
            home_region: AWS region of the pipelines, their jobs and their models.
            cache: Folder of compiled definitions, created when it is missing; ``None``: compile
                everything and keep nothing.
        """
        self._files = {
            name: cache / f"{cache_key(configs, home_region)}.json"
            for name, configs in pipelines.items()
            if cache
        }
        self._configs = pipelines
        self._done: dict[str, CheckedPipeline | CompilationError] = {
            name: entry for name, file in self._files.items() if (entry := _kept(file))
        }
        missing = [(name, each) for name, each in pipelines.items() if name not in self._done]
        self._child = _start_compiler(home_region, missing) if missing else None

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the child process, whatever it is at; after its last answer it ends by itself."""
        if self._child is not None:
            if len(self._done) < len(self._configs):
                self._child.kill()
            self._child.communicate()
            for folder in {file.parent for file in self._files.values()}:
                _forget_unused(folder)

    def __getitem__(self, name: str) -> CheckedPipeline:
        """Return a pipeline; waits until it is compiled.

        Raises:
            CompilationError: Its configs name something that does not exist or cannot be deployed.
        """
        # Traced here: where in its file a field stands is nothing that the cache depends on.
        result = self._result(name)
        return dataclasses.replace(
            result, findings=tuple(traced(result.findings, self._configs[name]))
        )

    def _result(self, name: str) -> CheckedPipeline:
        while name not in self._done:
            self._receive()
        result = self._done[name]
        if isinstance(result, CompilationError):
            raise result
        return result

    def _receive(self) -> None:
        if self._child is None:
            raise KeyError("No such pipeline is compiled here.")
        line = _stdout(self._child).readline()
        if not line:
            raise CompilationError(_how_it_ended(self._child.wait()))
        answer = json.loads(line)
        name = answer["name"]
        if "error" in answer:
            self._done[name] = CompilationError(answer["error"])
            return
        self._done[name] = CheckedPipeline.from_text(answer["entry"])
        if name in self._files:
            _keep(self._files[name], answer["entry"])


def _start_compiler(
    home_region: str, pipelines: list[tuple[str, PipelineConfigs]]
) -> subprocess.Popen[bytes]:
    # A file, not a pipe: the child reads only after seconds of importing the SDK.
    with tempfile.TemporaryFile() as task:
        pickle.dump((home_region, pipelines), task)
        task.seek(0)
        return subprocess.Popen(
            [sys.executable, "-c", _COMPILER],
            cwd=_PACKAGE.parent,
            env=without_aws_variables(os.environ),  # a stale profile would end it
            stdin=task,
            stdout=subprocess.PIPE,
        )


def _how_it_ended(exit_code: int) -> str:
    """Tell of a compiler that says no more."""
    if exit_code < 0:
        return (
            f"The process that compiles pipelines was ended by signal {-exit_code}: most likely,"
            " this machine is out of memory; it takes 600 MB."
        )
    return (
        f"The process that compiles pipelines ended with exit code {exit_code}; it has printed why."
        " If a package is missing or damaged, install them anew: make setup."
    )


def _stdout(child: subprocess.Popen[bytes]) -> IO[bytes]:
    assert child.stdout is not None  # noqa: S101
    return child.stdout


def _kept(file: Path) -> CheckedPipeline | None:
    try:
        entry = CheckedPipeline.from_text(file.read_text(encoding="utf-8"))
        os.utime(file)  # used: see _UNUSED_DAYS
    except (OSError, ValueError):
        return None  # not there, or damaged: compiled anew and written again
    return entry


def _keep(file: Path, entry: str) -> None:
    """Write an entry; where it cannot be written, the next run compiles again."""
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_text(file, entry)


def _forget_unused(folder: Path) -> None:
    """Delete the entries that nothing has used for a month."""
    too_old = time.time() - _UNUSED_DAYS * 24 * 60 * 60
    with suppress(OSError):
        for file in folder.glob("*.json"):
            if file.stat().st_mtime < too_old:
                file.unlink(missing_ok=True)


def cache_key(configs: PipelineConfigs, home_region: str) -> str:
    """Digest everything that a compiled definition, and what is found in it, depends on."""
    sections: dict[str, Any] = {
        name: [type(section).__name__, section.model_dump(mode="json")]
        for name, section in vars(configs).items()
        if isinstance(section, BasePipelineConfig)
    }
    # Keys are not sorted: the order of the variables is the order of a payload's columns.
    arguments = configs.package.script_arguments  # none for a script that is not run
    samples = samples_digest(configs.payload)
    # The sections tell what regions are called, the settings what they are.
    regions = [code.aws_region for code in configs.registration.regions]
    return _digest(json.dumps([sections, arguments, samples, home_region, regions, _environment()]))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def _environment() -> list[str]:
    """Digest what compiles: Python, every installed library, and every module of this package."""
    # Folder names tell name and version; reading the metadata of 170 libraries would take longer
    # than everything else here.
    site_packages = Path(pydantic.__file__).parents[1]
    libraries = sorted(folder.stem for folder in site_packages.glob("*.dist-info"))
    return [sys.version, *libraries, source_digest(_PACKAGE)]


def source_digest(package: Path) -> str:
    """Digest the modules and tables of a package, with their names."""
    digest = hashlib.sha256()
    for file in sorted(package.rglob("*.*")):
        name = file.relative_to(package)
        if file.suffix in _SOURCES and name.parts[0] not in _WITHOUT:
            content = file.read_bytes()
            digest.update(f"{name.as_posix()} {len(content)}\n".encode() + content)
    return digest.hexdigest()
