"""Rows of results: what a benchmark measured, whether that is what was wanted, and where it was measured.

A row is an object with these members, in `ops/bench/results/<topic>.json` and in what `--json` prints:

    topic     the table that it belongs to
    name      the quantity
    command   the command that measured it, from the root of the repository
    commit    `git describe --always` of what was measured, with -dirty where the tree was changed
    machine   the processor's model and the cores that the command could use
    median    of the runs, in `unit`
    spread    the least and the greatest of the runs; null for one run
    runs      how many values the median is of
    unit
    wanted    an operator and a number, as in "<= 1.5"; null where nothing was asked for
    reached   whether the median is as wanted; null where nothing was asked for
    note
"""
import argparse
import json
import operator
import os
import pathlib
import shlex
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]
RESULTS = ROOT / "ops/bench/results"
MEMBERS = ("topic", "name", "command", "commit", "machine", "median", "spread", "runs", "unit", "wanted",
           "reached", "note")
OPERATORS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "=": operator.eq}


def reached(median, wanted):
    """Whether a median is as wanted; None where nothing is wanted."""
    if wanted is None:
        return None
    sign, number = wanted.split()
    return OPERATORS[sign](median, float(number))


def number(value):
    """Three or more digits, with commas."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.3g}"


class Results:
    """The rows of one call of a benchmark."""

    def __init__(self, topic, command, options):
        """Refuses at once to record what no commit names."""
        self.topic, self.command, self.options = topic, command, options
        self.commit, self.machine = commit(), machine()
        self.rows = []
        if options.record and self.commit.endswith("-dirty"):
            sys.exit("--record: the tree has changes; a row names the commit that it measured, so commit first")

    def add(self, name, values, unit, wanted=None, note=""):
        """Adds a row of one value or of a list of runs, and says it on standard error."""
        values = values if isinstance(values, list) else [values]
        median = rounded(statistics.median(values))
        spread = [rounded(min(values)), rounded(max(values))] if len(values) > 1 else None
        row = dict(zip(MEMBERS, (self.topic, name, self.command, self.commit, self.machine, median, spread,
                                 len(values), unit, wanted, reached(median, wanted), note)))
        self.rows.append(row)
        print(f"{name:60} {number(median):>12} {unit:8} {note}", file=sys.stderr, flush=True)

    def finish(self):
        """Prints the rows, as JSON or as a table, and records them where that was asked for."""
        if self.options.json:
            print(dumped(self.rows))
        else:
            print("| what | measured | wanted | |\n|---|---|---|---|")
            for row in self.rows:
                wanted = row["wanted"] or ""
                mark = "" if row["reached"] is not False else ", **missed**"
                print(f"| {row['name']} | {number(row['median'])} {row['unit']} | {wanted}{mark} "
                      f"| {row['note']} |")
        if self.options.record:
            record(self.topic, self.rows)


def add_options(parser):
    """The options of every benchmark about its rows."""
    parser.add_argument("--json", action="store_true", help="print rows as JSON")
    parser.add_argument("--record", action="store_true",
                        help="also put the rows into ops/bench/results, in place of those of the same name, and"
                        " write RESULTS.md anew")


def command_line(program, words=None):
    """The command of this call, from the root, without the options about its output."""
    words = sys.argv[1:] if words is None else words
    return shlex.join([program, *(word for word in words if word not in ("--json", "--record"))])


def record(topic, rows):
    """Puts rows into their topic's file, each in the place of the row of its name, and writes the page anew."""
    path = RESULTS / f"{topic}.json"
    found = json.loads(path.read_text()) if path.exists() else []
    measured = {row["name"]: row for row in rows}
    kept = [measured.pop(row["name"], row) for row in found]
    path.write_text(dumped(kept + list(measured.values())) + "\n")
    subprocess.run([ROOT / "ops/bench/report"], check=True)


def dumped(rows):
    """A list of rows as JSON, a member a line, so that a new value is one changed line of a diff."""
    return json.dumps(rows, indent=1, ensure_ascii=False)


def rounded(value):
    """Five digits: more were never the same in two runs."""
    value = float(f"{value:.5g}")
    return int(value) if value == int(value) else value


def commit():
    def git(*words):
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    # What --record writes is no change of what is measured.
    changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!ops/bench/results",
                  ":!ops/bench/RESULTS*.md")
    return git("describe", "--always") + ("-dirty" if changed else "")


def machine():
    """The processor's model and the cores that this process may use."""
    with open("/proc/cpuinfo") as file:
        models = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    return f"{models[0] if models else os.uname().machine}, {len(os.sched_getaffinity(0))} cores"


def parser_of(text):
    """A parser whose help begins with the first line of a program's documentation."""
    parser = argparse.ArgumentParser(description=text.strip().split("\n")[0])
    add_options(parser)
    return parser
