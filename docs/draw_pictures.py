"""Draws every shape of pipeline into the documents: ``make pictures``.

Writes ``docs/pictures/<shape>.svg``, docs/shapes.md with all of them, and Mermaid between the
markers ``<!-- graph:<shape> -->`` and ``<!-- /graph -->`` of README.md and docs/architecture.md.
A shape is the example pipeline with other settings, compiled as it is deployed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, get_args

from constructs_lib.configs import PayloadConfig, PipelineConfigs
from constructs_lib.errors import ReleaseError
from constructs_lib.graph import Dag, mermaid, read_dag, svg
from docs.writing import ROOT, fill_blocks, write_if_changed
from tests.example_pipeline import CONFIG, EXAMPLE

GALLERY: Final = ROOT / "docs" / "shapes.md"
PICTURES: Final = ROOT / "docs" / "pictures"
_DOCUMENTS: Final = (ROOT / "README.md", ROOT / "docs" / "architecture.md")
_TRAINING: Final = {
    "train_in_pipeline": True,
    "source_dir": "training",
    "training_entry_point": "train_model.py",
    "input_path": "s3://example-bucket/training/2026-11-01",
    "output_path": "s3://example-bucket/models/2026-11-01",
    "hyperparameters": {"max_epochs": 3},
}

_INTRODUCTION: Final = """\
# Every shape of a pipeline

Drawn by `make pictures` from compiled definitions; a test checks that it is current.
`release graph NAME` draws your own pipeline the same way.

Four settings choose the steps: `train_in_pipeline` of the PytorchTraining section, how many
`registration_regions` there are, and `verification` and `load_test_in_aws` of the Payload section.
An arrow that others imply is left out.

"""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What the steps of a pipeline depend on."""

    trains: bool
    regions: tuple[str, ...]
    verification: str
    load_test: bool

    @property
    def name(self) -> str:
        """Name of the picture."""
        words = [
            "training" if self.trains else "existing",
            "three" if len(self.regions) > 1 else "one",
            self.verification,
            *(["load-test"] if self.load_test else []),
        ]
        return "-".join(words)

    @property
    def title(self) -> str:
        """What the picture shows."""
        words = [
            "trains its model" if self.trains else "existing model",
            "three regions" if len(self.regions) > 1 else "one region",
            f"verification {self.verification}",
            *(["load test"] if self.load_test else []),
        ]
        return ", ".join(words).capitalize()

    def config(self) -> dict[str, Any]:
        """Make the example's config one of this shape."""
        document: dict[str, Any] = json.loads(CONFIG.read_text())
        configuration = document["configuration"]
        configuration["shared"]["registration_regions"] = list(self.regions)
        configuration["specific"]["Payload"] |= {
            "verification": self.verification,
            "load_test_in_aws": self.load_test,
        }
        if self.trains:
            configuration["specific"]["PytorchTraining"] = _TRAINING
            document["metadata"]["config_types"]["PytorchTraining"] = "PytorchTrainingConfig"
        return document


def every_shape() -> list[Shape]:
    """Return the shapes that a pipeline can have."""
    modes = get_args(PayloadConfig.model_fields["verification"].annotation)
    return [
        Shape(trains=trains, regions=regions, verification=mode, load_test=load_test)
        for trains, regions, load_test, mode in product(
            (False, True), (("NA", "EU", "FE"), ("NA",)), (False, True), modes
        )
    ]


def definitions(shapes: Iterable[Shape]) -> dict[Shape, dict[str, Any]]:
    """Compile the pipeline of each of some shapes."""
    from constructs_lib.definition import compile_pipeline  # the SDK takes seconds to import

    compiled = {}
    with TemporaryDirectory() as folder:
        path = Path(folder, "config.json")
        for shape in shapes:
            path.write_text(json.dumps(shape.config()))
            configs = PipelineConfigs.load(path, root=EXAMPLE)
            compiled[shape] = dict(compile_pipeline(configs).definition)
    return compiled


def pictures() -> dict[Path, str]:
    """Return what each generated file has to hold.

    Raises:
        ReleaseError: A document asks for a shape that does not exist.
    """
    found = {shape: read_dag(each) for shape, each in definitions(every_shape()).items()}
    by_name = {shape.name: dag for shape, dag in found.items()}
    drawn = {
        PICTURES / f"{shape.name}.svg": svg(dag, title=shape.title) for shape, dag in found.items()
    }
    documents = {path: with_graphs(path.read_text(), by_name) for path in _DOCUMENTS}
    return {**drawn, **documents, GALLERY: gallery(found)}


def gallery(found: dict[Shape, Dag]) -> str:
    """Write the page of all shapes."""
    return _INTRODUCTION + "\n".join(line for each in found.items() for line in _entry(*each))


def _entry(shape: Shape, dag: Dag) -> Iterator[str]:
    yield f"## {shape.title}\n"
    yield f"![{shape.title}](pictures/{shape.name}.svg)\n"
    yield f"<details>\n<summary>Mermaid</summary>\n\n{_block(dag)}\n\n</details>\n"


def with_graphs(text: str, dags: dict[str, Dag]) -> str:
    """Fill the marked blocks of a document."""

    def graph(name: str) -> str:
        if name not in dags:
            raise ReleaseError(
                f"A document asks for the graph {name!r}. There are: {', '.join(dags)}."
            )
        return _block(dags[name])

    return fill_blocks(text, "graph", graph)


def _block(dag: Dag) -> str:
    return f"```mermaid\n{mermaid(dag)}\n```"


def main() -> None:
    """Write the files that are not current, and remove pictures of shapes that are gone."""
    current = pictures()
    for path, text in current.items():
        write_if_changed(path, text)
    for path in set(PICTURES.glob("*.svg")) - set(current):
        path.unlink()
        sys.stdout.write(f"Removed {path.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
