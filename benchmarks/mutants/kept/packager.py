"""Faults in the packaging job: archives and pickles that it has to refuse, bytes it has to keep."""

from __future__ import annotations

from typing import Final

from benchmarks.mutants.planted import PlantedFault

_JOB: Final = "constructs_lib/jobs/package_model"
_TESTS: Final = "tests/jobs/test_package_model.py"
_PICKLES: Final = "tests/pickles"


def _refused(*names: str) -> tuple[str, ...]:
    test = f"{_TESTS}::test_unsafe_and_damaged_models_are_refused"
    return tuple(f"{test}[{name}-copied]" for name in names)


FAULTS: Final = (
    PlantedFault(
        breaks="the CRC of compressed data is not compared",
        file=f"{_JOB}/archive_file.py",
        before="if segment.trailer != (crc, size & 0xFFFFFFFF):",
        after="if segment.trailer[1] != size & 0xFFFFFFFF:",
        tests=_refused("bad-crc"),
    ),
    PlantedFault(
        breaks="'..' is looked for at the beginning of a path only",
        file=f"{_JOB}/tar/members.py",
        before='    if ".." in parts:\n',
        after='    if parts[:1] == [".."]:\n',
        tests=_refused("parent-path", "hidden-parent-path"),
    ),
    PlantedFault(
        breaks="links through other links may lead out of the archive",
        file=f"{_JOB}/rules.py",
        before="        self._inventory.check_symlinks()\n",
        after="",
        tests=_refused("leaving-through-a-later-link"),
    ),
    PlantedFault(
        breaks="a hard link into the replaced code/ is known by one spelling only",
        file=f"{_JOB}/rules.py",
        before="if member.kind == HARD_LINK and in_code(normalized(target)):",
        after="if member.kind == HARD_LINK and in_code(target):",
        tests=_refused("hard-link-into-code", "hard-link-into-code-spelled-otherwise"),
    ),
    PlantedFault(
        breaks="a file may stand inside of a link",
        file=f"{_JOB}/inventory.py",
        before="            if known is not None:\n                raise",
        after="            if known == FILE:\n                raise",
        tests=_refused("member-inside-a-file", "member-inside-a-link"),
    ),
    PlantedFault(
        breaks="an archive may have one member too many",
        file=f"{_JOB}/inventory.py",
        before="if len(self._kinds) > self._max_members:",
        after="if len(self._kinds) > self._max_members + 1:",
        tests=(f"{_TESTS}::test_an_archive_may_have_as_many_members_as_the_limit_says",),
    ),
    PlantedFault(
        breaks="an archive that is cut off between two members passes",
        file=f"{_JOB}/job.py",
        before="        scanner.finish()\n",
        after="",
        tests=_refused("no-end-of-archive"),
    ),
    PlantedFault(
        breaks="the ratio is that of what is unpacked to itself",
        file=f"{_JOB}/archive_file.py",
        before="limits.bytes_by_ratio(segment.position)",
        after="limits.bytes_by_ratio(unpacked)",
        tests=(f"{_TESTS}::test_a_bomb_is_known_by_its_ratio",),
    ),
    PlantedFault(
        breaks="setgid bits stay",
        file=f"{_JOB}/tar/rewriting.py",
        before="_SET_ID_BITS = stat.S_ISUID | stat.S_ISGID",
        after="_SET_ID_BITS = stat.S_ISUID",
        tests=(f"{_TESTS}::test_setuid_and_setgid_bits_are_dropped_with_a_warning",),
    ),
    PlantedFault(
        breaks="the manifest's CRC-32 is that of the last piece",
        file=f"{_JOB}/new_file.py",
        before="crc32(span, self.crc32)",
        after="crc32(span)",
        tests=(f"{_TESTS}::test_the_manifest_describes_the_output",),
    ),
    PlantedFault(
        breaks="code stands in the archive in the order in which it was found",
        file="constructs_lib/jobs/common/code_members.py",
        before='return sorted(members, key=lambda member: raw(member.path).split(b"/"))',
        after="return list(members)",
        tests=(f"{_TESTS}::test_code_gives_the_same_bytes_however_it_arrives",),
    ),
    PlantedFault(
        breaks="the name of a dangerous function can be allowed",
        file=f"{_JOB}/pickles/globals.py",
        before="        if is_dangerous(named):\n",
        after="        if is_dangerous(named) and str(named) not in self.own:\n",
        tests=(
            f"{_PICKLES}/test_pickle_opcodes.py"
            "::test_the_name_of_a_dangerous_global_cannot_be_allowed",
        ),
    ),
    PlantedFault(
        breaks="what is reached through another module is not known to be dangerous",
        file=f"{_JOB}/pickles/globals.py",
        before="return reaches_through or not _REACHED_THROUGH_OTHERS.isdisjoint(parts)",
        after="return reaches_through",
        tests=(
            f"{_PICKLES}/test_pickle_opcodes.py"
            "::test_code_is_found_whatever_the_opcodes_and_the_name",
        ),
    ),
    PlantedFault(
        breaks="pickles that only an attacker writes pass where unknown names do",
        file=f"{_JOB}/pickles/findings.py",
        before="return policy == REFUSE or (policy == WARN and self.kind.is_attack)",
        after="return policy == REFUSE",
        tests=(
            f"{_PICKLES}/test_packaged_pickles.py"
            "::test_code_in_a_model_ends_the_job_without_an_output",
        ),
    ),
    PlantedFault(
        breaks="the CRC of what a zip file stores is not compared",
        file=f"{_JOB}/pickles/contents.py",
        before="if self._look(content) and stored_crc(content.region) != member.crc:",
        after="if not self._look(content):",
        tests=(
            f"{_PICKLES}/test_pickle_containers.py"
            "::test_a_zip_that_readers_see_differently_is_a_finding",
        ),
    ),
    PlantedFault(
        breaks="the CRC of what a zip file compresses is not compared",
        file=f"{_JOB}/pickles/contents.py",
        before="(content, iter(crc), member.size) and crc.value != member.crc:",
        after="(content, iter(crc), member.size) and not crc:",
        tests=(
            f"{_PICKLES}/test_pickle_containers.py"
            "::test_a_zip_that_readers_see_differently_is_a_finding",
        ),
    ),
)
