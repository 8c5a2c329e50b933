"""The package is typed."""

from conftest import ROOT
from mypy import api


def test_the_types_hold() -> None:
    folder = ROOT / "python"
    said, errors, status = api.run(
        ["--config-file", str(folder / "pyproject.toml"), "--cache-dir", str(ROOT / ".build" / "mypy"),
         str(folder / "src" / "pra_pipeline")])
    assert status == 0, said + errors
