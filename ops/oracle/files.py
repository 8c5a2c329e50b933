"""Reads the program's files by their layout: checkpoints (model.md section 8), data sets."""

import io
import json
import pathlib
import struct
import tarfile

import torch
from PIL import Image

DTYPES = {"F32": torch.float32, "F64": torch.float64}
PICTURES = (".png", ".jpg", ".jpeg")


def read_tensors(path: pathlib.Path) -> dict[str, torch.Tensor]:
    """A safetensors file, as float64."""
    raw = path.read_bytes()
    (length,) = struct.unpack_from("<Q", raw)
    header, data = json.loads(raw[8:8 + length]), raw[8 + length:]
    header.pop("__metadata__", None)
    out = {}
    for name, entry in header.items():
        first, last = entry["data_offsets"]
        flat = torch.frombuffer(bytearray(data[first:last]), dtype=DTYPES[entry["dtype"]])
        out[name] = flat.double().reshape(entry["shape"])
    return out


class Checkpoint:
    """A folder `step-<n>`: weights, averages by decay, moments and state."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.state = json.loads((folder / "state.json").read_text())
        if folder.name.startswith("step-") and folder.name != f"step-{self.state['step']}":
            raise SystemExit(f"{folder}: holds step {self.state['step']}, not what its name says")
        self.config: dict = self.state["config"]
        self.step: int = self.state["step"]
        self.weights = read_tensors(folder / "model.safetensors")
        self.averages = {
            d: read_tensors(folder / f"ema-{d!r}.safetensors")
            for d in self.config["training"]["ema"]}
        optimizer = read_tensors(folder / "optimizer.safetensors")
        self.m = {n: optimizer[f"{n}.m"] for n in self.weights}
        self.v = {n: optimizer[f"{n}.v"] for n in self.weights}
        if len(optimizer) != 2 * len(self.weights):
            raise SystemExit(f"{folder}/optimizer.safetensors: tensors that no weight has")


class DataSet:
    """Images [n, H, H, C] of bytes and labels, numbered as in model.md section 6."""

    def __init__(self, path: pathlib.Path, size: int, channels: int) -> None:
        self.images: list[list] = []
        self.labels: list[int] = []
        with path.open("rb") as file:
            packed = file.read(8) == b"PRADATA1"
        (self._read_packed if packed else self._read_tar)(path, size, channels)

    def _read_packed(self, path: pathlib.Path, size: int, channels: int) -> None:
        raw = path.read_bytes()
        side, depth, count = struct.unpack_from("<IIQ", raw, 8)
        if (side, depth) != (size, channels):
            raise SystemExit(f"{path}: images of {side} x {depth}, not {size} x {channels}")
        pixels = torch.frombuffer(bytearray(raw[128:]), dtype=torch.uint8)
        length = count * side * side * depth
        self.images = pixels[:length].reshape(count, side, side, depth).tolist()
        self.labels = list(struct.unpack_from(f"<{count}I", raw, 128 + length))

    def _read_tar(self, path: pathlib.Path, size: int, channels: int) -> None:
        """An archive whose images already have the model's size."""
        with tarfile.open(path) as archive:
            found = {}
            for entry in archive:
                name = entry.name.removeprefix("./")
                if entry.isfile() and name.lower().endswith(PICTURES) and "/" in name:
                    found[name] = archive.extractfile(entry).read()
        classes = sorted({name.split("/")[0] for name in found}, key=str.encode)
        order = {name: number for number, name in enumerate(classes)}
        parts = [(order[name.split("/")[0]], name.encode(), name) for name in found]
        for label, _, name in sorted(parts):
            self.images.append(pixels(io.BytesIO(found[name]), size, channels).tolist())
            self.labels.append(label)


def pixels(source, size: int, channels: int) -> torch.Tensor:
    """A picture file as bytes [size, size, channels]."""
    picture = Image.open(source).convert("RGB" if channels == 3 else "L")
    if picture.size != (size, size):
        raise SystemExit(f"{source}: {picture.size[0]} x {picture.size[1]}, not {size} x {size}")
    flat = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8)
    return flat.reshape(size, size, channels)
