"""Inception features, images per second, in turns; called by ops/bench/inception."""

import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy
import torch

from rig.rows import Results, command_line, parser_of

# This file has the oracle's name: the oracle is looked for first.
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "oracle"))
import inception  # noqa: E402

LAYOUTS = {"channels first": torch.contiguous_format, "channels last": torch.channels_last}


def parse(words):
    parser = parser_of(__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--images", type=int, default=48)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batches", default="8,16")
    return parser.parse_args(words)


class Peer:
    """PyTorch's network in a layout and a batch."""

    def __init__(self, state, layout, batch):
        self.memory, self.batch, self.name = LAYOUTS[layout], batch, f"{layout}, batch {batch}"
        self.module = inception.network(state).to(memory_format=self.memory)

    def speed(self, images):
        """Images a second, warm."""
        inception.features(self.module, images[:self.batch], self.batch, self.memory)  # first touch of memory
        start = time.perf_counter()
        inception.features(self.module, images, self.batch, self.memory)
        return len(images) / (time.perf_counter() - start)


def fastest(state, images, batches):
    """The peer as it is fastest here; two batches are enough to tell."""
    peers = [Peer(state, layout, batch) for layout in LAYOUTS for batch in batches]
    speeds = {peer: peer.speed(images[:2 * peer.batch]) for peer in peers}
    for peer, speed in speeds.items():
        print(f"PyTorch, {peer.name}: {speed:.2f} images/s", file=sys.stderr)
    return max(speeds, key=speeds.get)


def main(bench, words):
    options = parse(words)
    results = Results("images", command_line("ops/bench/inception", words), options)
    torch.set_num_threads(options.threads)
    state = inception.random_state()
    images = inception.pictures(options.images, options.side, options.side, 1)
    peer = fastest(state, images, [int(batch) for batch in options.batches.split(",")])
    with tempfile.TemporaryDirectory() as folder:
        torch.save(state, f"{folder}/weights.pth")
        numpy.savez(f"{folder}/images.npz", arr_0=images)
        command = [bench, "speed", f"{folder}/weights.pth", f"{folder}/images.npz", "--threads",
                   str(options.threads)]

        def ours():
            return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

        turns = [(ours(), peer.speed(images)) for _ in range(options.rounds)]
    own, theirs = (statistics.median(side) for side in zip(*turns))
    results.add("Inception features: PyTorch's time to ours", [a / b for a, b in turns], "times", ">= 1.2",
                f"{own:.2f} images/s, PyTorch {torch.__version__} ({peer.name}) {theirs:.2f}; {options.images} images"
                f" of {options.side} x {options.side}, {options.threads} threads")
    results.finish()


main(sys.argv[1], sys.argv[2:])
