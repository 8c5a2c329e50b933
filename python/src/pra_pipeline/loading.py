"""Trained models, from a run or from a file of `pra export checkpoint`."""

from __future__ import annotations

import json
import math
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .client import Client
from .errors import PraError
from .model import PRAModel

_TYPES: dict[str, np.dtype[Any]] = {
    "F32": np.dtype("<f4"), "F64": np.dtype("<f8"), "F16": np.dtype("<f2")}


def load(
    source: str | int | os.PathLike[str], *, step: int | None = None, weights: str | None = None,
    device: str | torch.device = "cpu", dtype: torch.dtype | None = None,
    client: Client | None = None,
) -> PRAModel:
    """A trained model, ready for `forward` and `sample`.

    source: name or number of a run, or the path of a .safetensors file of
    `pra export checkpoint`. step: of a run, by default the newest checkpoint. weights: `model`, or
    an average such as `ema-0.999`; by default what the run samples with. dtype: float32 by default;
    float64 follows the program's pixels most closely.
    """
    if isinstance(source, os.PathLike) or str(source).endswith(".safetensors"):
        if step is not None:
            raise TypeError("step: a file holds one step")
        return from_file(Path(source), weights=weights, device=device, dtype=dtype)  # type: ignore[arg-type]
    if client is not None:
        return client.run(source).load(step=step, weights=weights, device=device, dtype=dtype)
    with Client() as own:
        return own.run(source).load(step=step, weights=weights, device=device, dtype=dtype)


def from_file(
    path: str | os.PathLike[str], *, weights: str | None = None,
    device: str | torch.device = "cpu", dtype: torch.dtype | None = None,
) -> PRAModel:
    """The model of a file of `pra export checkpoint`."""
    tensors, metadata = read_safetensors(path)
    if "config" not in metadata:
        raise PraError(f"{path}: has no configuration; expected a file of `pra export checkpoint`")
    config: dict[str, Any] = json.loads(metadata["config"])
    table = json.loads(metadata.get("classes", "{}"))
    classes = config["classes"]
    model = PRAModel(
        config, classes, class_names=table.get("names", ()),
        drawn_classes=[n for n, count in enumerate(table.get("images", ())) if count > 0])
    chosen = weights or config["sampling"]["weights"]
    prefix = "" if chosen == "model" else f"{chosen}."
    state = {name: tensors[prefix + name] for name in model.state_dict() if prefix + name in tensors}
    if not state:
        averages = sorted({name.split(".trunk.")[0] for name in tensors if ".trunk." in name})
        raise PraError(f"{path}: has no weights {chosen!r}; it has model, {', '.join(averages)}")
    model.load_state_dict(state)
    return model.to(device=device, dtype=dtype).eval()


def read_safetensors(
    path: str | os.PathLike[str],
) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Tensors by name, and the metadata, of a safetensors file."""
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else size
        if length > size - 8:
            raise PraError(f"{path}: is no safetensors file, or truncated")
        header: dict[str, Any] = json.loads(file.read(length))
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        first, last = entry["data_offsets"]
        kind = _TYPES.get(entry["dtype"])
        count = math.prod(entry["shape"])
        if kind is None or last - first != count * kind.itemsize or 8 + length + last > size:
            raise PraError(f"{path}: tensor {name!r} does not fit its type or lies outside the file")
        flat = np.fromfile(path, kind, count, offset=8 + length + first)
        tensors[name] = torch.from_numpy(flat.astype(kind.newbyteorder("="))).reshape(entry["shape"])
    return tensors, metadata
