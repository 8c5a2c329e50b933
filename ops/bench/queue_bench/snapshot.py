"""What a snapshot costs that is held open, as by a backup or a long report, at full load."""
import sys
import time

from queue_bench import sides, steady

STATEMENT_JOBS = 200_000
# To enqueue single jobs takes longer than to work them off: so many a second are there from the beginning.
STOCK_RATE = 20_000


def snapshot(bench):
    if bench.options.rate:
        steady.steady(bench, bench.options.snapshot, bench.options.rate, bench.options.kind or "singly")
    else:
        full_load(bench, bench.options.snapshot, bench.options.kind or "arrays")


def full_load(bench, seconds, kind):
    stock = int(STOCK_RATE * seconds) if kind == "singly" else 0
    both = held, free = sides.pair(bench, kind, stock)
    start = sides.go(both)
    keep_busy(bench, both, start, seconds, kind, stock)
    for side in both:
        side.kill()
    report(bench, held, free, start, seconds, kind)


def keep_busy(bench, both, start, seconds, kind, stock):
    """Sees that neither side runs out of jobs for some seconds."""
    more = ", limits => '{held}'" if kind == "limited" else ""
    statement = ("select count(pra.enqueue('noop', 1, '{}', array_first => 0, array_last => 19999,"
                 f" pack => 100{more})) from generate_series(1, 10)")
    enqueued = {side: 0 for side in both}
    while time.monotonic() - start < seconds:
        for side in both:
            done = side.done
            if stock and done >= stock:
                sys.exit(f"{stock:,} jobs were done after {time.monotonic() - start:.0f} s")
            while not stock and enqueued[side] - done < 3 * STATEMENT_JOBS:
                bench.server.sql(statement, side.name)
                enqueued[side] += STATEMENT_JOBS
            bench.check(side.crew, start)
        time.sleep(0.1)


def report(bench, held, free, start, seconds, kind):
    def rate(side, first, last):
        """Jobs a second between two shares of the time."""
        return side.rate(start + first * seconds, start + last * seconds)

    told = f"{kind}, {seconds:.0f} s"
    tenths = [(i / 10, (i + 1) / 10) for i in range(10)]
    rates = [(rate(held, *tenth), rate(free, *tenth)) for tenth in tenths]
    print("   tenths: " + ", ".join(f"{a:,.0f}/{b:,.0f}" for a, b in rates), file=sys.stderr)
    for side in (held, free):
        print(f"   {side.title}: {rate(side, 0, 0.2):,.0f} jobs/s in the first fifth, {rate(side, 0.8, 1):,.0f} in"
              f" the last, {side.done:,} jobs", file=sys.stderr)
    ratios = " ".join(f"{a / max(1, b):.2f}" for a, b in rates)
    bench.results.add(
        f"lost by a snapshot, {told}, last fifth", 100 * (1 - rate(held, 0.8, 1) / rate(free, 0.8, 1)), "%", "< 5",
        f"{held.done / 1e6:.1f} and {free.done / 1e6:.1f} million jobs; by tenths {ratios};"
        f" {held.slowest_reap()}")
