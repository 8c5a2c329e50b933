"""The program `pra`, which checks and submits runs and reads stores of every kind."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from .errors import PraError


class Program:
    """Calls `pra` with the environment of this process.

    It is `path`, or what PRA_PROGRAM names, or the `pra` in PATH.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        given = path or os.environ.get("PRA_PROGRAM") or None
        found = shutil.which(given or "pra")
        if found is None:
            wanted = f"{given} is no program" if given else "there is no pra in PATH"
            raise PraError(f"{wanted}; build it with `swift build -c release` and set PRA_PROGRAM")
        self.path = found

    def __call__(
        self, *words: str, environment: Mapping[str, str] | None = None, folder: Path | None = None
    ) -> str:
        """The output of a verb.

        Raises PraError with the program's own sentence if it does not end with 0.
        """
        ended = subprocess.run(
            [self.path, *words], env={**os.environ, **(environment or {})}, cwd=folder,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if ended.returncode != 0:
            raise PraError(sentence(ended.stderr, words))
        return ended.stdout.strip()


def sentence(text: str, words: Sequence[str]) -> str:
    """The last line of an error output that begins with `error: `, without that."""
    lines = [line for line in text.splitlines() if line.startswith("error: ")]
    if lines:
        return lines[-1].removeprefix("error: ")
    said = text.strip().splitlines()
    return f"pra {' '.join(words[:2])} failed" + (f": {said[-1]}" if said else "")
