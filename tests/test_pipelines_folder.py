from __future__ import annotations

import json
from pathlib import Path

import pytest

from constructs_lib.configs.folder import (
    PipelinesFolderError,
    config_path,
    config_paths,
    load_pipelines,
    refuse_name,
)
from tests.example_pipeline import CONFIG


def add_pipeline(folder: Path, name: str, text: str = "{}") -> Path:
    (folder / name).mkdir()
    path = folder / name / "config.json"
    path.write_text(text)
    return path


def test_each_folder_is_a_pipeline_unless_its_name_says_otherwise(tmp_path: Path) -> None:
    paths = {name: add_pipeline(tmp_path, name) for name in ("b-2", "A_1")}
    for name in ("_drafts", "__pycache__", ".git"):
        (tmp_path / name).mkdir()
    (tmp_path / "notes.md").touch()

    assert config_paths(tmp_path) == paths
    assert list(config_paths(tmp_path)) == ["A_1", "b-2"]
    assert config_path(tmp_path, "A_1") == paths["A_1"]


def test_two_pipelines_whose_names_differ_in_case_only_are_an_error(tmp_path: Path) -> None:
    document = json.loads(CONFIG.read_text())
    document["configuration"]["shared"]["source_dir"] = "s3://returns-models/code"
    for folder, name in (("first", "returns-risk"), ("second", "Returns-Risk")):
        document["configuration"]["shared"]["pipeline_name"] = name
        add_pipeline(tmp_path, folder, json.dumps(document))

    with pytest.raises(
        PipelinesFolderError, match="in case only, 'returns-risk' and 'Returns-Risk'"
    ):
        load_pipelines(tmp_path)


@pytest.mark.parametrize("name", ["my model", "my.model", "1model", "-model", "modèle", "m" * 65])
def test_a_name_that_no_stack_can_have_is_an_error(tmp_path: Path, name: str) -> None:
    add_pipeline(tmp_path, name)

    with pytest.raises(PipelinesFolderError, match="a letter followed by up to 63") as error:
        config_paths(tmp_path)

    assert f"{tmp_path} holds a folder {name!r}" in str(error.value)


def test_two_folders_with_the_same_stack_are_an_error(tmp_path: Path) -> None:
    for name in ("a_b", "a-b"):
        add_pipeline(tmp_path, name)

    with pytest.raises(PipelinesFolderError, match="would have the same stack") as error:
        config_paths(tmp_path)

    assert f"{tmp_path}/a-b and {tmp_path}/a_b" in str(error.value)


def test_a_folder_without_a_config_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()

    with pytest.raises(PipelinesFolderError, match=r"missing .*/model/config\.json"):
        config_paths(tmp_path)


def test_every_folder_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    add_pipeline(tmp_path, "my model")

    with pytest.raises(PipelinesFolderError) as error:
        config_paths(tmp_path)

    assert len(str(error.value).splitlines()) == 2


@pytest.mark.parametrize("broken", ["empty", "my model", "a-b"])
def test_a_folder_that_is_wrong_does_not_stop_the_others(tmp_path: Path, broken: str) -> None:
    path = add_pipeline(tmp_path, "model")
    add_pipeline(tmp_path, "a_b")
    add_pipeline(tmp_path, "a-b")
    (tmp_path / "empty").mkdir()
    add_pipeline(tmp_path, "my model")

    assert config_path(tmp_path, "model") == path
    with pytest.raises(PipelinesFolderError, match=rf"{tmp_path}.*{broken}"):
        config_path(tmp_path, "a_b" if broken == "a-b" else broken)


def test_no_pipeline_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PipelinesFolderError, match="holds no pipeline"):
        config_paths(tmp_path)
    with pytest.raises(PipelinesFolderError, match="There is no folder"):
        config_paths(tmp_path / "absent")


def test_another_name_is_an_error_that_suggests_one(tmp_path: Path) -> None:
    add_pipeline(tmp_path, "model")

    with pytest.raises(PipelinesFolderError, match=r"no pipeline 'modle' in .*you mean 'model'"):
        config_path(tmp_path, "modle")


def test_two_pipelines_of_the_same_name_are_an_error(tmp_path: Path) -> None:
    document = json.loads(CONFIG.read_text())
    document["configuration"]["shared"]["source_dir"] = "s3://returns-models/code"
    for name in ("first", "second"):
        add_pipeline(tmp_path, name, json.dumps(document))

    with pytest.raises(PipelinesFolderError, match="have the same pipeline_name, 'returns-risk'"):
        load_pipelines(tmp_path)


@pytest.mark.parametrize("name", ["my model", "1st", "modèle", "a" * 65, ""])
def test_a_folder_that_is_to_be_made_gets_a_name_that_a_stack_can_have(name: str) -> None:
    with pytest.raises(PipelinesFolderError, match="cannot be the name of a pipeline's folder"):
        refuse_name(name)


def test_the_names_of_the_documents_are_good_names() -> None:
    refuse_name("house_prices")
