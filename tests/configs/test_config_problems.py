from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from constructs_lib.configs import ConfigFileError, ConfigProblem, PipelineConfigs, load_configs
from constructs_lib.errors import ReleaseError

SHARED = "$.configuration.shared"
_REGIONS = (
    "allowed are the names NA, EU, FE, and the AWS regions with Amazon SageMaker AI, such as"
    " ap-southeast-2"
)
SPECIFIC = "$.configuration.specific"
PROCESSING = "$.configuration.processing"
INPUTS = "source_model_inference_input_variable_list"
OUTPUTS = "source_model_inference_output_variable_list"
HYPERPARAMETERS = f"{SPECIFIC}.PytorchTraining.hyperparameters"
Problems = Callable[..., tuple[ConfigProblem, ...]]
Write = Callable[..., Path]


def test_all_problems_of_a_file_are_reported_at_once(problems_of: Problems) -> None:
    problems = problems_of(
        (f"{SHARED}.region", "XX"),
        (f"{SHARED}.model_owner", " "),
        (f"{SPECIFIC}.Payload.expected_tps", 0),
        (f"{SPECIFIC}.PytorchModel.inference_memory_limit", 9000),
        (f"{SPECIFIC}.PytorchModel.max_payload_size", "6"),
        (f"{HYPERPARAMETERS}.label_name", "lable"),
        ("$.metadata.config_types.Package", ...),
    )

    assert [problem.path for problem in problems] == [
        f"{PROCESSING}.Package",
        f"{SPECIFIC}.Package",
        f"{SHARED}.region",
        f"{SHARED}.model_owner",
        f"{SPECIFIC}.Payload.expected_tps",
        f"{SPECIFIC}.PytorchModel.inference_memory_limit",
        f"{SPECIFIC}.PytorchModel.max_payload_size",
        f"{HYPERPARAMETERS}.label_name",
        "$.metadata",
    ]


def test_the_error_names_the_file_and_each_problem(write_config: Write) -> None:
    file = write_config((f"{SHARED}.region", "EUU"), (f"{SHARED}.author", ""))

    with pytest.raises(ConfigFileError) as error:
        load_configs(file)

    assert isinstance(error.value, ReleaseError)
    assert str(error.value) == (
        f"{file}: 2 problems\n"
        f'  {SHARED}.author: must be text that is not empty (got "")\n'
        f"  {SHARED}.region: is no region: allowed are the names NA, EU, FE, and the AWS regions"
        ' with Amazon SageMaker AI, such as ap-southeast-2; did you mean "EU"? (got "EUU")'
    )


def test_a_shared_value_is_reported_once_however_many_steps_take_it(problems_of: Problems) -> None:
    [problem] = problems_of((f"{SHARED}.current_date", "14.3.2026"))

    assert problem == ConfigProblem(
        f"{SHARED}.current_date",
        'must be a date as YYYY-MM-DD, for example "2026-01-31"',
        '"14.3.2026"',
    )


def test_a_field_that_no_section_has_is_missed_in_shared(problems_of: Problems) -> None:
    [problem] = problems_of((f"{SHARED}.author", ...))

    assert str(problem) == (
        f"{SHARED}.author: is required: Who owns the pipeline; part of its default name"
    )


def test_a_field_that_one_section_lacks_is_missed_there(problems_of: Problems) -> None:
    problems = problems_of(
        (f"{SHARED}.model_owner", ...),
        (f"{SPECIFIC}.Registration.model_owner", "team"),
    )

    assert [problem.path for problem in problems] == [f"{SPECIFIC}.Payload.model_owner"]


def test_the_oldest_files_have_flat_paths(problems_of: Problems) -> None:
    problems = problems_of(
        ("$.configuration.region", "XX"), ("$.configuration.bucket", "S3"), generation="g1"
    )

    assert [problem.path for problem in problems] == [
        "$.configuration.region",
        "$.configuration.bucket",
    ]


def test_null_is_the_same_as_absent(write_config: Write, problems_of: Problems) -> None:
    file = write_config(
        (f"{SHARED}.aws_region", None), (f"{SPECIFIC}.PytorchModel.max_payload_size", None)
    )

    assert PipelineConfigs.load(file).base.aws_region == "eu-west-1"
    assert PipelineConfigs.load(file).model.max_payload_size == 6


def test_null_does_not_stand_for_a_mandatory_value(problems_of: Problems) -> None:
    [problem] = problems_of((f"{SHARED}.author", None))

    assert problem.message == "is required"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        # Regions
        (f"{SHARED}.region", "XX", f"is no region: {_REGIONS}"),
        (f"{SHARED}.region", "eu", f'is no region: {_REGIONS}; did you mean "EU"?'),
        (
            f"{SHARED}.region",
            "ap-southeast-22",
            f'is no region: {_REGIONS}; did you mean "ap-southeast-2"?',
        ),
        (
            f"{SHARED}.region",
            "cn-north-1",
            "is of the partition aws-cn: the app is for regions of the partition aws, because"
            " nobody could try it in another",
        ),
        (
            f"{SHARED}.region",
            "eu-west-1",
            'takes the name of a region that has one, because names of pipelines hold it: use "EU"',
        ),
        (
            f"{SHARED}.aws_region",
            "us-east-1",
            'contradicts region EU, which is "eu-west-1": change one of the two or leave '
            "aws_region out",
        ),
        (
            f"{SHARED}.pipeline_name",
            "alice-BSM-RnR-NA",
            "names region NA but region is EU: change one of the two or leave pipeline_name out",
        ),
        (f"{SPECIFIC}.Registration.registration_regions", ["EU", "EU"], "names EU more than once"),
        (
            f"{SPECIFIC}.Registration.registration_regions",
            [],
            "must name at least one region, such as NA or EU or FE",
        ),
        (
            f"{SPECIFIC}.Registration.registration_regions",
            ["NA", "FE"],
            "leaves out EU, which is region: add it, or set region to NA or FE",
        ),
        # Base
        (f"{SHARED}.current_date", "2026-02-30", "must be a day that exists, as YYYY-MM-DD"),
        (
            f"{SHARED}.pipeline_name",
            "tmp",
            "must be none of incoming, tmp, releases, registration: ",
        ),
        (f"{SHARED}.pipeline_name", "incoming", "must be none of incoming, tmp, "),
        (f"{SHARED}.pipeline_version", "1.0 beta", 'must be a version such as "2.1.0"'),
        (f"{SHARED}.bucket", "s3://alice", "must be an S3 bucket name, without s3:// and prefix"),
        (
            f"{SHARED}.pipeline_s3_loc",
            "s3://bobs-models/x",
            'is not in bucket "alice-models": change one of the two or leave pipeline_s3_loc out',
        ),
        (
            f"{SHARED}.pipeline_s3_loc",
            "alice/x",
            'must be an S3 location such as "s3://bucket/prefix"',
        ),
        (f"{SHARED}.source_dir", "s3:/x", "is not there; give a folder"),
        (f"{SHARED}.source_dir", "s3://", 'must be an S3 location such as "s3://bucket/prefix"'),
        (f"{SHARED}.source_dir", "code/train.py", "is a file; give a folder"),
        (f"{SHARED}.source_dir", "", "must be text that is not empty"),
        (f"{SHARED}.source_dir", "x" * 5000, "is not readable (File name too long)"),
        # Model
        (
            f"{SPECIFIC}.PytorchModel.inference_entry_point",
            "inferenze.py",
            "which holds inference.py, train.py",
        ),
        (f"{SPECIFIC}.PytorchModel.inference_entry_point", "../inference.py", "without '..'"),
        (
            f"{SPECIFIC}.PytorchModel.inference_entry_point",
            "/inference.py",
            "relative to its source",
        ),
        (f"{SPECIFIC}.PytorchModel.inference_entry_point", "s3://b/x.py", "relative to its source"),
        (
            f"{SPECIFIC}.PytorchModel.inference_entry_point",
            "src/inference.py",
            "must be at the root of source_dir",
        ),
        (
            f"{SPECIFIC}.PytorchModel.inference_entry_point",
            "inference.v2.py",
            "serves by its default functions when it finds none",
        ),
        (f"{SPECIFIC}.PytorchModel.inference_instance_type", "m5.large", "which starts with ml."),
        (f"{SPECIFIC}.PytorchModel.data_download_timeout", 59, "greater than or equal to 60"),
        (
            f"{SPECIFIC}.PytorchModel.container_startup_health_check_timeout",
            901,
            "(901 seconds) must not be above data_download_timeout (900 seconds)",
        ),
        (f"{SPECIFIC}.PytorchModel.container_memory_limit", 1023, "greater than or equal to 1024"),
        (
            f"{SPECIFIC}.PytorchModel.inference_memory_limit",
            6145,
            "(6145 MB) must not be above container_memory_limit (6144 MB)",
        ),
        (f"{SPECIFIC}.PytorchModel.max_payload_size", 101, "less than or equal to 100"),
        (f"{SPECIFIC}.PytorchModel.max_concurrent_invocations", 0, "greater than or equal to 1"),
        (f"{SPECIFIC}.PytorchModel.initial_instance_count", True, "whole number"),
        (f"{SPECIFIC}.PytorchModel.max_payload_size", "6", "should be a whole number"),
        # Training
        (f"{SPECIFIC}.PytorchTraining.output_path", "s3://alice-models/models", "2 levels below"),
        (
            f"{SPECIFIC}.PytorchTraining.output_path",
            "s3://alice-models/train_test_val/2026-03-14/",
            "must differ from input_path",
        ),
        (
            f"{SPECIFIC}.PytorchTraining.checkpoint_path",
            "s3://alice-models/models/2026-03-14",
            "must differ from output_path",
        ),
        (f"{SPECIFIC}.PytorchTraining.training_entry_point", "fit.py", 'no file "fit.py"'),
        (
            f"{HYPERPARAMETERS}.label_name",
            "reversal_flag",
            "is not in full_field_list; did you mean",
        ),
        (f"{HYPERPARAMETERS}.id_name", "x", "is not in full_field_list"),
        (f"{HYPERPARAMETERS}.tab_field_list[1]", "concsy", 'did you mean "concsi"?'),
        (f"{HYPERPARAMETERS}.cat_field_list[0]", "x", "is not in full_field_list"),
        (
            f"{HYPERPARAMETERS}.class_weights",
            [1.0],
            "as multiclass_categories has classes: 2, not 1",
        ),
        (
            f"{HYPERPARAMETERS}.notes",
            "x" * 2501,
            "is 2501 characters as text; SageMaker takes at most",
        ),
        (f"{HYPERPARAMETERS}.{'n' * 257}", 1, "has a name of 257 characters; at most 256"),
        # Processing and packaging
        (f"{PROCESSING}.Package.processing_volume_size", 9, "greater than or equal to 10"),
        (f"{PROCESSING}.Package.processing_volume_size", 1001, "less than or equal to 1000"),
        (f"{SHARED}.processing_instance_count", 11, "less than or equal to 10"),
        (
            f"{SHARED}.processing_instance_count",
            2,
            "must be 1 for packaging, where each of several instances would package the whole model"
            " and write it to the same keys: set 1 here, or for the Package step alone",
        ),
        (
            f"{SHARED}.processing_source_dir",
            "s3://alice-models/jobs",
            "must be a local folder for packaging",
        ),
        (f"{SHARED}.processing_framework_version", "1.2", 'did you mean "1.2-1"?'),
        (f"{PROCESSING}.Package.processing_entry_point", "pack.py", 'no file "pack.py" in'),
        (f"{PROCESSING}.Package.processing_source_dir", "scripts", "is not there"),
        (f"{PROCESSING}.Package.input_names", ["model_input"], "must hold inference_scripts_input"),
        (f"{PROCESSING}.Package.input_names", [["model_input"]], "must hold names only"),
        # Registration
        (f"{SHARED}.model_registration_objective", "", "must be text that is not empty"),
        (f"{SHARED}.model_registration_domain", "  ", "must be text that is not empty"),
        (
            f"{SHARED}.source_model_inference_content_types",
            ["text/csv", "text/csv"],
            'must be ["text/csv"], ["application/json"] or both',
        ),
        (f"{SHARED}.source_model_inference_response_types", [], "must be ["),
        (
            f"{SHARED}.source_model_inference_response_types[0]",
            "text/json",
            "'text/csv' or 'applic",
        ),
        (f"{SHARED}.{INPUTS}", [], "must declare at least one variable"),
        (f"{SHARED}.{INPUTS}", "x", "must be an object of name: type, or a list of [name, type]"),
        (f"{SHARED}.{INPUTS}[1]", ["dialogue"], "must be [name, type]"),
        (f"{SHARED}.{INPUTS}[1]", [1, "TEXT"], "name must be text"),
        # Payload
        (f"{SPECIFIC}.Payload.inference_instance_types", [], "must name at least one instance"),
        (
            f"{SPECIFIC}.Payload.inference_instance_types",
            ["ml.m5.large", "ml.m5.large"],
            "names ml.m5.large more than once",
        ),
        (f"{SPECIFIC}.Payload.expected_tps", 0, "greater than or equal to 1"),
        (f"{SPECIFIC}.Payload.max_latency_in_millisecond", 99, "greater than or equal to 100"),
        (f"{SPECIFIC}.Payload.max_latency_in_millisecond", 10001, "less than or equal to 10000"),
        (f"{SPECIFIC}.Payload.max_acceptable_error_rate", 1.1, "less than or equal to 1"),
        (
            f"{SPECIFIC}.Payload.special_field_values.dialog",
            "x",
            '"dialog" is not a declared input; declared TEXT inputs: dialogue; '
            'did you mean "dialogue"?',
        ),
        (
            f"{SPECIFIC}.Payload.special_field_values.concsi",
            "x",
            '"concsi" is declared NUMERIC; only TEXT inputs can be special',
        ),
        (
            f"{SPECIFIC}.Payload.special_field_values.dialogue",
            "at {timestmp}",
            "has unknown placeholder {timestmp}; allowed: {timestamp}",
        ),
    ],
)
def test_a_wrong_value_is_reported_where_it_stands(
    problems_of: Problems, path: str, value: Any, message: str
) -> None:
    problems = problems_of((path, value))

    assert [problem.path for problem in problems] == [path]
    assert message in problems[0].message


A_NUMBER = "must be a number, or a list of numbers: each makes a sample request"


@pytest.mark.parametrize(
    ("values", "at", "message"),
    [
        ([1, 2], "", "must be an object of input name: number, or list of numbers"),
        (
            {"concsi": 1, "consci": 1},
            ".consci",
            '"consci" is not a declared input; declared NUMERIC inputs: ttm_conc_amt, concsi; '
            'did you mean "concsi"?',
        ),
        (
            {"dialogue": 1},
            ".dialogue",
            '"dialogue" is declared TEXT; its value goes into special_field_values',
        ),
        *[({"concsi": value}, ".concsi", A_NUMBER) for value in ("1", True, [], [1, "2"], [[1]])],
        (
            {"concsi": list(range(21))},
            ".concsi",
            "has 21 values; at most 20 are taken, because each makes a sample request",
        ),
    ],
)
def test_a_wrong_value_of_a_numeric_input_is_reported_where_it_stands(
    problems_of: Problems, values: Any, at: str, message: str
) -> None:
    path = f"{SPECIFIC}.Payload.numeric_field_values"

    [problem] = [each for each in problems_of((path, values)) if path in each.path]

    assert (problem.path, problem.message) == (f"{path}{at}", message)


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        (
            [["dialogue", "TEXT"], ["a", "NUMERIC"], ["a", "TEXT"]],
            f'{SHARED}.{INPUTS}: declares "a" 2 times, as NUMERIC and TEXT (got "a")',
        ),
        (
            [["dialogue", "TEXT"], ["dialogue", "text"]],
            f'{SHARED}.{INPUTS}: declares "dialogue" 2 times, as TEXT and TEXT (got "dialogue")',
        ),
        (
            [["dialogue", "TXT"]],
            f"{SHARED}.{INPUTS}[0]: is not a variable type; allowed: NUMERIC, TEXT; "
            'did you mean "TEXT"? (got "TXT")',
        ),
        (
            {"dialogue": "TEXT", "a b": "NUMBER"},
            f'{SHARED}.{INPUTS}["a b"]: is not a variable type; allowed: NUMERIC, TEXT; '
            'did you mean "NUMERIC"? (got "NUMBER")',
        ),
    ],
)
def test_a_wrong_variable_is_reported_where_it_stands(
    problems_of: Problems, variables: Any, problem: str
) -> None:
    assert problem in map(str, problems_of((f"{SHARED}.{INPUTS}", variables)))


def test_each_wrong_item_of_a_list_is_a_problem(problems_of: Problems) -> None:
    problems = problems_of(
        (f"{HYPERPARAMETERS}.tab_field_list", ["x", "concsi", "y"]),
        (f"{SPECIFIC}.Payload.special_field_values", {"a": "1", "b": "2"}),
    )

    assert [problem.path for problem in problems] == [
        f"{SPECIFIC}.Payload.special_field_values.a",
        f"{SPECIFIC}.Payload.special_field_values.b",
        f"{HYPERPARAMETERS}.tab_field_list[0]",
        f"{HYPERPARAMETERS}.tab_field_list[2]",
    ]


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("s3://bucket/samples", "is not there; give a folder that exists, relative to the config"),
        ("lost", "is not there; give a folder that exists, relative to the config file"),
        ("config.json", "is a file; give a folder that exists, relative to the config file"),
    ],
)
def test_sample_requests_are_in_a_folder_of_this_machine(
    problems_of: Problems, folder: str, message: str
) -> None:
    path = f"{SPECIFIC}.Payload.sample_requests_dir"

    [problem] = problems_of((path, folder))

    assert problem.path == path
    assert message in problem.message
    assert "or an s3:// location" not in problem.message


def test_each_instance_type_of_the_load_test_is_checked(problems_of: Problems) -> None:
    types = f"{SPECIFIC}.Payload.inference_instance_types"

    [problem] = problems_of((types, ["ml.m5.large", "m5.large"]))

    assert problem.path == f"{types}[1]"
    assert "which starts with ml." in problem.message


def test_a_broken_default_is_reported_at_the_value_that_breaks_it(problems_of: Problems) -> None:
    [problem] = problems_of(
        (f"{SPECIFIC}.PytorchModel.container_startup_health_check_timeout", ...),
        (f"{SPECIFIC}.PytorchModel.data_download_timeout", 100),
    )

    assert str(problem) == (
        f"{SPECIFIC}.PytorchModel.data_download_timeout: "
        "container_startup_health_check_timeout (300 seconds) must not be above "
        "data_download_timeout (100 seconds) (got 100)"
    )


def test_a_missing_default_entry_point_is_reported_at_the_source_dir(
    problems_of: Problems, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()

    [problem] = problems_of(
        (f"{SPECIFIC}.PytorchModel.inference_entry_point", ...),
        (f"{SPECIFIC}.PytorchTraining.source_dir", "code"),
        (f"{SHARED}.source_dir", "empty"),
    )

    assert str(problem) == (
        f'{SHARED}.source_dir: no file "inference.py" in {tmp_path}/empty, '
        'which holds no .py file (got "empty")'
    )


def test_code_needs_a_source_dir(problems_of: Problems) -> None:
    problems = problems_of((f"{SHARED}.source_dir", ...))

    assert {problem.message for problem in problems} == {
        'needs source_dir: the folder that holds "inference.py"',
        'needs source_dir: the folder that holds "train.py"',
    }


def test_an_entry_point_must_not_leave_its_source_dir_by_a_link(
    problems_of: Problems, tmp_path: Path
) -> None:
    (tmp_path / "secret.py").touch()
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "inference.py").symlink_to(tmp_path / "secret.py")

    [problem] = problems_of(
        (f"{SPECIFIC}.PytorchModel.source_dir", "linked"),
    )

    assert problem.path == f"{SPECIFIC}.PytorchModel.inference_entry_point"
    assert 'no file "inference.py"' in problem.message


def test_a_derived_name_that_cannot_be_one_is_a_problem(problems_of: Problems) -> None:
    problems = problems_of((f"{SHARED}.author", "alice m"), (f"{SHARED}.pipeline_name", ...))

    assert all("must be a pipeline name" in problem.message for problem in problems)
    assert problems[0].value == '"alice m-BSM-RnR-EU"'


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model_registration_objective", "Other"),
        (INPUTS, [["dialogue", "TEXT"]]),
        ("source_model_inference_content_types", ["application/json"]),
        ("region", "NA"),
    ],
)
def test_registration_and_payload_must_not_contradict_each_other(
    problems_of: Problems, field: str, value: Any
) -> None:
    payload = f"{SPECIFIC}.Payload"
    derived = ["aws_region", "pipeline_name"] if field == "region" else []
    edits = [(f"{SHARED}.{name}", ...) for name in derived]

    [problem] = problems_of((f"{payload}.{field}", value), *edits)

    assert problem.path == f"{payload}.{field}"
    assert problem.message.startswith(f"contradicts {SHARED}.{field}, which is ")


def test_regions_that_the_payload_alone_names_are_not_ignored(problems_of: Problems) -> None:
    [problem] = problems_of((f"{SPECIFIC}.Payload.registration_regions", ["EU"]))

    assert problem.path == f"{SPECIFIC}.Payload.registration_regions"
    assert "contradicts $.configuration.specific.Registration.registration_reg" in problem.message


def test_several_instances_of_other_processing_leave_packaging_with_one(
    write_config: Write,
) -> None:
    file = write_config(
        (f"{SHARED}.processing_instance_count", 2),
        (f"{PROCESSING}.Package.processing_instance_count", 1),
    )

    assert PipelineConfigs.load(file).package.processing_instance_count == 1


def test_a_model_section_may_name_another_region_than_the_registration(
    write_config: Write,
) -> None:
    file = write_config(
        (f"{SPECIFIC}.PytorchModel.region", "NA"),
        (f"{SPECIFIC}.PytorchModel.aws_region", "us-east-1"),
        (f"{SPECIFIC}.PytorchModel.pipeline_name", "alice-BSM-RnR-NA"),
    )

    assert PipelineConfigs.load(file).model.aws_region == "us-east-1"


def test_a_long_value_is_cut_in_the_message(problems_of: Problems) -> None:
    [problem] = problems_of((f"{SHARED}.bucket", "B" * 1000))

    assert problem.value is not None
    assert len(problem.value) < 100


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{\n  "a": 1 "b": 2}', "$: is not JSON: line 2, column 10: Expecting ',' delimiter"),
        ("", "$: the file is empty: it must hold a JSON object"),
        ("nothing", "$: is not JSON: line 1, column 1: Expecting value"),
        ("[1]", "$: must be a JSON object (got [1])"),
        ('{"a": {"b c": NaN}}', '$.a["b c"]: must be a finite number (got NaN)'),
        ('{"a": [1e999]}', "$.a[0]: must be a finite number (got Infinity)"),
        ('{"a": {"b": 1, "b": 1}}', "$.a.b: is there more than once: keep one of them"),
        ('{"a": "\\ud800"}', "$.a: holds half of a character pair"),
        ('{"a": ' + "[" * 150 + "]" * 150 + "}", "is nested deeper than 100 levels"),
        ("[" * 100_000, "$: is nested too deeply for a JSON reader"),
        ('{"a": ' + "9" * 5000 + "}", "$: holds a whole number of 5,000 digits; read are"),
    ],
)
def test_a_text_that_is_no_usable_json(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "config.json"
    file.write_text(text)

    with pytest.raises(ConfigFileError) as error:
        load_configs(file)

    assert any(problem in str(each) for each in error.value.problems)


def test_a_repeated_key_does_not_hide_other_problems(write_config: Write) -> None:
    file = write_config((f"{SHARED}.region", "XX"))
    file.write_text(file.read_text().replace('"bucket": "', '"bucket": "b-c", "bucket": "'))

    with pytest.raises(ConfigFileError) as error:
        load_configs(file)

    assert [problem.path for problem in error.value.problems] == [
        f"{SHARED}.bucket",
        f"{SHARED}.region",
    ]


def test_a_number_that_is_not_finite_is_reported_once(problems_of: Problems) -> None:
    [problem] = problems_of((f"{SPECIFIC}.Payload.default_numeric_value", float("nan")))

    assert problem.message == "must be a finite number"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigFileError, match="cannot read the file: No such file"):
        load_configs(tmp_path / "config.json")


def test_a_folder_in_place_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigFileError, match="cannot read the file: Is a directory"):
        load_configs(tmp_path)


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "model.tar.gz").write_bytes(b"\x1f\x8b\x08")

    with pytest.raises(ConfigFileError, match="is not UTF-8 text"):
        load_configs(tmp_path / "model.tar.gz")
