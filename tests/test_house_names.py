"""Names and borders of the product code: one name for one class, broad excepts at named places."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILES = ("app.py", "cli.py")
FOLDERS = ("benchmarks", "commands", "constructs_lib", "docs", "local", "stacks")
# Each job is copied alone into a container, and may name its own as if there were no other.
JOBS = "constructs_lib/jobs"

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


def product_modules() -> dict[str, ast.Module]:
    """Return the syntax trees of the product code by path."""
    files = [ROOT / name for name in FILES]
    files += [file for folder in FOLDERS for file in sorted((ROOT / folder).rglob("*.py"))]
    return {file.relative_to(ROOT).as_posix(): ast.parse(file.read_bytes()) for file in files}


def repeated_classes(modules: dict[str, ast.Module]) -> dict[str, list[str]]:
    """Return the classes of one name with the modules that they are in."""
    places: defaultdict[str, list[str]] = defaultdict(list)
    for path, module in modules.items():
        if not path.startswith(f"{JOBS}/"):
            for node in ast.walk(module):
                if isinstance(node, ast.ClassDef):
                    places[node.name].append(path)
    return {name: paths for name, paths in places.items() if len(paths) > 1}


def broad_excepts(modules: dict[str, ast.Module]) -> Iterator[tuple[str, str]]:
    """Find path and function of each handler that keeps any exception from going on."""
    for path, module in modules.items():
        for function in ast.walk(module):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                for node in ast.walk(function):
                    if _keeps_everything(node):
                        yield path, function.name


def _keeps_everything(node: ast.AST) -> bool:
    match node:
        case ast.ExceptHandler(type=caught, body=body):
            return _is_broad(caught) and not isinstance(body[-1], ast.Raise)
        case ast.Call(func=ast.Attribute(attr="suppress") | ast.Name(id="suppress"), args=caught):
            return any(_is_broad(each) for each in caught)
    return False


def _is_broad(caught: ast.expr | None) -> bool:
    match caught:
        case None | ast.Name(id="Exception" | "BaseException"):
            return True
        case ast.Tuple(elts=elements):
            return any(_is_broad(element) for element in elements)
    return False


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
    assert repeated_classes(product_modules()) == {}


def test_broad_excepts_stand_only_at_the_named_borders() -> None:
    found = set(broad_excepts(product_modules()))

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
    modules = {"a.py": ast.parse(code), f"{JOBS}/c.py": ast.parse("class Step: ...")}

    assert repeated_classes(modules) == {}
    assert repeated_classes({**modules, "b.py": ast.parse("class Step: ...")}) == {
        "Step": ["a.py", "b.py"]
    }
    assert [name for _, name in broad_excepts(modules)] == ["quiet", "bare", "suppressed"]
