"""The folder can be installed by pip, alone and without PyTorch."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from conftest import ROOT


def test_pip_installs_the_folder(tmp_path: Path) -> None:
    # A copy, since a build writes beside what it builds.
    source = tmp_path / "python"
    shutil.copytree(ROOT / "python", source, ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation",
         "--no-index", "--target", str(tmp_path / "site"), str(source)],
        check=True)
    script = (
        "import sys, pra_pipeline\n"
        "assert 'torch' not in sys.modules\n"
        "print(pra_pipeline.__file__, pra_pipeline.load.__name__)")
    ended = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ended.stdout.split()[0].startswith(str(tmp_path / "site"))
    assert (tmp_path / "site" / "pra_pipeline" / "py.typed").exists()
