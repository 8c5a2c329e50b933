"""Ours and PyTorch in turns on pinned threads: the table of RESULTS.md, or one JSON object a row.

Called by ops/bench/compute, which builds ours and installs the peer. A turn runs every program of a
row once, one after the other; a figure is the median over all rounds of all turns.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass, field


@dataclass
class Row:
    """One measurement: `ours` and `peers` name precisions; peers run eager and compiled."""

    work: str
    preset: str
    batch: int
    ours: str
    peers: tuple[str, ...]
    rounds: int
    least: float
    positions: str | None = None
    seconds: dict[str, list[float]] = field(default_factory=dict)
    memory: dict[str, int] = field(default_factory=dict)
    gflop: float = 0

    @property
    def name(self) -> str:
        verb = "training step" if self.work == "step" else "sampling"
        return f"{verb} {self.preset}, batch {self.batch}, {self.ours}"


def rows() -> list[Row]:
    both = ("fp32", "bf16")
    return [
        Row("step", "nano", 64, "fp32", ("fp32",), 7, 1.8),
        Row("step", "pra-s", 8, "fp32", ("fp32",), 1, 1.15),
        Row("step", "pra-s", 8, "bf16", ("bf16",), 1, 1.4),
        Row("sample", "nano", 64, "fp32", ("fp32",), 5, 4),
        # A peer's 256 positions take minutes, so only eight in the middle, where a cache has its
        # mean length.
        Row("sample", "pra-s", 1, "bf16", both, 1, 3, "124-132"),
        Row("sample", "pra-s", 8, "bf16", both, 1, 2.2, "124-132"),
        Row("sample", "pra-s", 32, "bf16", both, 1, 2.2, "126-130"),
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


def measure(row: Row, ours: str, peer: list[str], threads: int, turns: int) -> None:
    cores = f"0-{threads - 1}"
    common = ["--preset", row.preset, "--batch", str(row.batch), "--threads", str(threads),
              "--rounds", str(row.rounds)]
    programs = {"ours": [ours, row.work, *common, "--precision", row.ours]}
    for precision in row.peers:
        for compiled in ((), ("--compile",)):
            name = " ".join(["eager" if not compiled else "compiled", precision])
            programs[name] = [
                *peer, row.work, *common, *compiled,
                *(["--bf16"] if precision == "bf16" else []),
                *(["--positions", row.positions] if row.positions else [])]
    for _ in range(turns):
        for name, command in programs.items():
            figures = run(command, cores)
            row.seconds.setdefault(name, []).extend(figures["rounds"])
            row.memory[name] = max(row.memory.get(name, 0), figures["memory_mib"])
            row.gflop = figures.get("gflop", row.gflop)
            print(f"{row.name}: {name} {figures['seconds']:.4g} s", file=sys.stderr)


def report(row: Row, limits: dict[str, float], threads: int) -> dict:
    medians = {name: statistics.median(values) for name, values in row.seconds.items()}
    mine = medians.pop("ours")
    best = min(medians, key=medians.get)
    peak = {name: row.memory[name] for name in medians}
    return {
        "work": row.name, "ours": mine, "peer": medians[best], "ratio": medians[best] / mine,
        "unit": "s", "limit": row.gflop / limits[row.ours] if row.gflop else None,
        "peer_program": f"PyTorch {best}", "peers": medians, "least": row.least,
        "of_limit": row.gflop / limits[row.ours] / mine, "memory_mib": row.memory["ours"],
        "peer_memory_mib": peak, "threads": threads, "rounds": len(row.seconds["ours"]),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--only", default="", help="rows whose name holds this")
    parser.add_argument("--json", action="store_true", help="one object a row")
    parser.add_argument("--program", required=True, help="bench-compute")
    parser.add_argument("--python", required=True, help="with PyTorch")
    arguments = parser.parse_args()
    peer_command = [arguments.python, os.path.join(os.path.dirname(__file__), "peer.py")]
    chosen = [row for row in rows() if arguments.only in row.name]
    if not chosen:
        sys.exit(f"--only {arguments.only}: no row; there are {', '.join(r.name for r in rows())}")
    limit = {}
    for precision in sorted({row.ours for row in chosen}):
        command = [arguments.program, "limit", "--precision", precision, "--threads",
                   str(arguments.threads), "--rounds", "7"]
        limit[precision] = run(command, f"0-{arguments.threads - 1}")["gflops"]
    results = []
    for item in chosen:
        measure(item, arguments.program, peer_command, arguments.threads, arguments.turns)
        results.append(report(item, limit, arguments.threads))
        if arguments.json:
            print(json.dumps(results[-1]), flush=True)
    if not arguments.json:
        print(f"{arguments.threads} threads; best measured product: "
              + ", ".join(f"{rate:.0f} GF/s {name}" for name, rate in limit.items()) + "\n")
        print("| work | ours | PyTorch, its best | ratio | wanted | of the product limit "
              "| memory, ours | PyTorch |\n|---|---|---|---|---|---|---|---|")
        for r in results:
            best = r["peer_program"].removeprefix("PyTorch ")
            memory = ", ".join(f"{n} {m}" for n, m in r["peer_memory_mib"].items())
            print(f"| {r['work']} | {r['ours']:.4g} s | {r['peer']:.4g} s ({best}) "
                  f"| {r['ratio']:.2f} | {r['least']} | {100 * r['of_limit']:.0f} % "
                  f"| {r['memory_mib']} MiB | {memory} MiB |")
