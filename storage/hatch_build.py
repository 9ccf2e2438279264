"""Compiles the decoder of records for a wheel, where GOMQ_COMPILE=1 asks for it. The usual wheel is pure Python.

mypyc turns the same sources into extension modules, which Python then prefers to the ``.py`` files beside them. Needs a
C compiler and Python's headers.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any, Final

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_MODULES: Final = ("varint", "record_fields", "record_runs", "record_heads", "record_columns")
_EDITABLE: Final = "editable"


def _is_wanted() -> bool:
    return os.environ.get("GOMQ_COMPILE", "0") not in {"", "0"}


class CompilingHook(BuildHookInterface[BuilderConfig]):
    """What hatchling calls before and after it builds a wheel."""

    def dependencies(self) -> list[str]:
        """Return what must be installed to build."""
        return ["mypy>=1.14", "setuptools"] if _is_wanted() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the extension modules to the wheel, and say that it is for this Python and platform alone."""
        if not _is_wanted() or version == _EDITABLE:
            return
        compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
        if shutil.which(compiler) is None:
            self.app.abort(
                f"GOMQ_COMPILE needs a C compiler, and {compiler} is not there; without it GoMQ is pure Python"
            )
        self._directory = Path(tempfile.mkdtemp(prefix="gomq-compile-"))
        shutil.copytree(Path(self.root, "storage", "gomq_storage"), self._directory / "gomq_storage")
        sources = [f"gomq_storage/{module}.py" for module in _MODULES]
        command = [sys.executable, "-m", "mypyc", "--ignore-missing-imports", *sources]
        done = subprocess.run(  # noqa: S603 - our own command
            command, cwd=self._directory, capture_output=True, text=True, check=False
        )
        if done.returncode:
            self.app.abort(f"mypyc cannot compile the decoder of records:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        suffix = sysconfig.get_config_var("EXT_SUFFIX")
        for path in (*self._directory.glob(f"*{suffix}"), *self._directory.glob(f"gomq_storage/*{suffix}")):
            build_data["force_include"][str(path)] = str(path.relative_to(self._directory))
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002 - hatchling's
        """Remove what was only needed meanwhile."""
        if hasattr(self, "_directory"):
            shutil.rmtree(self._directory)
