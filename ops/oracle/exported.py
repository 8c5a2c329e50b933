"""Compares a checkpoint in one file with its folder, read by the package safetensors.

    exported.py FILE.safetensors FOLDER    # pra export checkpoint RUN -o ..., both ways

Compares every tensor to the bit and the metadata with state.json. Exits 1 at the first difference.
"""

import json
import pathlib
import sys

import numpy
from safetensors import safe_open


def tensors(path: pathlib.Path) -> dict[str, numpy.ndarray]:
    with safe_open(path, framework="numpy") as file:
        return {name: file.get_tensor(name) for name in file.keys()}


def main(one: pathlib.Path, folder: pathlib.Path) -> None:
    found = tensors(one)
    with safe_open(one, framework="numpy") as file:
        metadata = file.metadata()
    wanted = dict(tensors(folder / "model.safetensors"))
    for path in folder.glob("ema-*.safetensors"):
        wanted |= {f"{path.name.removesuffix('.safetensors')}.{n}": t
                   for n, t in tensors(path).items()}
    if any(name.startswith("optimizer.") for name in found):
        moments = tensors(folder / "optimizer.safetensors")
        wanted |= {f"optimizer.{n}": t for n, t in moments.items()}
    if found.keys() != wanted.keys():
        raise SystemExit(f"names differ: {sorted(found.keys() ^ wanted.keys())[:5]}")
    for name, tensor in wanted.items():
        if tensor.shape != found[name].shape or tensor.tobytes() != found[name].tobytes():
            raise SystemExit(f"{name} differs")
    state = json.loads((folder / "state.json").read_text())
    for key, value in state.items():
        text = metadata[key]
        if (json.loads(text) if key == "config" else text) != (
                value if key == "config" else str(value)):
            raise SystemExit(f"__metadata__: {key} is {text}, state.json says {value}")
    print(f"{len(found)} tensors and {len(state)} texts are the same")


if __name__ == "__main__":
    main(*map(pathlib.Path, sys.argv[1:]))
