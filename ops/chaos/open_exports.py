"""Compares event files and the archive of images with the CSV and the PNG files of the same run."""

import csv
import math
import pathlib
import struct
import sys
import zipfile

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

folder = pathlib.Path(sys.argv[1])

table = {}
for row in csv.DictReader(open(folder / "metrics.csv")):
    table.setdefault(row["name"], []).append((int(row["step"]), float(row["value"])))
found = {}
for path in sorted(folder.glob("board/*/*")):
    events = EventAccumulator(str(path), size_guidance={"scalars": 0})
    events.Reload()
    for tag in events.Tags()["scalars"]:
        found[tag] = [(e.step, e.value) for e in events.Scalars(tag)]
for name, points in table.items():
    same = len(points) == len(found[name]) and all(
        a[0] == b[0] and (np.float32(a[1]) == np.float32(b[1]) or math.isnan(a[1]) and math.isnan(b[1]))
        for a, b in zip(points, found[name])
    )
    assert same, f"{name}: {len(points)} points in the CSV, {len(found[name])} in the event file"
evaluations = [tag for tag in found if tag.startswith("evaluation/")]
print(f"tensorboard: {len(table)} series of {len(table['loss'])} steps agree, "
      f"{len(evaluations)} evaluations")

assert zipfile.ZipFile(folder / "samples.npz").testzip() is None
archive = np.load(folder / "samples.npz")
images, labels = archive["arr_0"], archive["arr_1"]
files = sorted((folder / "images").glob("*.png"))
assert images.dtype == np.uint8 and images.ndim == 4 and images.shape[3] == 3
assert len(images) == len(labels) == len(files)
for image, path in zip(images, files):
    width, height = struct.unpack(">II", path.read_bytes()[16:24])
    assert image.shape == (height, width, 3)
print(f"numpy: arr_0 {images.shape} {images.dtype}, mean {images.mean():.2f}; arr_1 {labels.shape} "
      f"{labels.dtype}, {len(np.unique(labels))} classes; the ZIP's checks hold")
