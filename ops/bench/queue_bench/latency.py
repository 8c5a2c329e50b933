"""How soon a job starts on a queue that has nothing to do."""
import statistics
import time

from queue_bench.bench import percentile, wait_until

JOBS = 200


def latency(bench):
    """Ours and the least that a queue can do, in turns. The first job of each turn is the first of its kind in
    its run, from a session that has enqueued nothing before."""
    heard = {"latency": [], "floor": []}
    first = []
    for _ in range(5):
        for kind, word in (("floor", "floor-work"), ("latency", "work")):
            name = bench.database()
            worker = bench.worker(name, word)
            worker.go()
            bench.contender.ask(kind, bench.server.url(name), JOBS)
            wait_until(lambda: len(worker.values("lat")) >= JOBS, 5)
            worker.kill()
            heard[kind] += worker.values("lat")
            if kind == "latency":
                first += worker.values("lat")[:1]
    for share, wanted in ((0.5, "<= 2"), (0.99, "<= 5")):
        ours, floor = (percentile(heard[kind], share) / 1e3 for kind in ("latency", "floor"))
        bench.results.add(f"idle: enqueue to start, p{share * 100:.0f}", ours, "ms", wanted,
                          f"{ours / floor:.2f} times the least that a queue can do ({floor:.2f} ms);"
                          f" {len(heard['latency'])} of {5 * JOBS:,} heard")
    bench.results.add("idle: enqueue to start, first of a session and lane", [us / 1e3 for us in first], "ms")


def crowd(bench):
    """The same beside many that wait as well."""
    for count in (1, 16, 48):
        name = bench.database()
        crew = [bench.worker(name) for _ in range(count)]
        for worker in crew:
            worker.go()
        time.sleep(1)
        before = bench.server.processor_seconds()
        bench.contender.ask("latency", bench.server.url(name), JOBS)
        used = bench.server.processor_seconds() - before

        def heard():
            return [us / 1e3 for worker in crew for us in worker.values("lat")]

        wait_until(lambda: len(heard()) >= JOBS, 5)
        for worker in crew:
            worker.kill()
        bench.results.add(f"enqueue to start, {count} workers wait, p50", percentile(heard(), 0.5), "ms",
                          note=f"p99 {percentile(heard(), 0.99):.2f} ms; {1e3 * used / JOBS:.2f} server ms/job;"
                          f" {len(heard())} of {JOBS} heard")
