"""Names and borders of the product code.

One name for one class, broad excepts at named places, and one place that knows a key or a step's.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from tests.example_pipeline import ROOT
from tests.house.layers import modules
from tests.house.source_files import APP, SourceFile, python_files, read_source, source_file

# Each job is copied alone into a container, and may name its own as if there were no other.
JOBS = "constructs_lib/jobs"

PART_OF_A_KEY = re.compile(r"/?(incoming|tmp)/|^tmp$|/(releases|registration|claims)(/|$)")

# Processes that have to answer whatever the code of somebody else raises: function, and why.
PROCESS_BORDERS = {
    (JOBS, "serve"): "tells how a user's model failed, and stays up for the next request",
    (JOBS, "serve_from_command_line"): "ends a worker without waiting for the model's threads",
    ("local/emulator/functions/bootstrap.py", "main"): "an error is the function's answer",
    ("constructs_lib/jobs/ray_serving/ray_model_app.py", "answer"): "an error is the answer",
    ("local/emulator/gate.py", "__call__"): "answers a defect once, as a service does",
    ("local/emulator/server.py", "_answer"): "the client finds its answer broken off",
    ("local/emulator/endpoints/service.py", "_do"): "nobody waits for it: the endpoint tells it",
    ("local/emulator/monitoring/alarms.py", "_watch"): "the other alarms go on being evaluated",
    ("local/emulator/background.py", "_run"): "nobody waits for it: a defect goes to the log",
    ("benchmarks/fuzz/tarfile_reader.py", "read_with_tarfile"): "an error is a reader's answer",
    ("benchmarks/faults/function_process.py", "_invoke"): "counts a defect as one, and goes on",
}


def product_files() -> dict[str, SourceFile]:
    """Return what stands in the product code by path."""
    paths = python_files(*APP, "benchmarks", "docs")
    return {path.relative_to(ROOT).as_posix(): source_file(path) for path in paths}


def repeated_classes(files: dict[str, SourceFile]) -> dict[str, list[str]]:
    """Return the classes of one name with the files that they are in."""
    places: defaultdict[str, list[str]] = defaultdict(list)
    for path, file in files.items():
        if not path.startswith(f"{JOBS}/"):
            for name, _ in file.classes:
                places[name].append(path)
    return {name: paths for name, paths in places.items() if len(paths) > 1}


def broad_excepts(files: dict[str, SourceFile]) -> Iterator[tuple[str, str]]:
    """Find path and function of each handler that keeps any exception from going on."""
    for path, file in files.items():
        yield from ((path, function) for function in file.broad_excepts)


def border_of(path: str, function: str) -> tuple[str, str] | None:
    return next(
        (
            (place, name)
            for place, name in PROCESS_BORDERS
            if name == function and (path == place or path.startswith(f"{place}/"))
        ),
        None,
    )


def test_every_class_of_the_product_has_a_name_of_its_own() -> None:
    assert repeated_classes(product_files()) == {}


def test_broad_excepts_stand_only_at_the_named_borders() -> None:
    found = set(broad_excepts(product_files()))

    assert {place for place in found if border_of(*place) is None} == set()
    assert {border_of(*place) for place in found} == set(PROCESS_BORDERS)


def test_the_rules_find_what_they_forbid() -> None:
    code = """
class Step: ...
def quiet():
    try: ...
    except (KeyError, Exception): pass
def bare():
    try: ...
    except: pass
def suppressed():
    with contextlib.suppress(Exception): ...
def cleans_up():
    try: ...
    except BaseException:
        close()
        raise
def narrow():
    try: ...
    except ValueError: pass
"""
    step = read_source("class Step: ...")
    files = {"a.py": read_source(code), f"{JOBS}/c.py": step}

    assert repeated_classes(files) == {}
    assert repeated_classes({**files, "b.py": step}) == {"Step": ["a.py", "b.py"]}
    assert [name for _, name in broad_excepts(files)] == ["quiet", "bare", "suppressed"]


def test_where_steps_stand_is_written_once() -> None:
    knowing = {name for name, path in modules().items() if "ElseSteps" in source_file(path).texts}

    assert knowing == {"constructs_lib.language.steps"}


def test_only_the_layout_spells_a_key() -> None:
    spelling = {
        name
        for name, path in modules().items()
        if not name.startswith("constructs_lib.jobs.")
        for text in source_file(path).texts
        if PART_OF_A_KEY.search(text) and " " not in text and not text.startswith("/opt/ml/")
    }

    assert spelling == {"constructs_lib.s3_layout"}
