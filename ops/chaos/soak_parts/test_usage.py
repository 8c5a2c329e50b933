"""The lines of ops/chaos/soak find what grows, and forgive what fills at the beginning."""
import unittest

from soak_parts.usage import Series


def series(mappings, memory=lambda at: 30000):
    made = Series("agent", "jobs")
    for at in range(0, 50001, 1000):
        made.add(at, {"memory": memory(at), "mappings": mappings(at), "descriptors": 20, "threads": 9})
    return list(made.faults())


class Lines(unittest.TestCase):
    def test_flat(self):
        self.assertEqual(series(lambda at: 400 + at % 7), [])

    def test_pools_that_fill_first(self):
        self.assertEqual(series(lambda at: 400 + min(at, 9000) // 10), [])

    def test_two_mappings_a_job(self):
        self.assertIn("mappings", series(lambda at: 400 + 2 * at)[0])

    def test_memory_of_each_job(self):
        self.assertIn("memory", series(lambda at: 400, lambda at: 36800 + at * 8.5)[0])

    def test_too_few_readings(self):
        short = Series("agent", "jobs")
        short.add(1, {"memory": 1, "mappings": 1, "descriptors": 1, "threads": 1})
        self.assertIn("readings", next(short.faults()))


if __name__ == "__main__":
    unittest.main()
