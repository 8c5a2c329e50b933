"""Measurements run to their rows, beside workers that only count.

    python3 -m unittest discover -s ops/bench/queue_bench -t ops/bench
"""
import argparse
import unittest
from unittest import mock

from queue_bench import throughput
from rig import rows


class CountingBench:
    """A bench whose workers do a job in a microsecond, at once."""

    def __init__(self):
        self.options = argparse.Namespace(repeats=2, seconds=1, json=True, record=False)
        self.raw_rates = {1: 2e6, 2: 0.5e6}
        self.filled, self.total = 0, 0
        self.server = mock.Mock()
        self.server.sql.return_value = "1|token"
        self.server.pgbench.return_value = 1e6
        with mock.patch.object(rows, "commit", return_value="abc1234"):
            self.results = rows.Results("queue", "ops/bench/queue", self.options)

    def database(self):
        return "ours"

    def fill(self, name, count):
        self.filled += count

    enqueue_singly = fill

    def work(self, name, workers, total, **settings):
        self.total += total
        return 1e6, 1.0, []


class ThroughputTests(unittest.TestCase):
    def test_rates_and_the_servers_time_have_their_marks(self):
        bench = CountingBench()
        throughput.throughput(bench)
        self.assertEqual(bench.filled, bench.total)
        self.assertEqual([(row["median"], row["wanted"], row["reached"]) for row in bench.results.rows],
                         3 * [(1e6, ">= 100000", True), (1.0, "<= 10", True)])
        self.assertEqual([row["note"] for row in bench.results.rows[::2]],
                         ["50 % of the raw limit", "200 % of the raw limit", ""])

    def test_single_jobs_have_no_mark(self):
        bench = CountingBench()
        throughput.singles(bench)
        self.assertEqual(bench.filled, bench.total)
        self.assertEqual({row["reached"] for row in bench.results.rows}, {None})

    def test_one_at_a_time_is_a_share_of_pgbench(self):
        bench = CountingBench()
        throughput.one_by_one(bench)
        self.assertEqual([(row["median"], row["unit"]) for row in bench.results.rows],
                         [(1e6, "jobs/s"), (100, "%")])


if __name__ == "__main__":
    unittest.main()
