"""The command line of ops/bench/queue."""
import pathlib
import signal
import sys

from queue_bench import backlog, latency, limits, plain, recovery, rooms, snapshot, throughput
from queue_bench.bench import Bench
from queue_bench.contender import Contender
from rig.rows import Results, command_line, parser_of

OURS = pathlib.Path(__file__).resolve().parents[1] / "queue-contender"
# In the order in which they run.
MEASUREMENTS = {
    "disk": plain.disk, "raw": plain.raw, "enqueue": throughput.enqueue,
    "throughput": throughput.throughput, "singles": throughput.singles,
    "one_by_one": throughput.one_by_one, "latency": latency.latency, "crowd": latency.crowd,
    "limits": limits.limits, "rooms": rooms.rooms, "recovery": recovery.recovery, "snapshot": snapshot.snapshot,
    "backlog": backlog.backlog,
}


def options(text):
    parser = parser_of(text)
    parser.add_argument("--seconds", type=int, default=4, help="for each pgbench")
    parser.add_argument("--repeats", type=int, default=3, help="of which the median is taken")
    parser.add_argument("--snapshot", type=float, default=30, metavar="SECONDS",
                        help="seconds to hold a snapshot")
    parser.add_argument("--kind", choices=("arrays", "limited", "singly"),
                        help="jobs of the snapshot: arrays, arrays under a limit of 100, jobs enqueued one by"
                        " one; arrays where it is left out, and with --rate singly, where limited are single"
                        " jobs too")
    parser.add_argument("--rate", type=float, metavar="JOBS",
                        help="enqueue so many jobs a second on each side, instead of as many as are"
                        " worked off")
    parser.add_argument("--history", type=int, default=10_000_000, metavar="JOBS",
                        help="finished jobs under the backlog")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="some of the measurements")
    parser.add_argument("--contender", metavar="PROGRAM",
                        help="another version's bench-queue, or another queue with the same words")
    chosen = parser.parse_args()
    if chosen.contender and chosen.record:
        parser.error("--record: rows are this commit's, and --contender names another program")
    if unknown := set(chosen.only or ()) - set(MEASUREMENTS):
        parser.error(f"--only: unknown {', '.join(sorted(unknown))}; known are {', '.join(MEASUREMENTS)}")
    return chosen


def main(text):
    chosen = options(text)
    contender = Contender(chosen.contender or OURS)
    # Ended from outside it stops its server as well.
    for end in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(end, lambda *_: sys.exit(1))
    results = Results("queue", command_line("ops/bench/queue"), chosen)
    if chosen.contender:
        results.commit = "unknown"
    bench = Bench(chosen, contender, results)
    try:
        for name in chosen.only or MEASUREMENTS:
            MEASUREMENTS[name](bench)
    finally:
        bench.server.remove()
    results.finish()
