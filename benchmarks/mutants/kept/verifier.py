"""Faults in the verification job: what it measures, compares and refuses."""

from __future__ import annotations

from typing import Final

from benchmarks.mutants.planted import PlantedFault

_JOB: Final = "constructs_lib/jobs/verify_model"
_TESTS: Final = "tests/jobs/test_verify_model.py"
_OVER_HTTP: Final = "tests/jobs/test_verify_over_http.py"
_NUMBERS: Final = "tests/jobs/test_load_numbers.py"


def _broken(name: str) -> tuple[str, ...]:
    return (f"{_TESTS}::test_a_broken_archive_is_told_with_its_fix[{name}]",)


FAULTS: Final = (
    PlantedFault(
        breaks="a percentile is rounded down",
        file=f"{_JOB}/load.py",
        before="math.ceil(share * len(ordered))",
        after="math.floor(share * len(ordered))",
        tests=(_NUMBERS,),
    ),
    PlantedFault(
        breaks="the 90th percentile is told as the 99th",
        file=f"{_JOB}/load.py",
        before='"p99": rounded(percentile(milliseconds, 0.99))',
        after='"p99": rounded(percentile(milliseconds, 0.9))',
        tests=(_NUMBERS,),
    ),
    PlantedFault(
        breaks="a latency at its limit is refused",
        file=f"{_JOB}/load.py",
        before="    if p99 > most:\n",
        after="    if p99 >= most:\n",
        tests=(_NUMBERS,),
    ),
    PlantedFault(
        breaks="more errors than acceptable pass",
        file=f"{_JOB}/load.py",
        before="    if rate > most_rate:\n",
        after="    if rate > 1 - most_rate:\n",
        tests=(_NUMBERS,),
    ),
    PlantedFault(
        breaks="a model that achieves what is expected is refused",
        file=f"{_JOB}/load.py",
        before='if load["achieved_tps"] < limits["expected_tps"]:',
        after='if load["achieved_tps"] <= limits["expected_tps"]:',
        tests=(_NUMBERS,),
    ),
    PlantedFault(
        breaks="requests that were never answered are no errors",
        file=f"{_JOB}/load.py",
        before="deadline - arrivals.start, is_error=True)",
        after="deadline - arrivals.start, is_error=False)",
        tests=(_NUMBERS,),
    ),
    PlantedFault(
        breaks="an absolute path is unpacked",
        file=f"{_JOB}/unpacking.py",
        before='if name.startswith("/") or ".." in parts or "\\0" in name:',
        after='if ".." in parts or "\\0" in name:',
        tests=(f"{_TESTS}::test_an_unsafe_member_is_refused",),
    ),
    PlantedFault(
        breaks="files are unpacked through links",
        file=f"{_JOB}/unpacking.py",
        before="if parent.is_symlink() or (parent.exists() and not parent.is_dir()):",
        after="if parent.exists() and not parent.is_dir():",
        tests=(f"{_TESTS}::test_an_unsafe_member_is_refused",),
    ),
    PlantedFault(
        breaks="the code is not compared with what was packaged",
        file=f"{_JOB}/layout.py",
        before="    if found_sha256 == expected_sha256:\n",
        after="    if len(found_sha256) == len(expected_sha256):\n",
        tests=(f"{_TESTS}::test_other_code_than_was_packaged_is_never_imported",),
    ),
    PlantedFault(
        breaks="an infinite number is an answer",
        file=f"{_JOB}/answers/responses.py",
        before="    if not math.isfinite(number):\n",
        after="    if math.isnan(number):\n",
        tests=_broken("infinity"),
    ),
    PlantedFault(
        breaks="more records than were asked for are an answer",
        file=f"{_JOB}/answers/responses.py",
        before="    if expected not in (None, len(records)):\n",
        after="    if expected is not None and len(records) < expected:\n",
        tests=_broken("too many records"),
    ),
    PlantedFault(
        breaks="the relative tolerance of a negative number is negative",
        file=f"{_JOB}/answers/expected.py",
        before="absolute + relative * abs(wanted)",
        after="absolute + relative * wanted",
        tests=(_NUMBERS,),
    ),
    PlantedFault(
        breaks="what a model says reaches the pipeline's message unescaped",
        file=f"{_JOB}/evaluation.py",
        before='()/", "$")',
        after='()/")',
        tests=(_NUMBERS,),
    ),
    PlantedFault(
        breaks="a warning fails the verification",
        file=f"{_JOB}/findings.py",
        before='return [finding for finding in self.findings if finding.severity == "error"]',
        after="return list(self.findings)",
        tests=(f"{_TESTS}::test_answers_that_differ_between_equal_requests_are_a_warning",),
    ),
    PlantedFault(
        breaks="what a server says before the model is loaded counts as an answer",
        file=f"{_JOB}/server/process.py",
        before="if not self._is_before_the_model(answer):",
        after="if answer:",
        tests=(f"{_OVER_HTTP}::test_a_model_is_asked_through_the_containers_server",),
    ),
    PlantedFault(
        breaks="the memory of daemons does not count",
        file=f"{_JOB}/memory.py",
        before="for each in self._family.members())",
        after="for each in self._family.members() if each.session in sessions)",
        tests=(f"{_OVER_HTTP}::test_the_memory_of_what_cut_itself_loose_counts",),
    ),
    PlantedFault(
        breaks="a failure over HTTP is not explained by what the code raises",
        file=f"{_JOB}/server/over_http.py",
        before="            return told\n",
        after="            return error\n",
        tests=(f"{_OVER_HTTP}::test_a_failure_is_told_with_what_the_code_raises",),
    ),
)
