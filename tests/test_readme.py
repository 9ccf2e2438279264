"""What the READMEs show works as it stands there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from gomq.protocol.api import SERVED, UNLISTED
from tests.support.pages import REPOSITORY, blocks


@pytest.mark.parametrize(
    ("readme", "printed"),
    [
        ("README.md", "on disk at offset 0\n0 b'42' b'one'\n1 None b'two'\n2 None b'three'\n"),
        ("storage/README.md", "0 None b'one'\n1 b'42' b'two'\n"),
    ],
)
def test_its_python_example_runs(readme: str, printed: str, tmp_path: Path):
    example = blocks((REPOSITORY / readme).read_text(), "python")[0]
    (tmp_path / "orders-0").mkdir()

    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", example], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == printed


def test_the_apis_that_are_listed_are_those_that_clients_are_told_of():
    (listed,) = re.findall(
        r"^Served, in every version .*?: (.*?)\.$",
        (REPOSITORY / "docs" / "compatibility.md").read_text(),
        re.MULTILINE | re.DOTALL,
    )

    names = {"".join(map(str.capitalize, api.name.split("_"))) for api in SERVED if api not in UNLISTED}
    assert set(re.split(r",\s", listed)) == names
