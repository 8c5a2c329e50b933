"""Ingest, ours and Pillow's in turns; called by ops/bench/ingest."""
import os
import pathlib
import statistics
import subprocess
import sys

from rig.rows import ROOT, Results, command_line, parser_of

PILLOW = [sys.executable, str(pathlib.Path(__file__).with_name("ingest.py"))]


def photographs(count):
    """An archive of photographs, made once."""
    folder = ROOT / ".build/bench-ingest"
    folder.mkdir(parents=True, exist_ok=True)
    tar = folder / f"photographs-{count}.tar"
    if not tar.exists():
        subprocess.run([*PILLOW, "make", f"{tar}.partial", str(count)], check=True)
        os.rename(f"{tar}.partial", tar)
    return tar


def seconds(command):
    """The seconds that a program says first."""
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout.split()[0])


def measure(results, bench, tar, options, processes):
    job = [str(tar), str(options.size), str(processes)]
    turns = [(seconds([bench, *job]), seconds([*PILLOW, "read", *job])) for _ in range(options.turns)]
    ours, pillow = (options.images / statistics.median(side) for side in zip(*turns))
    size = tar.stat().st_size / options.images / 1024
    results.add(f"ingest, {processes} core{'s' * (processes > 1)}: Pillow's time to ours",
                [theirs / own for own, theirs in turns], "times",
                note=f"{ours:.0f} images/s, Pillow {pillow:.0f}; {options.images} photographs of {size:.0f} KiB to"
                f" {options.size} x {options.size}")


def main(bench, words):
    parser = parser_of(__doc__)
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args(words)
    results = Results("images", command_line("ops/bench/ingest", words), options)
    tar = photographs(options.images)
    for processes in sorted({1, options.processes}):
        measure(results, bench, tar, options, processes)
    results.finish()


main(sys.argv[1], sys.argv[2:])
