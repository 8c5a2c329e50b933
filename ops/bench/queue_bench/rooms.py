"""What claims cost that look at bytes: rooms of hosts, caches, and what jobs read (decision 0085)."""
import statistics

# A kind whose argument names a job of which outputs are read; the benchmark's jobs have no such argument.
READING = """select pra.set_kind('noop', '{"type": "object",
  "properties": {"data": {"type": "integer", "reads": ["data.*"]}}}')"""
SIDES = {
    "workers that tell no room": (False, {}),
    "workers that tell their room, jobs that read nothing": (False, {"BENCH_ROOM": "1"}),
    "the same, jobs of a kind that reads": (True, {"BENCH_ROOM": "1"}),
}


def rooms(bench):
    """The three in turns, each on jobs of its own, in batches and one job at a time."""
    for what, jobs, one in (("singly", 40_000, {}), ("one at a time", 3_000, {"BENCH_ONE": "1"})):
        rates = {side: [] for side in SIDES}
        for _ in range(bench.options.repeats):
            for side, (reads, settings) in SIDES.items():
                name = bench.database()
                if reads:
                    bench.server.sql(READING, name)
                bench.enqueue_singly(name, jobs)
                bench.server.sql("vacuum analyze", name)
                rates[side].append(bench.work(name, 1, jobs, **settings, **one)[0])
        plain = statistics.median(next(iter(rates.values())))
        for side, found in rates.items():
            share = 100 * statistics.median(found) / plain
            bench.results.add(f"claim to finish, {what}, 1 worker: {side}", found, "jobs/s", None,
                              f"{share:.0f} % of those that tell no room")
