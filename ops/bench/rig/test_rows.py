"""Rows: whether a mark is reached, how they are recorded, and the page that is made of them.

    python3 -m unittest discover -s ops/bench/rig -t ops/bench
"""
import argparse
import json
import pathlib
import tempfile
import unittest
from unittest import mock

from rig import report, rows


def results(topic="queue", commit="abc1234", record=True):
    options = argparse.Namespace(json=True, record=record)
    with mock.patch.object(rows, "commit", return_value=commit):
        return rows.Results(topic, "ops/bench/queue --only limits", options)


class RowsTests(unittest.TestCase):
    def test_reached_follows_from_median_and_mark(self):
        for median, wanted, expected in [
            (4.9, "< 5", True), (5, "< 5", False), (5, "<= 5", True), (5.1, "<= 5", False), (90, ">= 90", True),
            (89.9, ">= 90", False), (0, "= 0", True), (1, "= 0", False), (2, "> 1", True), (7, None, None),
        ]:
            with self.subTest(median=median, wanted=wanted):
                self.assertIs(rows.reached(median, wanted), expected)

    def test_a_row_has_the_median_and_the_spread_of_its_runs(self):
        its = results()
        its.add("rate", [3.0, 1.0, 20.0], "jobs/s", ">= 2", "a note")
        its.add("once", 0.123456, "ms")
        several, once = its.rows
        self.assertEqual((several["median"], several["spread"], several["runs"], several["reached"]),
                         (3, [1, 20], 3, True))
        self.assertEqual((once["median"], once["spread"], once["runs"], once["reached"]),
                         (0.12346, None, 1, None))
        self.assertEqual(tuple(several), rows.MEMBERS)

    def test_what_no_commit_names_is_not_recorded(self):
        with self.assertRaises(SystemExit):
            results(commit="abc1234-dirty")
        results(commit="abc1234-dirty", record=False)

    def test_a_recorded_row_takes_the_place_of_its_name(self):
        with tempfile.TemporaryDirectory() as folder, \
                mock.patch.object(rows, "RESULTS", pathlib.Path(folder)), \
                mock.patch.object(rows.subprocess, "run"):
            rows.record("queue", [{"name": "a", "median": 1}, {"name": "b", "median": 2}])
            rows.record("queue", [{"name": "c", "median": 4}, {"name": "a", "median": 3}])
            found = json.loads((pathlib.Path(folder) / "queue.json").read_text())
        self.assertEqual([(row["name"], row["median"]) for row in found], [("a", 3), ("b", 2), ("c", 4)])

    def test_the_command_has_no_word_about_its_output(self):
        self.assertEqual(rows.command_line("ops/bench/compute", ["--json", "--only", "step nano", "--record"]),
                         "ops/bench/compute --only 'step nano'")

    def test_numbers_are_short(self):
        for value, text in [(0, "0"), (250_000, "250,000"), (1.285, "1.28"), (30.94, "30.9"), (0.0123, "0.0123")]:
            self.assertEqual(rows.number(value), text)


class ReportTests(unittest.TestCase):
    def test_the_page_has_each_row_and_names_what_is_missed(self):
        its = results()
        its.add("lost by a limit", [12.0, 11.0], "%", "< 10")
        its.add("rate", 5, "jobs/s")
        with mock.patch.object(report, "load", return_value={"queue": its.rows}):
            page = report.pages()["RESULTS.md"]
            with mock.patch.object(report, "MOST_ROWS", 1):
                long = report.pages()
        self.assertIn("Of 1 marks 0 are reached. Missed: lost by a limit (11.5 %, wanted < 10).", page)
        self.assertIn("| lost by a limit | **11.5 %** | 11 to 12 | 2 | < 10 | **no** |"
                      " `ops/bench/queue --only limits` | abc1234 | A |", page)
        self.assertIn("| rate | **5 jobs/s** |  | 1 |  |  |", page)
        self.assertIn("[a page of their own](RESULTS-queue.md); of 1 marks 0 are reached.", long["RESULTS.md"])
        self.assertIn("| rate | **5 jobs/s** |  | 1 |  |  |", long["RESULTS-queue.md"])

    def test_a_file_of_no_topic_is_refused(self):
        with tempfile.TemporaryDirectory() as folder, \
                mock.patch.object(report, "RESULTS", pathlib.Path(folder)):
            (pathlib.Path(folder) / "queu.json").write_text("[]")
            with self.assertRaises(SystemExit):
                report.load()


if __name__ == "__main__":
    unittest.main()
