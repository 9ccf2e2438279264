"""Users' type checkers agree on what everything public is: none has to infer a type that we have not written down.

basedpyright counts that; mypy, which checks our own code, cannot. It comes with its own node, so that nothing else is
fetched when it runs, as ``pyright`` of the same registry would do.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PACKAGES = Path(sys.executable).parent
"""It looks for packages where the first ``python`` on the path does."""


@pytest.mark.parametrize("package", ["gomq", "gomq_storage", "gomq_dump"])
def test_every_public_name_has_a_type_that_is_written_down(package: str, tmp_path: Path):
    command = [sys.executable, "-m", "basedpyright", "--verifytypes", package, "--ignoreexternal", "--outputjson"]
    environment = os.environ | {"PATH": os.pathsep.join((str(PACKAGES), os.environ.get("PATH", os.defpath)))}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    report = json.loads(done.stdout)["typeCompleteness"]

    assert report["exportedSymbolCounts"]["withKnownType"] > 100, "it has found the package"
    assert sorted({complaint for symbol in report["symbols"] for complaint in complaints(symbol)}) == []
    assert report["completenessScore"] == 1


def complaints(symbol: dict[str, Any]) -> Iterator[str]:
    """Say where a type is missing that makes that of a name unknown, or of all that it is a part of."""
    for each in symbol["diagnostics"]:
        if "annotation" in each["message"]:
            yield f"{each['file']}:{each['range']['start']['line'] + 1}: {symbol['name']}"
