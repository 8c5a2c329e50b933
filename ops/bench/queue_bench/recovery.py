"""How soon the jobs of a killed worker start again (G3)."""
import sys
import time

from queue_bench.bench import wait_until


def recovery(bench):
    """Twenty jobs of a worker that is killed, and another worker that waits for them."""
    for lease, wanted in (("3", "<= 5"), ("30", "<= 45")):
        name = bench.database()
        first, second = bench.worker(name, BENCH_LEASE=lease), bench.worker(name, BENCH_LEASE=lease)
        first.go()
        bench.contender.ask("enqueue", bench.server.url(name), 20, "sleep")
        wait_until(lambda: len(first.heard["start"]) >= 20, 10)
        second.go()
        first.kill()
        killed = time.monotonic()
        wait_until(lambda: len(second.heard["start"]) >= 20, 120)
        second.kill()
        started = second.heard["start"]
        if len(started) < 20:
            sys.exit(f"{len(started)} of 20 jobs of a killed worker started again")
        bench.results.add(f"kill -9, lease {lease} s: all 20 start again",
                          max(at for at, _ in started) - killed, "s", wanted)
