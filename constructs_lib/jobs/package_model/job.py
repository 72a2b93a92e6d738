"""The job: from the paths of its inputs to the packaged archive and its manifest."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from ..common.limits import MIB, Limits
from .archive_file import ARCHIVE_SUFFIXES, checked, read_archive
from .errors import RefusedError, StoppedError, UnwritableError, naming, shown
from .inflating import Inflate, Inflated, inflate_with, inflate_with_zlib
from .libraries import library
from .pickles import OFF, WARN
from .reading import ByteSource, HashedChunks, ahead, read_chunks

# To inflate takes longest, so that begins as soon as may be: what is not needed for it is imported,
# and compiled out of the archive, in the functions below, while threads read and inflate the model.
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ..common.code_members import CodeMember
    from .new_file import NewFile
    from .pickles.findings import PickleReport
    from .pickles.intake import ModelIntake
    from .rules import ModelRules
    from .writing import GzipSink

logger = logging.getLogger(__name__)

PROGRESS_SECONDS = 5.0
CONTAINERS = ("ray",)
"""Those that look for files of their own in the model's folder."""


class PackagingJob(NamedTuple):
    """What the command line asks for."""

    model: Path
    code: Path
    output: Path
    manifests: tuple[Path, ...]
    """The same manifest in each place: beside the archive, and where the next steps look for it."""
    entry_point: str | None = None
    copies: tuple[tuple[Path, Path], ...] = ()
    """Files that are published beside the archive as they are: source and destination."""
    single_folder: str = "refuse"
    recompress: bool = False
    limits: Limits = Limits()
    progress_seconds: float = PROGRESS_SECONDS
    pickle_policy: str = WARN
    """What becomes of a model whose files could run code when they are loaded."""
    allowed_pickle_globals: tuple[str, ...] = ()
    """``module.name`` of what its pickles may name beside the usual."""
    serving: str | None = None
    """The container that will serve, if it looks for files of its own beside ``code/``."""
    serving_workers: int | None = None


class Progress:
    """Logs how far the input is read, with rate and time left, every few seconds."""

    def __init__(self, total_bytes: int, every_seconds: float = PROGRESS_SECONDS) -> None:
        """Start the clock."""
        self._total = total_bytes
        self._every = every_seconds
        self._start = self._last = time.monotonic()

    def update(self, done_bytes: int) -> None:
        """Log a line if the last one is long enough ago."""
        now = time.monotonic()
        if now - self._last < self._every:
            return
        self._last = now
        rate = max(done_bytes / (now - self._start), 1.0)
        logger.info(
            "%.1f of %.1f MB read (%d %%), %.0f MB/s, %.0f s left",
            done_bytes / 1e6,
            self._total / 1e6,
            100 * done_bytes / max(self._total, 1),
            rate / 1e6,
            (self._total - done_bytes) / rate,
        )


def find_model(path: Path) -> Path:
    """Return the model archive: the path itself, or the one archive in that folder."""
    if not path.is_dir():
        return path
    names = sorted(entry.name for entry in path.iterdir())
    archives = [name for name in names if name.endswith(ARCHIVE_SUFFIXES)]
    if len(archives) != 1:
        raise RefusedError(
            f"{path}: a folder has to hold exactly one archive ({', '.join(ARCHIVE_SUFFIXES)}), "
            f"this one holds {shown(', '.join(names))}"
        )
    return path / archives[0]


def find_file(path: Path) -> Path:
    """Return a file to copy: the path itself, or the only file in that folder."""
    if not path.is_dir():
        return path
    files = sorted(path.iterdir())
    if len(files) != 1 or files[0].is_dir():
        raise RefusedError(f"{path}: a folder to copy from has to hold just one file")
    return files[0]


def check_paths(inputs: Sequence[Path], outputs: Sequence[Path]) -> None:
    """Refuse absent inputs, and outputs that would change one or overwrite each other."""
    for path in inputs:
        if not path.exists():
            raise RefusedError(f"{path}: no such file or folder")
    taken = {path.resolve() for path in inputs}
    folders = {path for path in taken if path.is_dir()}
    for path in outputs:
        resolved = path.resolve()
        if resolved.is_dir():
            raise UnwritableError(f"cannot write {path}: it is a folder, give the path of a file")
        if resolved in taken:
            raise UnwritableError(f"cannot write {path}: it is also another file of this job")
        if folders.intersection(resolved.parents):
            raise UnwritableError(f"cannot write {path}: it is inside of an input")
        taken.add(resolved)


def check_disk(output: Path, needed_bytes: int) -> None:
    """Refuse to start what cannot end."""
    free = shutil.disk_usage(output.parent).free
    if free < needed_bytes:
        raise UnwritableError(
            f"cannot write {output}: the disk has {free:,} bytes left, {needed_bytes:,} are needed"
        )


def check_entry_point(job: PackagingJob, code: Sequence[CodeMember]) -> None:
    """Refuse code without the entry point that the model server will look for."""
    paths = [member.path for member in code]
    if job.entry_point is None or job.entry_point in paths:
        return
    raise RefusedError(
        f"{job.code}: has no entry point {shown(job.entry_point)} at its root; "
        f"it holds {shown(', '.join(paths[:20]))}"
    )


def choose_inflate(job: PackagingJob) -> Inflate:
    """Choose the fast way if there is a library for it; say in the log which one it is."""
    found = None if job.recompress else library()
    if found is None:
        why = "as asked" if job.recompress else "no zlib found"
        logger.info("method: compressing everything anew (%s)", why)
        return inflate_with_zlib
    logger.info("method: copying compressed blocks (%s)", found.described)
    return inflate_with(found)


class ModelFile(NamedTuple):
    """The model's archive, of which the first is read and inflated already."""

    path: Path
    size_bytes: int
    inflated: Iterator[Inflated]
    chunks: HashedChunks
    """What was read of it."""


@contextlib.contextmanager
def reading(job: PackagingJob, path: Path) -> Iterator[ModelFile]:
    """Begin to read and hash the model, and to inflate it: a thread each."""
    inflate = choose_inflate(job)
    with contextlib.ExitStack() as stack:
        with naming(path):
            file = stack.enter_context(path.open("rb", buffering=0))
            size_bytes = path.stat().st_size
        chunks = HashedChunks(read_chunks(file))
        source = ByteSource(stack.enter_context(ahead(iter(chunks), 2)))
        inflated = stack.enter_context(ahead(read_archive(source, inflate), 6))
        yield ModelFile(path, size_bytes, inflated, chunks)


def write_code(code: Sequence[CodeMember], sink: GzipSink) -> str:
    """Write the code's members. Returns their SHA-256."""
    import hashlib

    from ..common.code_members import code_tar

    digest = hashlib.sha256()
    for piece in code_tar(code):
        digest.update(piece)
        sink.compress(piece)
    return digest.hexdigest()


def model_intake(job: PackagingJob, pickles: PickleReport) -> ModelIntake:
    """Return what looks through the model's files; nothing is looked at if the policy is off."""
    from .pickles.contents import ContentScanner
    from .pickles.intake import ModelIntake

    if job.pickle_policy == OFF:
        return ModelIntake(None)
    scanner = ContentScanner(
        pickles,
        own_names=job.allowed_pickle_globals,
        folder=job.output.parent,
        limits=job.limits,
    )
    return ModelIntake(scanner)


def copy_model(
    model: ModelFile, job: PackagingJob, sink: GzipSink, rules: ModelRules, pickles: PickleReport
) -> str:
    """Write the model's members. Returns the SHA-256 of the whole archive."""
    from .tar.scanner import TarScanner
    from .writing import Splicer

    intake = model_intake(job, pickles)
    scanner = TarScanner(intake.noting(rules.visit))
    splicer = Splicer(scanner, sink)
    progress = Progress(model.size_bytes, job.progress_seconds)
    with naming(model.path), contextlib.closing(intake):
        for segment in checked(model.inflated, job.limits):
            splicer.add(segment)
            intake.feed(segment.data)
            progress.update(segment.position)
        scanner.finish()
        rules.finish()
        pickles.log(job.pickle_policy)
        pickles.check(job.pickle_policy)
    return model.chunks.sha256()


def write_archive(
    job: PackagingJob, begun: Callable[[], ModelFile], output: NewFile
) -> dict[str, Any]:
    """Write all of the packaged archive; asks for the model when the code is found fit.

    Returns:
        Its manifest.
    """
    import tempfile
    from concurrent.futures import ThreadPoolExecutor

    from ..common.code_members import CODE_FOLDER, code_folders
    from .inference_code import admit_code, read_code
    from .inventory import Inventory
    from .pickles.findings import PickleReport
    from .rules import ModelRules
    from .serving_files import ServingFiles
    from .writing import GzipSink

    with contextlib.ExitStack() as stack:
        compressors = stack.enter_context(ThreadPoolExecutor(min(os.cpu_count() or 1, 4)))
        unpacked_code = stack.enter_context(
            tempfile.SpooledTemporaryFile(16 * MIB, dir=str(job.output.parent))
        )
        code = read_code(job.code, job.limits, unpacked_code)
        check_entry_point(job, code)
        serving = ServingFiles.of(job.serving, job.entry_point, job.serving_workers)
        inventory = Inventory(job.limits.members)
        with naming(job.code):
            admit_code(code, inventory)
        model = begun()
        added_bytes = sum(member.size for member in code) + serving.size_bytes
        check_disk(job.output, model.size_bytes + added_bytes)
        sink = GzipSink(output.write, compressors)
        code_sha256 = write_code(code, sink)
        serving.write(sink, inventory)
        rules = ModelRules(inventory, job.single_folder, serving)
        pickles = PickleReport()
        source_sha256 = copy_model(model, job, sink, rules, pickles)
        sink.finish()
        sha256 = output.written()
    logger.info(
        "left out %d old members of %s/; %.0f %% of the output was copied as it is",
        rules.replaced_count,
        CODE_FOLDER,
        100 * sink.copied_bytes / output.size_bytes,
    )
    return {
        "sha256": sha256,
        "crc32": f"{output.crc32:08x}",
        "size_bytes": output.size_bytes,
        "unpacked_size_bytes": sink.unpacked_bytes,
        "member_count": len(code_folders(code)) + len(code) + serving.count + rules.member_count,
        "code_sha256": code_sha256,
        "source_sha256": source_sha256,
        "source_size_bytes": model.chunks.size_bytes,
        "pickles": pickles.facts(job.pickle_policy),
        **serving.facts(),
    }


def package(job: PackagingJob) -> None:
    """Make the packaged archive, its manifest and the copies, all or nothing.

    Raises:
        JobError: there is no output then, not even one of an earlier run.
    """
    started = time.monotonic()
    model = find_model(job.model)
    to_copy = {destination: find_file(source) for source, destination in job.copies}
    outputs = [job.output, *job.manifests, *to_copy]
    check_paths([model, job.code, *to_copy.values()], outputs)
    for path in outputs:
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
    with contextlib.ExitStack() as stack, cleaning_up_undisturbed():
        readers, beginning = stack.enter_context(contextlib.ExitStack()), reading(job, model)
        # A pipe waits for its writer, and code that is refused needs none.
        early = readers.enter_context(beginning) if model.is_file() else None
        import json

        from .new_file import NewFile

        files = [stack.enter_context(NewFile(path)) for path in outputs]
        output = files[0]
        manifest_files = files[1 : 1 + len(job.manifests)]
        copies = files[1 + len(job.manifests) :]
        manifest = write_archive(job, lambda: early or readers.enter_context(beginning), output)
        for manifest_file in manifest_files:
            manifest_file.write((json.dumps(manifest, indent=2, sort_keys=True) + "\n").encode())
        for copy, source in zip(copies, to_copy.values()):  # noqa: B905 strict is 3.10
            copy.write_all(source)
        for file in files[1:]:
            file.written()
        for file in files:
            file.complete()
        ignore_signals()
        for file in files:
            file.commit()
    logger.info(
        "wrote %s: %.1f MB, %d members, in %.1f s",
        job.output,
        output.size_bytes / 1e6,
        manifest["member_count"],
        time.monotonic() - started,
    )


SIGNALS = (signal.SIGTERM, signal.SIGINT)


def ignore_signals() -> None:
    """Let no signal interrupt what has to be done as a whole."""
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)


@contextlib.contextmanager
def cleaning_up_undisturbed() -> Iterator[None]:
    """After an error inside, let no signal interrupt what is cleaned up outside."""
    try:
        yield
    except BaseException:
        ignore_signals()
        raise


@contextlib.contextmanager
def stopping_cleanly() -> Iterator[None]:
    """Let SIGTERM and SIGINT end the job as an error does, so that it cleans up."""

    def stop(number: int, _frame: object) -> NoReturn:
        ignore_signals()
        raise StoppedError(f"stopped by {signal.Signals(number).name}")

    handlers = {each: signal.signal(each, stop) for each in SIGNALS}
    try:
        yield
    finally:
        for each, handler in handlers.items():
            signal.signal(each, handler)
