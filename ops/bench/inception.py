"""Inception features, images per second, in turns; called by ops/bench/inception."""

import argparse
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy
import torch

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "oracle"))
import inception  # noqa: E402

options = argparse.ArgumentParser()
options.add_argument("bench")
options.add_argument("--threads", type=int, default=2)
options.add_argument("--images", type=int, default=48)
options.add_argument("--side", type=int, default=256)
options.add_argument("--rounds", type=int, default=3)
options.add_argument("--batches", default="8,16")
chosen = options.parse_args()
torch.set_num_threads(chosen.threads)

state = inception.random_state()
layouts = {"channels first": torch.contiguous_format, "channels last": torch.channels_last}
modules = {name: inception.network(state).to(memory_format=layout)
           for name, layout in layouts.items()}
images = inception.pictures(chosen.images, chosen.side, chosen.side, 1)
batches = [int(b) for b in chosen.batches.split(",")]
with tempfile.TemporaryDirectory() as folder:
    torch.save(state, f"{folder}/weights.pth")
    numpy.savez(f"{folder}/images.npz", arr_0=images)

    def ours() -> float:
        words = [chosen.bench, "speed", f"{folder}/weights.pth", f"{folder}/images.npz",
                 "--threads", str(chosen.threads)]
        return float(subprocess.run(words, check=True, capture_output=True, text=True).stdout)

    def theirs(layout: str, batch: int, count: int) -> float:
        module, memory = modules[layout], layouts[layout]
        inception.features(module, images[:batch], batch, memory)  # first touch of memory
        start = time.perf_counter()
        inception.features(module, images[:count], batch, memory)
        return count / (time.perf_counter() - start)

    # PyTorch's fastest layout and batch on this machine, found on two batches each.
    tried = {(layout, batch): theirs(layout, batch, min(2 * batch, len(images)))
             for layout in layouts for batch in batches}
    for (layout, batch), speed in tried.items():
        print(f"PyTorch, {layout}, batch {batch}: {speed:.2f} images/s")
    best = max(tried, key=tried.get)
    rows = [(ours(), theirs(*best, len(images))) for _ in range(chosen.rounds)]
    for row in rows:
        print("turn: ours {:.2f}, PyTorch {:.2f} images/s".format(*row))
    mine, other = (statistics.median(column) for column in zip(*rows))
    print(f"{chosen.images} images of {chosen.side} x {chosen.side}, {chosen.threads} threads, "
          f"median of {chosen.rounds}: ours {mine:.2f} images/s, PyTorch {torch.__version__} "
          f"({best[0]}, batch {best[1]}) {other:.2f} images/s, ratio {mine / other:.2f}")
