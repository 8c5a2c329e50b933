"""A private database, the built program, and one small run that all tests share."""

from __future__ import annotations

import os
import shutil
import struct
import sys
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pra_pipeline import Client, Run

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "ops" / "oracle"))

try:
    import torch  # noqa: F401
except ImportError:
    # ops/setup says so when it finds none.
    collect_ignore = ["test_model.py", "test_loading.py", "test_notebook.py"]


def png(image: np.ndarray) -> bytes:
    """An RGB picture [height, width, 3] as a PNG file."""
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = image.shape[:2]
    rows = b"".join(b"\0" + row.tobytes() for row in image)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows))
            + chunk(b"IEND", b""))


def pictures(folder: Path) -> Path:
    """A folder of two classes with six pictures of 32 x 32 each."""
    random = np.random.default_rng(0)
    for name, level in (("dark", 40), ("light", 200)):
        (folder / name).mkdir(parents=True)
        for i in range(6):
            image = np.clip(random.normal(level, 30, (32, 32, 3)), 0, 255).astype(np.uint8)
            (folder / name / f"{i}.png").write_bytes(png(image))
    return folder


@pytest.fixture(scope="session")
def program() -> str:
    """The program under test: PRA_PROGRAM, or what was built last."""
    given = os.environ.get("PRA_PROGRAM")
    return given or str((ROOT / ".build" / "debug" / "pra").resolve())


@pytest.fixture(scope="session")
def home(program: str) -> Iterator[Path]:
    """The folder of a private database, which runs as long as the tests."""
    # The account that the server runs as must be able to pass through it.
    folder = Path(tempfile.mkdtemp(prefix="pra-python-"))
    folder.chmod(0o755)
    before = {name: os.environ.pop(name, None) for name in ("PRA_DATABASE_URL", "PRA_HOME")}
    os.environ |= {"PRA_HOME": str(folder / "home"), "PRA_PROGRAM": program}
    try:
        yield folder
    finally:
        from pra_pipeline.program import Program

        Program(program)("down")
        os.environ |= {name: value for name, value in before.items() if value is not None}
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def client(home: Path, program: str) -> Iterator[Client]:
    with Client(program=program) as client:
        yield client


@pytest.fixture(scope="session")
def description(home: Path) -> dict:
    """A run that trains four steps on pictures of this test's own."""
    return {
        "name": "small",
        "data": {"source": str(pictures(home / "pictures"))},
        "config": {
            "preset": "nano", "training": {"total": 4, "batch": 4, "warmup": 1},
            "sampling": {"steps": 4}},
        "sample": {"count": 6, "shards": 2},
        "evaluate": True,
    }


@pytest.fixture(scope="session")
def run(client: Client, description: dict) -> Run:
    """That run, done."""
    run = client.submit(description)
    client.work(threads=2)
    return run.wait(timeout=300, progress=False)
