"""Images a second of Inception features in turns; called by ops/bench/inception."""

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
options.add_argument("--batches", default="8,16,32")
chosen = options.parse_args()
torch.set_num_threads(chosen.threads)

state = inception.random_state()
module = inception.network(state)
images = inception.pictures(chosen.images, chosen.side, chosen.side, 1)
batches = [int(b) for b in chosen.batches.split(",")]
with tempfile.TemporaryDirectory() as folder:
    torch.save(state, f"{folder}/weights.pth")
    numpy.savez(f"{folder}/images.npz", arr_0=images)

    def ours() -> float:
        words = [chosen.bench, "speed", f"{folder}/weights.pth", f"{folder}/images.npz",
                 "--threads", str(chosen.threads)]
        return float(subprocess.run(words, check=True, capture_output=True, text=True).stdout)

    def theirs(batch: int) -> float:
        inception.features(module, images[:batch], batch)  # first touch of memory
        start = time.perf_counter()
        inception.features(module, images, batch)
        return len(images) / (time.perf_counter() - start)

    # PyTorch at whichever batch serves it best.
    best = max(batches, key=theirs)
    rows = [(ours(), theirs(best)) for _ in range(chosen.rounds)]
    mine, other = (statistics.median(column) for column in zip(*rows))
    print(f"{chosen.images} images of {chosen.side} x {chosen.side}, {chosen.threads} threads, "
          f"median of {chosen.rounds}: ours {mine:.2f} images/s, PyTorch {torch.__version__} "
          f"(batch {best}) {other:.2f} images/s, ratio {mine / other:.2f}")
