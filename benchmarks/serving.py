"""Time a model behind Ray Serve against direct calls of its functions, by the Verify job itself.

Run it with ``make bench-serving``, which installs Ray Serve, or directly::

    python -m benchmarks.serving --seconds 10 --tps 20

Both judge the same archive with the same requests, one after the other, in a process of its own
behind the walls of a job. Told are the time until the first answer and the latencies under load of
both, and Ray's as multiples of the others.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from constructs_lib.confinement import own_environment, walled
from constructs_lib.jobs.archive import job_archive
from constructs_lib.jobs.ray_serving.layout import files
from constructs_lib.release.archives import archive

ENTRYPOINTS: Final = {
    "pytorch": ["python", "/usr/local/bin/dockerd-entrypoint.py", "serve"],
    "ray": ["/usr/local/bin/sagemaker_entrypoint.sh", "serve"],
}
_CODE: Final = """
import json

def model_fn(model_dir):
    return [0.25, 0.5]

def input_fn(data, content_type):
    return [float(each) for each in data.split(",")]

def predict_fn(data, model):
    return sum(each * weight for each, weight in zip(data, model))

def output_fn(prediction, accept):
    return json.dumps({"score": prediction})
"""
_LIMITS: Final = {"max_latency_in_millisecond": 60_000, "max_acceptable_error_rate": 1.0}


def judged(
    container: str,
    model: Mapping[str, bytes],
    payloads: Mapping[str, bytes],
    *options: str,
    tps: float = 10,
    environment: Mapping[str, str] = {},
) -> dict[str, Any]:
    """Let the Verify job judge a model as it does on this machine; returns its evaluation.

    Args:
        container: Whose way it takes: one of :data:`ENTRYPOINTS`.
        model: The files of the archive.
        payloads: Requests of CSV, by name; answers are JSON with a ``score``.
        options: More of the job's options.
        tps: Requests a second.
        environment: More of the registered environment.

    Raises:
        subprocess.CalledProcessError: The job could not judge.
    """
    request = {
        "content_types": ["text/csv"],
        "response_types": ["application/json"],
        "output_variables": [["score", "NUMERIC"]],
        "environment": {"SAGEMAKER_PROGRAM": "inference.py", **environment},
        "load_test": {**_LIMITS, "expected_tps": tps},
    }
    serving = {
        "container": container,
        "contract": "handlers",
        "entrypoint": ENTRYPOINTS[container],
        "workers": 1,
        "port": 8080,
    }
    own = files("inference.py", 1) if container == "ray" else {}
    with tempfile.TemporaryDirectory(prefix="serving-") as temporary:
        folder = Path(temporary)
        document = {"regions": {"NA": {"request": request}}, "serving": serving}
        (folder / "registration.json").write_text(json.dumps(document))
        (folder / "model.tar.gz").write_bytes(archive({**model, **own}))
        (folder / "payload.tar.gz").write_bytes(archive(payloads))
        (folder / "verify_model.zip").write_bytes(job_archive("verify_model"))
        command = [sys.executable, str(folder / "verify_model.zip"), *options]
        command += ["--model", str(folder / "model.tar.gz"), "--workers", "1"]
        command += ["--payload", str(folder / "payload.tar.gz")]
        command += ["--request", str(folder / "registration.json")]
        command += ["--output", str(folder / "evaluation.json")]
        subprocess.run(
            walled(command, folder).command,
            env=own_environment(folder),
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        evaluation: dict[str, Any] = json.loads((folder / "evaluation.json").read_text())
        return evaluation


def measured(evaluation: Mapping[str, Any]) -> dict[str, float]:
    """Return what is compared, in milliseconds."""
    latencies = evaluation["load"]["latency_in_millisecond"]
    return {
        "first answer": 1000 * evaluation["cold_load_in_second"] + _first(evaluation),
        **{f"latency {name}": latencies[name] for name in ("p50", "p90", "p99")},
    }


def _first(evaluation: Mapping[str, Any]) -> float:
    """Return what the first request took, of calls that have loaded the model before it."""
    is_asked = evaluation["server"]["way"] == "http"
    return 0.0 if is_asked else float(evaluation["payloads"][0]["latency_in_millisecond"])


def main() -> int:
    """Run both, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=10.0, help="how long requests are sent")
    parser.add_argument("--tps", type=float, default=20.0, help="how many a second")
    parser.add_argument("--smallest", action="store_true", help="a second of requests")
    arguments = parser.parse_args()
    seconds = 1.0 if arguments.smallest else arguments.seconds
    numbers = {}
    for container in ENTRYPOINTS:
        evaluation = judged(
            container,
            {"code/inference.py": _CODE.encode()},
            {"payload_text_csv_0.csv": b"2,4"},
            *("--load-seconds", str(seconds)),
            tps=arguments.tps,
        )
        server = evaluation["server"]
        if container == "ray" and server["way"] == "direct":
            sys.stdout.write(f"Ray Serve was not measured: {server['why_direct']}\n")
            return 0
        if evaluation["verdict"] != "passed":
            sys.stderr.write(f"error: {evaluation['summary']}\n")
            return 1
        numbers[container] = measured(evaluation)
    sys.stdout.write(
        f"{'':14}{'direct':>12}{'Ray Serve':>12}{'ratio':>8}   {os.cpu_count()} CPUs\n"
    )
    for name, direct in numbers["pytorch"].items():
        ray = numbers["ray"][name]
        sys.stdout.write(f"{name:14}{direct:>9.1f} ms{ray:>9.1f} ms{ray / direct:>8.1f}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
