"""The process in which the SageMaker SDK compiles definitions; see ``parent.py``.

Reads the pickled home region and configs from its standard input, written by its parent; answers
one line of JSON for each pipeline, as soon as it is compiled.
"""

from __future__ import annotations

import json
import os
import pickle
import sys

from constructs_lib.compilation.checks import pipeline_findings
from constructs_lib.compilation.parent import CheckedPipeline
from constructs_lib.compilation.provenance import placed
from constructs_lib.configs import PipelineConfigs
from constructs_lib.definition import compile_pipeline
from constructs_lib.errors import ReleaseError


def main() -> None:
    """Compile and check the given pipelines."""
    # What libraries print must not get between the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    home_region, pipelines = pickle.load(sys.stdin.buffer)  # noqa: S301  of the parent process
    for name, configs in pipelines:
        # In one piece: what writes JSON to a file piece by piece is not the encoder written in C.
        answers.write(json.dumps({"name": name, **_answer(configs, home_region)}) + "\n")
        answers.flush()
    # Without taking the SDK's 300 MB of objects apart, which takes half a second.
    os._exit(0)


def _answer(configs: PipelineConfigs, home_region: str) -> dict[str, str]:
    try:
        pipeline = compile_pipeline(configs, home_region=home_region)
        findings = tuple(pipeline_findings(configs, pipeline))
    except ReleaseError as error:
        return {"error": placed(error, configs)}
    return {"entry": CheckedPipeline(pipeline=pipeline, findings=findings).to_text()}
