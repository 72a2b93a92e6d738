"""Two versions are asked in turn on this machine, and what cannot be asked is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from constructs_lib.aws.registry import ModelPackage
from constructs_lib.confinement import walled
from constructs_lib.jobs.verify_model.worker import Worker, WorkerSilentError
from constructs_lib.replay.comparing import Comparison
from constructs_lib.replay.requests import ReplayRequest
from constructs_lib.replay.running import Replayed, ReplayServers
from constructs_lib.replay.version import RegisteredFiles, ReplayedVersionError
from tests.replay.registered import CODE, ObjectsOfS3, fetch, register, without


@pytest.fixture
def s3() -> ObjectsOfS3:
    return ObjectsOfS3()


def _requests(*bodies: str) -> list[ReplayRequest]:
    return [
        ReplayRequest(f"line {n}", body.encode(), "application/json")
        for n, body in enumerate(bodies, 1)
    ]


def _replay(
    s3: ObjectsOfS3,
    folder: Path,
    codes: tuple[str, str],
    requests: list[ReplayRequest],
) -> tuple[Replayed, dict[str, Any]]:
    before, after = (
        fetch(s3, register(s3, number, code), folder / f"{number}")
        for number, code in enumerate(codes, 1)
    )
    default = {"absolute": 1e-6, "relative": 1e-5}
    comparison = Comparison((before.names, after.names), after.kinds, after.tolerances, default)
    with ReplayServers.started(before, after) as servers:
        found = servers.replay(requests, comparison, lambda: None)
    return found, {each["name"]: each for each in comparison.facts()}


def test_the_same_requests_go_to_both_and_differences_are_found(
    s3: ObjectsOfS3, tmp_path: Path
) -> None:
    codes = (CODE.format(scale=2, more=""), CODE.format(scale=2.5, more=""))

    found, fields = _replay(s3, tmp_path, codes, _requests('{"x": 0}', '{"x": 1}', '{"x": 2}'))

    assert (found.agreeing, found.differing, found.agrees) == (1, 2, False)
    assert [len(each) for each in found.seconds] == [3, 3]
    assert fields["score"]["examples"][0]["request"] == "line 3"
    assert fields["label"]["differing_count"] == 0


def test_now_one_is_first_and_now_the_other(
    s3: ObjectsOfS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    ask = ReplayServers.__init__.__globals__["_Side"].ask

    def noting(side: Any, payload: Any) -> Any:
        asked.append(side._version.package.version)
        return ask(side, payload)

    monkeypatch.setattr("constructs_lib.replay.running._Side.ask", noting)
    codes = (CODE.format(scale=1, more=""),) * 2

    found, _ = _replay(s3, tmp_path, codes, _requests('{"x": 0}', '{"x": 1}', '{"x": 2}'))

    assert asked[:2] == [1, 2]  # unmeasured
    assert asked[2:] == [1, 2, 2, 1, 1, 2]
    assert found.agrees


def test_a_request_that_ends_a_worker_costs_that_request_only(
    s3: ObjectsOfS3, tmp_path: Path
) -> None:
    ends = 'os._exit(3) if data["x"] == 1 else None'
    codes = (CODE.format(scale=1, more=""), CODE.format(scale=1, more=ends))

    found, fields = _replay(s3, tmp_path, codes, _requests('{"x": 0}', '{"x": 1}', '{"x": 2}'))

    assert (found.agreeing, found.differing, found.failing) == (2, 1, (0, 1))
    (example,) = fields["(failure)"]["examples"]
    assert example["before"] == "answers"
    assert "ended with exit code 3" in example["after"]


def test_after_a_request_that_is_never_answered_no_more_are_sent(
    s3: ObjectsOfS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive, limits = Worker.receive, list[float]()

    def until_it_hangs(worker: Worker, seconds: float) -> dict[str, Any]:
        limits.append(seconds)
        while True:
            try:
                return receive(worker, 0.02)
            except WorkerSilentError:
                if any("hangs" in each.read_text() for each in tmp_path.rglob("printed")):
                    raise

    monkeypatch.setattr("constructs_lib.direct_server.calls.REQUEST_SECONDS", 58.5)
    monkeypatch.setattr(Worker, "receive", until_it_hangs)
    hangs = 'print("hangs") or time.sleep(60) if data["x"] == 1 else None'
    codes = (CODE.format(scale=1, more=""), CODE.format(scale=1, more=hangs))

    found, fields = _replay(
        s3, tmp_path, codes, _requests('{"x": 0}', '{"x": 1}', '{"x": 2}', '{"x": 3}')
    )

    assert (found.agreeing, found.differing, found.not_sent) == (1, 1, 2)
    assert not found.agrees
    assert "is not answered within 58.5 s" in fields["(failure)"]["examples"][0]["after"]
    assert limits[-1] == 58.5


def test_what_both_refuse_agrees_and_is_counted(s3: ObjectsOfS3, tmp_path: Path) -> None:
    codes = (CODE.format(scale=1, more=""),) * 2

    found, _ = _replay(s3, tmp_path, codes, _requests('{"x": 0}', '{"y": 1}'))

    assert (found.agreeing, found.failing_in_both, found.agrees) == (2, 1, True)
    assert found.first_failure is not None
    assert found.first_failure.startswith("line 2 raises KeyError: 'x'")


def test_the_models_code_sees_no_files_of_the_user(
    s3: ObjectsOfS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not walled(["true"], tmp_path).has_walls:
        pytest.skip("no namespaces for users")
    secret = tmp_path / "home" / "secret"
    secret.parent.mkdir()
    secret.write_text("x")
    monkeypatch.setenv("HOME", str(secret.parent))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    looks = f'data["x"] = os.path.exists({str(secret)!r}) + ("AWS_SECRET_ACCESS_KEY" in os.environ)'
    codes = (CODE.format(scale=1, more='data["x"] = 0'), CODE.format(scale=1, more=looks))

    found, _ = _replay(s3, tmp_path, codes, _requests('{"x": 5}'))

    assert found.agrees


def test_a_model_that_does_not_load_is_told(s3: ObjectsOfS3, tmp_path: Path) -> None:
    broken = CODE.format(scale="1 / 0", more="")

    with pytest.raises(ReplayedVersionError, match=r"Version 2 in us-east-1.*ZeroDivisionError"):
        _replay(s3, tmp_path, (CODE.format(scale=1, more=""), broken), _requests('{"x": 0}'))


def _registered(s3: ObjectsOfS3, **changes: Any) -> ModelPackage:
    return register(s3, 1, CODE.format(scale=1, more=""), **changes)


def test_an_artifact_that_was_replaced_is_not_run(s3: ObjectsOfS3, tmp_path: Path) -> None:
    package = _registered(s3)
    other = register(s3, 2, CODE.format(scale=2, more=""))
    s3.objects[package.artifact_uri or ""] = s3.objects[other.artifact_uri or ""]

    with pytest.raises(ReplayedVersionError, match=r"it was replaced, and is not run\.$"):
        fetch(s3, package, tmp_path / "1")
    assert not (tmp_path / "1/opt").exists()


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ("artifact_sha256", "its metadata has no artifact_sha256"),
        ("registration_request", "its model package names no registration_request"),
    ],
)
def test_a_version_that_a_person_registered_is_refused(
    s3: ObjectsOfS3, tmp_path: Path, missing: str, told: str
) -> None:
    with pytest.raises(ReplayedVersionError, match=told):
        fetch(s3, without(_registered(s3), missing), tmp_path / "1")


def test_a_registration_file_of_another_region_is_refused(s3: ObjectsOfS3, tmp_path: Path) -> None:
    package = _registered(s3)
    package.metadata["model_registration_region"] = "EU"

    with pytest.raises(ReplayedVersionError, match="not a registration file with that region"):
        fetch(s3, package, tmp_path / "1")


def test_a_container_with_a_server_of_its_own_is_refused(s3: ObjectsOfS3, tmp_path: Path) -> None:
    serving = {
        "container": "custom",
        "contract": "http",
        "entrypoint": ["serve"],
        "workers": None,
        "port": 8080,
    }

    with pytest.raises(ReplayedVersionError, match="has a server of its own, in its image only"):
        fetch(s3, _registered(s3, serving=serving), tmp_path / "1")


def test_the_sample_requests_are_those_of_the_version(s3: ObjectsOfS3, tmp_path: Path) -> None:
    package = _registered(s3)
    version = fetch(s3, package, tmp_path / "1")

    archive = RegisteredFiles(package, s3, tmp_path / "1").sample_payload()

    (request,) = version.sample_requests(archive)
    assert (request.body, request.accept) == (b'{"x": 1}', "application/json")
