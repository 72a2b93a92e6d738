"""Starts what stands in for Ray Serve's container, and tells what it answers to requests.

A program, which runs behind the walls of a job: elsewhere nothing stands in. Its arguments are a
folder with ``model/`` and the job's archive, and a file with requests; it prints their answers.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from pathlib import Path

from constructs_lib.jobs.verify_model.job import VerificationJob
from constructs_lib.jobs.verify_model.payloads import Payload
from constructs_lib.jobs.verify_model.server.families import Family
from constructs_lib.jobs.verify_model.server.process import ContainerServer
from constructs_lib.jobs.verify_model.server.starting import ServingContainer, server_start

STARTUP_SECONDS = 240


def main() -> None:
    folder, requests = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())
    program = folder / "verify_model.zip"
    job = VerificationJob(model=folder, payload=folder, request=folder, program=program)
    declared = {"SAGEMAKER_PROGRAM": "inference.py"}
    start = server_start(ServingContainer("ray", workers=1), job, declared, folder / "model")
    payloads = [
        Payload("request", base64.b64decode(body), content_type, accept)
        for body, content_type, accept in requests
    ]
    server = ContainerServer(start, Family(os.getpid()))
    try:
        connection = server.wait_for_answer(payloads[0], STARTUP_SECONDS)
        answers = [connection.exchange(payload, 60) for payload in payloads]
    finally:
        sys.stderr.write(server.printed())
        server.stop()
    told = [
        (each.status, base64.b64encode(each.body).decode(), each.content_type) for each in answers
    ]
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
