"""The command line of ops/chaos/queue."""
import asyncio
import signal
import sys
import time

from queue_chaos import world as worlds
from queue_chaos.faults import Faults
from queue_chaos.guarantees import under, violations
from queue_chaos.history import History, most_at_once
from rig.rows import Results, command_line, parser_of


def options(text):
    parser = parser_of(text)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--faults", type=int, default=1000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--failover", action="store_true", help="kill the primary, promote a standby")
    parser.add_argument("--limit", type=float, default=1200, help="seconds after which it has failed")
    parser.add_argument("--keep", action="store_true", help="keep the folder with the logs")
    return parser.parse_args()


async def run(world, faults, chosen):
    """Lets everything happen; what was not as it should be by then."""
    submitter = await world.start(chosen.seed, chosen.jobs)
    tasks = faults.tasks()
    start = time.monotonic()
    try:
        said = await asyncio.wait_for(submitter.stdout.read(), chosen.limit)
    except asyncio.TimeoutError:
        said = b""
    faults.over = True
    for task in tasks:
        await task
    world.kill_clients()
    if b"ended-all" in said:
        return []
    print(world.server.rows("select state, count(*) from pra.jobs group by state"), file=sys.stderr)
    return [f"not all jobs had ended after {time.monotonic() - start:.0f} s"]


def summary(history, faults, seconds):
    def count(what):
        return sum(1 for _ in history.answers(what))

    highest = max((most_at_once(under(history, limit["name"])) for limit in history.limits), default=0)
    return (f"{len(history.jobs)} jobs and parts, {len(history.attempts)} attempts, {len(history.told)} answers,"
            f" {count('stale')} stale writes refused,"
            f" {sum(history.fate(line) == 'lost' for line in history.told)} lost by restores,"
            f" {len(history.events_of('gang.started'))} gang starts, most at once under a limit {highest};"
            f" {faults.total} faults in {seconds:.0f} s: {dict(faults.done)}")


def main(text):
    chosen = options(text)
    worlds.build()
    results = Results("faults", command_line("ops/chaos/queue"), chosen)
    # Ended from outside it stops its server as well.
    for end in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(end, lambda *_: sys.exit(1))
    world = worlds.World(chosen.seed)
    faults = Faults(world, chosen.faults, chosen.seed)
    start = time.monotonic()
    try:
        world.prepare(chosen.clients, chosen.failover)
        wrong = asyncio.run(run(world, faults, chosen))
        seconds = time.monotonic() - start
        history = History.read(world.folder, world.server, world.restores)
        wrong += violations(history)
    finally:
        world.end(chosen.keep)
    told = summary(history, faults, seconds)
    print(told, file=sys.stderr if chosen.json else sys.stdout)
    report(wrong, told, results)
    sys.exit(1 if wrong else 0)


def report(wrong, told, results):
    """Says what was violated; as rows of results where those were asked for."""
    chosen = results.options
    out = sys.stderr if chosen.json else sys.stdout
    for text in wrong[:50]:
        print(f"VIOLATION {text}", file=out)
    print("no violation" if not wrong else f"{len(wrong)} violations", file=out)
    if chosen.json or chosen.record:
        name = "the queue's primary killed, its standby promoted" if chosen.failover else "the queue under faults"
        results.add(f"{name}: violations", len(wrong), "", "= 0", told)
        results.finish()
