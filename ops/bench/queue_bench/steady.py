"""What a held snapshot costs at a fixed rate, which both sides keep up with.

At such a rate the loss is seen in what a job costs the server and in the time from enqueue to start before it
is seen in jobs, so all three are counted, in the first and in the last fifth of the time."""
import sys
import threading
import time

from queue_bench import sides
from queue_bench.bench import percentile

# Jobs that one statement enqueues, and what it says of them.
KINDS = {
    "singly": (1, ""),
    "limited": (1, ", limits => '{held}'"),
    "arrays": (100, ", array_first => 0, array_last => 99, pack => 1"),
}
# A job carries the moment at which its enqueue began on the server, in microseconds.
ENQUEUE = """select pra.enqueue('timed', 1,
  jsonb_build_object('t', floor(1e6 * extract(epoch from clock_timestamp()))::bigint){more});"""
# The figures of a fifth: jobs that started, enqueue to start, and what a job costs.
FIGURES = (("jobs that started", "jobs/s"), ("enqueue to start, p50", "ms"), ("enqueue to start, p99", "ms"),
           ("server time of the sessions", "us/job"))


def steady(bench, seconds, rate, kind):
    both = held, free = sides.pair(bench, kind)
    start = sides.go(both)
    enqueuers = [Enqueuer(bench, side, seconds, rate, kind) for side in both]
    used = {side: [] for side in both}  # the moment, and what the side's sessions have used so far
    for share in (0, 0.2, 0.8, 1):
        time.sleep(max(0, start + share * seconds - time.monotonic()))
        for side in both:
            used[side].append((time.monotonic(), bench.server.backend_seconds(side.name)))
            bench.check(side.crew, start)
    enqueued = {enqueuer.side: enqueuer.rate() for enqueuer in enqueuers}
    for side in both:
        side.kill()
    first, last = ({side: figures(side, *used[side][at:at + 2]) for side in both} for at in (0, 2))
    told = f"{rate:,.0f} jobs/s {kind}, {seconds:.0f} s"
    # Below the rate the two sides hold each other up, and what follows says little of a held snapshot.
    bench.results.add(f"beside a snapshot, {told}: enqueued, of the rate", 100 * min(enqueued.values()) / rate,
                      "%", ">= 95", f"{enqueued[held]:,.0f} jobs/s, and {enqueued[free]:,.0f} without")
    report(bench, held, free, first, last, told)


class Enqueuer:
    """pgbench, which enqueues at its own random moments, the same on every side."""

    def __init__(self, bench, side, seconds, rate, kind):
        self.side = side
        jobs, more = KINDS[kind]
        # A little longer than is counted: what a session has used is not known after its end.
        self.thread = threading.Thread(target=lambda: setattr(self, "found", jobs * bench.server.pgbench(
            ENQUEUE.format(more=more).replace("\n", " "), 4, round(seconds) + 2, side.name,
            ["-R", str(rate / jobs), "--random-seed=1"])))
        self.thread.start()

    def rate(self):
        """Jobs a second that were enqueued, at the end."""
        self.thread.join()
        return self.found


def figures(side, begin, end):
    """The figures of a side between two moments."""
    (begin_at, begin_used), (end_at, end_used) = begin, end
    heard = side.latencies(begin_at, end_at)
    if not heard:
        sys.exit(f"{side.title}: no job started in {end_at - begin_at:.0f} s")
    return (len(heard) / (end_at - begin_at), percentile(heard, 0.5), percentile(heard, 0.99),
            1e6 * (end_used - begin_used) / len(heard))


def report(bench, held, free, first, last, told):
    def beside(place):
        """A figure of both sides, in both fifths."""
        return (f"{last[free][place]:,.2f} without, {100 * (last[held][place] / last[free][place] - 1):+.1f} %;"
                f" first fifth {first[held][place]:,.2f} and {first[free][place]:,.2f}")

    bench.results.add(f"lost by a snapshot, {told}, last fifth", 100 * (1 - last[held][0] / last[free][0]),
                      "%", "< 5", f"jobs/s that started {last[held][0]:,.0f}, {beside(0)};"
                      f" {held.slowest_reap()}")
    for place, (what, unit) in enumerate(FIGURES[1:], 1):
        bench.results.add(f"beside a snapshot, {told}: {what}, last fifth", last[held][place], unit,
                          note=beside(place))
