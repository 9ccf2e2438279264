"""Are the tests of the log worth something? Switch off one sync, CRC check or bound check at a time, and see them fail.

    make mutants                            all of them, an hour or two
    make mutants ARGS="--only recovery.py"  some; a part of what --list shows
    make mutants ARGS=--list                what there is

A mutant is one statement that syncs a file or a directory, left out, or one check (an ``if`` that raises), never true.
Each is tested in a copy of the sources, which may be worked on meanwhile: first the tests of its own module, then all
others of the log, until one fails. Those that no test notices are listed at the end, and the exit code is 1.
"""

import argparse
import ast
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = Path("storage/gomq_storage")
COPIED = ("gomq", "storage", "tests", "tools", "pyproject.toml", "README.md")
SYNCS = {
    *("sync", "sync_directory", "sync_indexes", "fsync", "fdatasync"),
    *("save_log_starts", "save_recovery_points", "save_first_dirty"),
}
SECONDS = 900


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: in a file, the source between two places, and what stands there instead."""

    path: Path
    line: int
    start: int
    end: int
    replacement: str
    what: str

    def __str__(self) -> str:
        return f"{self.path.name}:{self.line}: {self.what}"

    def applied(self, source: bytes) -> bytes:
        return source[: self.start] + self.replacement.encode() + source[self.end :]


def mutants_of(path: Path) -> Iterator[Mutant]:
    """Find what can be switched off in a file."""
    source = (ROOT / path).read_bytes()
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def mutant(node: ast.stmt | ast.expr, replacement: str, what: str) -> Mutant:
        start = starts[node.lineno - 1] + node.col_offset
        end = starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        text = " ".join(source[start:end].decode().split())
        return Mutant(path, node.lineno, start, end, replacement, f"{what}: {text}")

    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            called = node.value.func
            if isinstance(called, ast.Attribute) and called.attr in SYNCS:
                yield mutant(node, "None", "no")
        elif isinstance(node, ast.If) and isinstance(node.body[-1], ast.Raise):
            yield mutant(node.test, "False", "never")


def main() -> int:
    """Test the mutants, and list those that survive."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="list the mutants and test none")
    parser.add_argument("--only", default="", metavar="TEXT", help="those whose file, line or source has this text")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), metavar="N", help="how many at once")
    options = parser.parse_args()
    files = sorted(path.relative_to(ROOT) for path in (ROOT / PACKAGE).glob("*.py"))
    chosen = [each for path in files for each in mutants_of(path) if options.only in str(each)]
    if options.list:
        print(*chosen, sep="\n")
        return 0
    survivors = _test(chosen, options.workers or 1)
    print(f"\n{len(chosen) - len(survivors)} of {len(chosen)} mutants were noticed")
    for survivor in survivors:
        print(f"survived  {survivor}")
    return 1 if survivors else 0


def _test(mutants: list[Mutant], workers: int) -> list[Mutant]:
    survivors: list[Mutant] = []
    with tempfile.TemporaryDirectory() as directory, ThreadPoolExecutor(workers) as pool:
        copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(workers):
            copies.put(_copy(Path(directory) / str(number)))

        def test(mutant: Mutant) -> bool:
            copy = copies.get()
            try:
                return _is_noticed(mutant, copy)
            finally:
                copies.put(copy)

        for mutant, noticed in zip(mutants, pool.map(test, mutants), strict=True):
            print(f"{'noticed ' if noticed else 'SURVIVED'}  {mutant}", flush=True)
            if not noticed:
                survivors.append(mutant)
    return survivors


def _copy(target: Path) -> Path:
    target.mkdir()
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, target / name)
    return target


def _is_noticed(mutant: Mutant, copy: Path) -> bool:
    """Run the tests on a mutant until one fails."""
    changed = copy / mutant.path
    source = changed.read_bytes()
    changed.write_bytes(mutant.applied(source))
    own = f"tests/storage/test_{mutant.path.stem}.py"
    paths = [own] if (copy / own).exists() else []
    try:
        return any(not _pass(copy, chosen) for chosen in (paths, ["tests/storage", "tests/dump"]) if chosen)
    finally:
        changed.write_bytes(source)


def _pass(copy: Path, paths: list[str]) -> bool:
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(str(copy / name) for name in ("", "storage", "tools")),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--timeout", "60", *paths]
    try:
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
