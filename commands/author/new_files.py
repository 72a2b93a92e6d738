"""The files of a new pipeline: its config and its inference code, for the model that was told."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from constructs_lib.regions import RegionCode

_TEMPLATE: Final = Path(__file__).with_name("template")
_SHAPES: Final = _TEMPLATE / "shapes"
_HERE: Final = "# {model_fn and predict_fn}\n"
_PATH: Final = "from pathlib import Path\n"
_LONGEST_LINE: Final = 88
INPUT: Final = ("value", "NUMERIC")
"""The one of a model of which no input is told."""
OUTPUT: Final = ("score", "NUMERIC")


class CodeShape(StrEnum):
    """What a model's files are."""

    TORCHSCRIPT = "torchscript"
    STATE_DICT = "state-dict"
    HUGGING_FACE = "hugging-face"


@dataclass(frozen=True, kw_only=True)
class NewPipeline:
    """What is told of a pipeline that is yet to be made."""

    name: str
    owner: str
    inputs: Sequence[tuple[str, str]]
    outputs: Sequence[tuple[str, str]]
    regions: Sequence[RegionCode]
    domain: str
    shape: CodeShape

    def files(self) -> Mapping[str, bytes]:
        """Return the content of each file, by its path in the pipeline's folder.

        Bytes of an argument that are no text stay what they are: the check of the config, which
        holds them too, refuses them.
        """
        config = json.dumps(self._config(), indent=2, sort_keys=True)
        code = {"inference/inference.py": self._code()}
        if self.shape is CodeShape.STATE_DICT:
            code["inference/network.py"] = (_SHAPES / "network.py.txt").read_text()
        return {
            **{name: text.encode(errors="surrogateescape") for name, text in code.items()},
            "config.json": f"{config}\n".encode(),
        }

    def _code(self) -> str:
        """Return the template's inference code, for this shape, these inputs and outputs."""
        shape = (_SHAPES / f"{self.shape.value.replace('-', '_')}.py.txt").read_text()
        code = (_TEMPLATE / "inference.py.txt").read_text().replace(_HERE, shape)
        for name, default, told in (
            ("INPUTS", INPUT, self.inputs),
            ("OUTPUTS", OUTPUT, self.outputs),
        ):
            names = [variable for variable, _ in told]
            code = code.replace(f'{name} = ("{default[0]}",)', f"{name} = {_tuple(names)}")
        return code if "Path(" in shape else code.replace(_PATH, "")

    def _config(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((_TEMPLATE / "config.json").read_text())
        document["configuration"]["shared"] |= {
            "author": self.owner,
            "current_date": datetime.now(UTC).date().isoformat(),
            "model_owner": self.owner,
            "model_registration_domain": self.domain,
            "pipeline_name": self.name.replace("_", "-"),
            "pipeline_description": f"Releases the model {self.name}",
            "model_registration_objective": self.name.replace("_", "-"),
            "region": self.regions[0],
            "registration_regions": list(self.regions),
            "source_model_inference_input_variable_list": self.inputs,
            "source_model_inference_output_variable_list": dict(self.outputs),
        }
        return document


def _tuple(names: Sequence[str]) -> str:
    """Write names as Python, on lines of their own if they are long."""
    words = [json.dumps(name, ensure_ascii=False) for name in names]
    line = f"({', '.join(words)}{',' if len(words) == 1 else ''})"
    if len(line) <= _LONGEST_LINE:
        return line
    return "\n".join(["(", *(f"    {word}," for word in words), ")"])
