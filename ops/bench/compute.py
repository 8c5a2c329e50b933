"""Ours and PyTorch in turns on pinned threads, or our products beside OpenBLAS's: rows of results.

Called by ops/bench/compute, which builds ours and installs the peer. A turn runs every program of a
work once, one after the other; a ratio is of the medians of a turn's rounds, and the peer is the one
that is fastest over all turns.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass, field

from rig.rows import Results, add_options, command_line


@dataclass
class Work:
    """What is timed: `ours` and `peers` name precisions, peers run eager and compiled."""

    work: str
    preset: str
    batch: int
    ours: str
    peers: tuple[str, ...]
    rounds: int
    # The least ratio to the peer that is wanted; none where the machine does not allow what was wished for. What is
    # wanted of every work is SHARE of the rate that bounds it, measured in the same run.
    least: float | None
    positions: str | None = None
    # What bounds it: matrix products, or memory where every weight is read for each image and position.
    bound: str = "products"
    # By program: the rounds of each turn.
    seconds: dict[str, list[list[float]]] = field(default_factory=dict)
    memory: dict[str, int] = field(default_factory=dict)
    gflop: float = 0
    gbytes: float = 0

    @property
    def name(self) -> str:
        verb = "training step" if self.work == "step" else "sampling"
        return f"{verb} {self.preset}, batch {self.batch}, {self.ours}"


# Percent.
SHARE = 85


def works() -> list[Work]:
    both = ("fp32", "bf16")
    return [
        Work("step", "nano", 64, "fp32", ("fp32",), 7, None),
        Work("step", "pra-s", 8, "fp32", ("fp32",), 1, 1.15),
        Work("step", "pra-s", 8, "bf16", ("bf16",), 1, None),
        Work("sample", "nano", 64, "fp32", ("fp32",), 5, None),
        # A peer's 256 positions take minutes: eight in the middle, where a cache has its mean length.
        Work("sample", "pra-s", 1, "bf16", both, 1, 3, "124-132", "memory"),
        Work("sample", "pra-s", 8, "bf16", both, 1, 2.2, "124-132"),
        Work("sample", "pra-s", 32, "bf16", both, 1, 2.2, "126-130"),
    ]


def run(command: list[str], cores: str) -> dict:
    # A peer's threads are bound to a core each: unbound ones were seen sharing one for a whole run.
    # OpenBLAS and MKL choose their own kernels.
    variables = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
    variables |= {"OMP_PROC_BIND": "true"}
    done = subprocess.run(["taskset", "-c", cores, *command], env=variables, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def measure(work: Work, ours: str, peer: list[str], threads: int, turns: int) -> None:
    cores = f"0-{threads - 1}"
    common = ["--preset", work.preset, "--batch", str(work.batch), "--threads", str(threads),
              "--rounds", str(work.rounds)]
    programs = {"ours": [ours, work.work, *common, "--precision", work.ours]}
    for precision in work.peers:
        for compiled in ((), ("--compile",)):
            name = " ".join(["eager" if not compiled else "compiled", precision])
            programs[name] = [
                *peer, work.work, *common, *compiled,
                *(["--bf16"] if precision == "bf16" else []),
                *(["--positions", work.positions] if work.positions else [])]
    for _ in range(turns):
        for name, command in programs.items():
            figures = run(command, cores)
            work.seconds.setdefault(name, []).append(figures["rounds"])
            work.memory[name] = max(work.memory.get(name, 0), figures["memory_mib"])
            work.gflop = figures.get("gflop", work.gflop)
            work.gbytes = figures.get("gbytes", work.gbytes)
            print(f"{work.name}: {name} {figures['seconds']:.4g} s", file=sys.stderr)


def report(work: Work, limits: dict[str, dict], results: Results) -> None:
    """Adds the rows of a work: how many times as long as ours its fastest peer takes, and how near ours is to what
    bounds it."""
    medians = {name: statistics.median(sum(turns, [])) for name, turns in work.seconds.items()}
    ours = medians.pop("ours")
    best = min(medians, key=medians.get)
    ratios = [statistics.median(peer) / statistics.median(own)
              for peer, own in zip(work.seconds[best], work.seconds["ours"])]
    memory = ", ".join(f"{name} {work.memory[name]:,}" for name in medians)
    results.add(
        f"{work.name}: PyTorch's time to ours", ratios, "times", work.least and f">= {work.least}",
        f"{ours:.4g} s, PyTorch {medians[best]:.4g} s ({best}); {work.memory['ours']:,} MiB, PyTorch {memory}")
    limit = limits[work.ours]
    if work.bound == "memory":
        done, rate, note = work.gbytes, limit["gbytes_per_second"], "copies at {:.1f} GB/s"
    else:
        done, rate, note = work.gflop, limit["gflops"], "products at {:.0f} GF/s"
    shares = [100 * done / statistics.median(own) / rate for own in work.seconds["ours"]]
    results.add(f"{work.name}: share of the limit", shares, "%", f">= {SHARE}", note.format(rate))


def report_products(lines: str, results: Results) -> None:
    """Adds a row for each product that bench-compute has timed on one thread, beside OpenBLAS."""
    for product in map(json.loads, lines.splitlines()):
        ratios = [peer / own for own, peer in zip(product["ours"], product["openblas"])]
        rates = [product["gflop"] / statistics.median(product[side]) for side in ("ours", "openblas")]
        results.add(f"product {product['name']}, one thread: OpenBLAS's time to ours", ratios, "times",
                    note="{:.0f} GF/s, OpenBLAS {:.0f}".format(*rates))


def report_presets(program: str, threads: int, results: Results) -> None:
    """Adds the memory of a step and of an image of the paper's presets, which shall fit into 24 GiB, and how often a
    step asks for memory from the heap."""
    def figures(work: str, preset: str, *more: str) -> dict:
        return run([program, work, "--preset", preset, "--threads", str(threads), *more], f"0-{threads - 1}")

    steps = [figures("step", "nano"), figures("step", "pra-s", "--batch", "8", "--precision", "bf16", "--rounds", "1")]
    results.add("heap allocations of a training step, nano fp32 and pra-s bf16",
                [step["allocations"] for step in steps], "", "= 0", "counted in the whole process, in the steady state")
    for preset in ("pra-s", "pra-b", "pra-l"):
        once = ["--rounds", "1", "--precision", "bf16"]
        step = figures("step", preset, "--batch", "2", "--micro-batch", "1", "--recompute", "--warm", "1", *once)
        image = figures("sample", preset, "--batch", "1", *once)
        results.add(f"memory of a training step of {preset}, 2 images, bf16", step["memory_mib"], "MiB", "<= 24576",
                    f"{step['seconds']:.3g} s a step, without LPIPS")
        results.add(f"memory of drawing an image with {preset}, bf16", image["memory_mib"], "MiB", "<= 24576",
                    f"{image['seconds']:.3g} s an image")


def parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=["products", "presets"],
                        help="products alone, beside OpenBLAS; or the memory of the paper's presets")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--only", default="", help="works whose name holds this")
    add_options(parser)
    return parser.parse_args(words)


def main(program: str, words: list[str]) -> None:
    options = parse(words)
    results = Results("compute", command_line("ops/bench/compute", words), options)
    if options.what == "products":
        # One thread: in one process two pools of threads that wait busily would only measure each other.
        command = ["taskset", "-c", "0", program, "products", "--threads", "1"]
        report_products(subprocess.run(command, check=True, capture_output=True, text=True).stdout, results)
        return results.finish()
    if options.what == "presets":
        report_presets(program, options.threads, results)
        return results.finish()
    chosen = [work for work in works() if options.only in work.name]
    if not chosen:
        sys.exit(f"--only {options.only}: no work; there are {', '.join(w.name for w in works())}")
    limits = {}
    for precision in sorted({work.ours for work in chosen}):
        command = [program, "limit", "--precision", precision, "--threads", str(options.threads),
                   "--rounds", "7"]
        limits[precision] = run(command, f"0-{options.threads - 1}")
    peer = [sys.executable, os.path.join(os.path.dirname(__file__), "peer.py")]
    for work in chosen:
        measure(work, program, peer, options.threads, options.turns)
        report(work, limits, results)
    results.finish()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
