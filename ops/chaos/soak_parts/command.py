"""The command line of ops/chaos/soak."""
import signal
import sys

from rig.rows import ROOT, Results, command_line, parser_of
from soak_parts.parts import agent, sessions, stage
from soak_parts.world import World


def options(text):
    parser = parser_of(text)
    parser.add_argument("--programs", default=str(ROOT / ".build/debug"), help="folder of built programs")
    parser.add_argument("--jobs", type=int, default=50_000)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--every", type=int, default=10, help="steps between checkpoints")
    parser.add_argument("--rounds", type=int, default=100_000, help="rounds of calls of each session")
    parser.add_argument("--short", action="store_true")
    chosen = parser.parse_args()
    if chosen.short:
        chosen.jobs, chosen.steps, chosen.every, chosen.rounds = 240, 240, 2, 400
    return chosen


def main(text):
    chosen = options(text)
    results = Results("faults", command_line("ops/chaos/soak"), chosen)
    # Ended from outside it stops its server as well.
    for end in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(end, lambda *_: sys.exit(1))
    world = World(chosen.programs)
    faults = []
    try:
        series = [*agent(world, chosen.jobs), *stage(world, chosen.steps, chosen.every),
                  *sessions(world, chosen.rounds)]
    finally:
        world.end()
    for one in series:
        wrong = list(one.faults())
        faults += wrong
        report(one, wrong, results)
    results.finish() if chosen.json or chosen.record else None
    sys.exit(1 if faults else 0)


def report(one, wrong, results):
    """A line for each process, and for each thing that it keeps."""
    for fault in wrong:
        print(f"BROKEN: {fault}", file=sys.stderr)
    if len(one.points) < 8:
        return
    gains = one.gains()
    told = ", ".join(f"{what} {one.points[-1][1][what]:,} ({gains[what]:+.0f})" for what in gains)
    print(f"{'BROKEN' if wrong else 'held'}: {one.name}, {one.points[-1][0]:,} {one.unit}: {told}",
          file=sys.stderr)
    results.add(f"soak, {one.name}: memory gained", gains["memory"], "KiB",
                note=f"after the first quarter of {one.points[-1][0]:,} {one.unit}")
