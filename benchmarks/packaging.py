"""Time the packaging job against today's habit: extract to disk, tar again at gzip level 9.

Run it with ``make bench-packaging``, or directly::

    python benchmarks/packaging.py --mib 256 --rounds 3 --sets f32 bf16 small random
    python benchmarks/packaging.py --large 10

The second packages models of an eighth of 10 GiB and of 10 GiB: memory has to stay the same, and
time to grow as the size does. Every set is a model archive with an old ``code/`` between its files.
The methods take turns, each in a process of its own; a ratio is the baseline's median wall time
divided by the method's. Memory is the process's peak resident size, disk what the method had
written at its peak.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import json
import os
import shutil
import statistics
import struct
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
SCRIPT = "package_model.zip"
SETS = ("f32", "bf16", "small", "random")
WANTED_RATIOS = {"f32": 9.0, "bf16": 18.0, "small": 30.0, "random": 18.0}
WANTED_SIZE_RATIO = 1.15
WANTED_RSS_MB = 64.0
WANTED_GROWTH = 1.25
"""Of the seconds for each GiB, from an eighth of the size on."""
LARGE_FILE_MIB = 64
DISK_POLL_SECONDS = 0.25
METHODS = (
    "baseline",
    "package",
    "recompress",
    *(["isal"] if importlib.util.find_spec("isal") else []),
)
"""``recompress``: what the job does without libz. ``isal``: another library, for comparison."""


class PackagingCost(NamedTuple):
    """What one run of one method took."""

    wall_seconds: float
    cpu_seconds: float
    peak_rss_mb: float
    peak_disk_mb: float
    output_mb: float


# --- Data: numpy is imported only here, in a process of its own, to keep the parent small ---------


def contents(name: str, mib: int) -> Iterator[tuple[str, bytes]]:
    """Return the files of a set; half of them stand before ``code/`` and half behind it."""
    import numpy as np

    random = np.random.default_rng(seed=1)
    if name == "small":
        lengths = random.integers(2, 10, size=2_000)
        words = [bytes(random.integers(97, 123, size, dtype=np.uint8)) for size in lengths]
        for number in range(min(5_000, 20 * mib)):
            tokens = (words[index].decode() for index in random.integers(0, 2_000, size=900))
            vocabulary = {token: index for index, token in enumerate(tokens)}
            yield f"vocabulary/{number:04}.json", json.dumps(vocabulary).encode()[:10_000]
        return
    for number in range(4):
        values = mib * 2**20 // 16
        if name == "random":
            data = random.bytes(4 * values)
        elif name == "f32":
            data = (random.standard_normal(values, dtype=np.float32) * 0.02).tobytes()
        else:
            floats = random.standard_normal(2 * values, dtype=np.float32) * 0.02
            data = (floats.view(np.uint32) >> 16).astype(np.uint16).tobytes()
        yield f"weights-{number}.bin", data


def generate(name: str, mib: int, model: Path) -> None:
    """Write a set's model archive, at gzip level 6 as ``tar -z`` does."""
    files = [*contents(name, mib)]
    old_code = [("code/inference.py", b"print('old')\n" * 500), ("code/old.py", b"")]
    half = len(files) // 2
    with tarfile.open(model, "w:gz", compresslevel=6) as archive:
        for path, data in [*files[:half], *old_code, *files[half:]]:
            member = tarfile.TarInfo(path)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


def generate_large(gib: float, model: Path) -> None:
    """Write a model archive of float32 files, each of them the same: only the first is compressed.

    Its blocks are repeated, so that ten GiB take a minute and hardly any memory.
    """
    [(_, data), *_] = contents("f32", 4 * LARGE_FILE_MIB)
    compressor = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = compressor.compress(data) + compressor.flush(zlib.Z_FULL_FLUSH)
    crc = size = 0
    with model.open("wb") as file:
        file.write(b"\x1f\x8b\x08" + bytes(6) + b"\xff")
        for number in range(max(1, round(gib * 1024 / LARGE_FILE_MIB))):
            member = tarfile.TarInfo(f"weights-{number:05}.bin")
            member.size = len(data)
            header = member.tobuf(tarfile.USTAR_FORMAT)
            fresh = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
            file.write(fresh.compress(header) + fresh.flush(zlib.Z_FULL_FLUSH) + body)
            crc, size = zlib.crc32(data, zlib.crc32(header, crc)), size + len(header) + len(data)
        end = bytes(2 * tarfile.BLOCKSIZE)
        last = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
        file.write(last.compress(end) + last.flush())
        crc, size = zlib.crc32(end, crc), size + len(end)
        file.write(struct.pack("<LL", crc, size % 2**32))


def write_code(folder: Path) -> None:
    """Write some inference code."""
    folder.mkdir()
    (folder / "inference.py").write_text("def model_fn(model_dir):\n    return None\n" * 50)
    (folder / "requirements.txt").write_text("numpy\n")


def write_script(folder: Path) -> None:
    """Write the packaging job, as the pipeline ships it."""
    command = [sys.executable, "-m", "constructs_lib.jobs.archive", "package_model"]
    subprocess.run(command, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)


# --- Methods: what is compared with the packaging job ---------------------------------------------


def baseline(model: Path, code: Path, output: Path) -> None:
    """Today's habit."""
    unpacked = output.parent / "unpacked"
    with tarfile.open(model, "r:gz") as archive:
        archive.extractall(unpacked)  # noqa: S202 what is done today, and made above
    shutil.rmtree(unpacked / "code", ignore_errors=True)
    shutil.copytree(code, unpacked / "code")
    with tarfile.open(output, "w:gz", compresslevel=9) as archive:
        for path in sorted(unpacked.iterdir()):
            archive.add(path, path.name)


def isal(model: Path, code: Path, output: Path) -> None:
    """ISA-L in and out, without any of the job's checks."""
    from isal import igzip, igzip_threaded

    with (
        igzip.open(model, "rb") as packed,
        tarfile.open(fileobj=packed, mode="r|") as source,
        igzip_threaded.open(output, "wb", compresslevel=1, threads=1) as target,
        tarfile.open(fileobj=target, mode="w|") as archive,
    ):
        archive.add(code, "code")
        for member in source:
            if not member.name.startswith("code"):
                archive.addfile(member, source.extractfile(member))


COMPARED = {"baseline": baseline, "isal": isal}


def command(method: str, model: Path, code: Path, output: Path) -> list[str]:
    """Return the command line that runs a method."""
    if method in COMPARED:
        return [sys.executable, __file__, "--run", method, str(model), str(code), str(output)]
    options = ["--recompress"] if method == "recompress" else []
    files = ["--model", str(model), "--code", str(code), "--output", str(output)]
    return [sys.executable, str(model.with_name(SCRIPT)), *files, *options]


# --- Measuring ------------------------------------------------------------------------------------


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def disk_bytes(folder: Path) -> int:
    """How much disk a folder's files take."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.stat(os.path.join(parent, name)).st_blocks * 512  # noqa: PTH116, PTH118 fast
            except FileNotFoundError:
                continue
    return total


def watch_disk(folder: Path, stop: threading.Event, peaks: list[int]) -> None:
    """Note how much a folder takes, until told to stop."""
    while not stop.wait(DISK_POLL_SECONDS):
        peaks.append(disk_bytes(folder))


def measure(method: str, model: Path, code: Path, folder: Path) -> PackagingCost:
    """Run a method once, in a new folder that is removed afterwards."""
    folder.mkdir()
    output = folder / "model.tar.gz"
    peaks: list[int] = []
    stop = threading.Event()
    watcher = threading.Thread(target=watch_disk, args=(folder, stop, peaks))
    watcher.start()
    started = time.monotonic()
    process = subprocess.Popen(command(method, model, code, output), stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall_seconds = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    stop.set()
    watcher.join()
    peaks.append(disk_bytes(folder))
    if process.returncode:
        raise SystemExit(f"{method} failed with exit code {process.returncode}")
    result = PackagingCost(
        wall_seconds=wall_seconds,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        peak_rss_mb=usage.ru_maxrss / 1024,
        peak_disk_mb=max(peaks) / 1e6,
        output_mb=output.stat().st_size / 1e6,
    )
    shutil.rmtree(folder)
    return result


def median(results: list[PackagingCost]) -> PackagingCost:
    """Return the median of every column; of memory and disk the maximum."""
    return PackagingCost(
        wall_seconds=statistics.median(result.wall_seconds for result in results),
        cpu_seconds=statistics.median(result.cpu_seconds for result in results),
        peak_rss_mb=max(result.peak_rss_mb for result in results),
        peak_disk_mb=max(result.peak_disk_mb for result in results),
        output_mb=results[-1].output_mb,
    )


def report(name: str, method: str, result: PackagingCost, base: PackagingCost) -> list[str]:
    """Print a row of the table. Returns what falls short of the goals."""
    ratio = base.wall_seconds / result.wall_seconds
    size_ratio = result.output_mb / base.output_mb
    say(
        f"{name:8}{method:12}{result.wall_seconds:8.2f}{result.cpu_seconds:8.2f}{ratio:8.1f}"
        f"{result.peak_rss_mb:9.0f}{result.peak_disk_mb:9.1f}{size_ratio:8.3f}"
    )
    goals = {
        f"{ratio:.1f}x, wanted {WANTED_RATIOS[name]}x": ratio >= WANTED_RATIOS[name],
        f"{result.peak_rss_mb:.0f} MB of memory": result.peak_rss_mb < WANTED_RSS_MB,
        f"{size_ratio:.2f} times the size": size_ratio <= WANTED_SIZE_RATIO,
    }
    return [f"{name}: {what}" for what, met in goals.items() if not met]


def compare(name: str, methods: list[str], rounds: int, mib: int, folder: Path) -> list[str]:
    """Generate a set, let the methods take turns, print the rows. Returns the goals missed."""
    model, code = folder / f"{name}.tar.gz", folder / "code"
    subprocess.run([sys.executable, __file__, "--generate", name, str(mib), str(model)], check=True)
    results: dict[str, list[PackagingCost]] = {method: [] for method in methods}
    for _ in range(rounds):
        for method in methods:
            results[method].append(measure(method, model, code, folder / "run"))
    model.unlink()
    base = median(results["baseline"])
    missed = []
    for method in methods:
        short = report(name, method, median(results[method]), base)
        missed += short if method == "package" else []
    return missed


def compare_all(
    sets: list[str], methods: list[str], rounds: int, mib: int, folder: Path
) -> list[str]:
    """Compare the methods on each set. Returns the goals missed."""
    say("set     method      wall s   cpu s   ratio   RSS MB  disk MB    size")
    return [goal for name in sets for goal in compare(name, methods, rounds, mib, folder)]


def grow(gib: float, folder: Path) -> list[str]:
    """Package a model and one of an eighth of its size. Returns the goals missed."""
    say("GiB       wall s   s/GiB   RSS MB")
    costs = {}
    for each in (gib / 8, gib):
        model = folder / "large.tar.gz"
        subprocess.run([sys.executable, __file__, "--generate-large", str(each), model], check=True)
        costs[each] = measure("package", model, folder / "code", folder / "run")
        model.unlink()
        cost = costs[each]
        per_gib = cost.wall_seconds / each
        say(f"{each:<8g}{cost.wall_seconds:8.2f}{per_gib:8.2f}{cost.peak_rss_mb:9.0f}")
    small, large = (cost.wall_seconds / each for each, cost in costs.items())
    goals = {
        f"{large / small:.2f} times the time for each GiB": large <= small * WANTED_GROWTH,
        f"{costs[gib].peak_rss_mb:.0f} MB of memory": costs[gib].peak_rss_mb < WANTED_RSS_MB,
    }
    return [what for what, met in goals.items() if not met]


def main() -> int:
    """Print the table. Returns 1 when the packaging job misses a goal, for use in CI."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument(
        "--mib",
        type=int,
        default=256,
        help="size of each set but small: that has 20 files for each MiB, at most 5,000",
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--smallest", action="store_true", help="everything once, to see it run")
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    parser.add_argument("--large", type=float, metavar="GIB", help="package large models only")
    parser.add_argument("--generate", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--generate-large", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--run", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.generate:
        name, mib, model = given.generate
        generate(name, int(mib), Path(model))
        return 0
    if given.generate_large:
        gib, model = given.generate_large
        generate_large(float(gib), Path(model))
        return 0
    if given.run:
        method, *paths = given.run
        COMPARED[method](*map(Path, paths))
        return 0
    if given.smallest:
        given.mib, given.rounds, given.large = 1, 1, 0.1
    methods = ["baseline", *(method for method in given.methods if method != "baseline")]
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        write_code(Path(folder) / "code")
        write_script(Path(folder))
        missed = grow(given.large, Path(folder)) if given.large else []
        if given.large is None or given.smallest:
            missed += compare_all(given.sets, methods, given.rounds, given.mib, Path(folder))
    if given.smallest:
        return 0  # what is over in no time tells nothing of the goals
    if "package" in methods:
        say("goals missed: " + "; ".join(missed) if missed else "all goals met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
