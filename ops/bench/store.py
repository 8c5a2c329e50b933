"""Calls bench-store and makes rows of what it says; called by ops/bench/store."""
import itertools
import json
import subprocess
import sys

from rig.rows import Results, command_line, parser_of

# All but the last, which needs much memory, where none is named.
WORKS = ("metrics", "reads", "record", "training", "artifacts", "checkpoint")


def measure(results, bench, words):
    """Runs one work: its rows are taken, and the rest of its lines goes to standard error."""
    work = subprocess.Popen([bench, *words, "--rows"], stdout=subprocess.PIPE, text=True)
    for line in work.stdout:
        if line.startswith("{"):
            row = json.loads(line)
            results.add(row["name"], row["values"], row["unit"], row.get("wanted"), row["note"])
        else:
            print(line, end="", file=sys.stderr, flush=True)
    if work.wait():
        sys.exit(f"bench-store {' '.join(words)}: exit {work.returncode}")


def main(bench, words):
    works = list(itertools.takewhile(lambda word: not word.startswith("--"), words))
    if unknown := set(works) - set(WORKS):
        sys.exit(f"ops/bench/store: unknown {', '.join(sorted(unknown))}; known are {', '.join(WORKS)}")
    # The other options are bench-store's.
    chosen, options = parser_of(__doc__).parse_known_args(words[len(works):])
    results = Results("store", command_line("ops/bench/store", words), chosen)
    for work in works or WORKS[:-1]:
        measure(results, bench, [work, *options])
        if work == "artifacts" and "--store" not in options:
            measure(results, bench, [work, "--store", "file", *options])
    results.finish()


main(sys.argv[1], sys.argv[2:])
