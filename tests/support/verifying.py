"""Verify files inside the test's process and see what was complained of."""

from pathlib import Path

from gomq_dump.checks.complaints import Complaint
from gomq_dump.checks.groups import group_files
from gomq_dump.checks.run import Verdict, check_groups
from gomq_dump.reading.paths import collect


def complaints_of(path: Path, *, is_deep: bool = False) -> list[Complaint]:
    """Verify all that a path stands for."""
    groups = group_files(collect(str(path)), [str(path)])
    checked = check_groups(groups, Verdict(), is_deep=is_deep, advance=lambda _: None)
    return [complaint for complaints in checked for complaint in complaints]


def damage_in(path: Path) -> list[Complaint]:
    """Verify all that a path stands for; leave out the notes."""
    return [complaint for complaint in complaints_of(path) if complaint.finding.is_damage]


def found_in(path: Path) -> set[tuple[str, str]]:
    """Name what was found, and the files in which it was."""
    return {(Path(path).name, finding.problem.value) for path, finding in complaints_of(path)}
