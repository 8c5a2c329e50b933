"""The page ops/bench/RESULTS.md and those of long topics, made of the rows in ops/bench/results."""
import json

from rig.rows import RESULTS, ROOT, number

FOLDER = ROOT / "ops/bench"
# A topic with more rows has a page of its own.
MOST_ROWS = 25
# In the order of the page; a file of another name is refused.
TITLES = {
    "compute": "Training and sampling",
    "machines": "One training on several machines",
    "images": "Images: ingest and Inception features",
    "data": "Data sets: bytes, fetches, drawn images, exports",
    "queue": "Queue",
    "store": "Run store",
    "reading": "Reading verbs",
    "dashboard": "Dashboard",
    "faults": "Faults",
    "fleet": "A fleet, with real engines",
}
HEAD = """# Results

Made by `ops/bench/report` from the rows in `ops/bench/results`; a benchmark called with `--record` replaces its
rows there, with its command, its commit and its machine. A row is the newest measurement of its quantity: the
median of its runs, and their least and greatest where they are known. Rows of the AMD EPYC (Zen 4) were carried
over from the [journal](history/README.md), which tells how they came about and what else was tried, and is not
kept current; their commit is the one that brought the figure. A ratio to a peer is of turns in one run."""
COLUMNS = "| what | median | spread | runs | wanted | reached | command | commit | machine | note |"


def load():
    """Rows by topic."""
    topics = {path.stem: json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))}
    if unknown := set(topics) - set(TITLES):
        raise SystemExit(f"report: {', '.join(sorted(unknown))}: no such topic; there are {', '.join(TITLES)}")
    return {topic: topics[topic] for topic in TITLES if topic in topics}


def pages():
    """Texts by the names of their files."""
    topics = load()
    rows = [row for topic in topics.values() for row in topic]
    machines = {machine: chr(ord("A") + place)
                for place, machine in enumerate(sorted({row["machine"] for row in rows}))}
    wanted = [row for row in rows if row["wanted"]]
    missed = [f"{row['name']} ({quantity(row)}, wanted {sign(row['wanted'])})"
              for row in wanted if not row["reached"]]
    parts = [
        HEAD, "",
        "Machines: " + "; ".join(f"**{letter}** {name}" for name, letter in machines.items()) + ".",
        f"Of {len(wanted)} marks {len(wanted) - len(missed)} are reached."
        + (" Missed: " + "; ".join(missed) + "." if missed else ""),
    ]
    made = {}
    for topic, its in topics.items():
        table = [COLUMNS, "|---" * COLUMNS.count(" |") + "|", *(line(row, machines) for row in its)]
        if len(its) > MOST_ROWS:
            name, reached = f"RESULTS-{topic}.md", sum(row["reached"] is True for row in its)
            marks = sum(row["reached"] is not None for row in its)
            made[name] = "\n".join([f"# {TITLES[topic]}", "", "A part of the [results](RESULTS.md), which name the machines.", "",
                                    *table]) + "\n"
            table = [f"{len(its)} rows on [a page of their own]({name}); of {marks} marks {reached} are reached."]
        parts += ["", f"## {TITLES[topic]}", "", *table]
    return {"RESULTS.md": "\n".join(parts) + "\n", **made}


def line(row, machines):
    """A row of the table."""
    spread = " to ".join(number(value) for value in row["spread"]) if row["spread"] else ""
    mark = {None: "", True: "yes", False: "**no**"}[row["reached"]]
    wanted = sign(row["wanted"]) if row["wanted"] else ""
    cells = (row["name"], f"**{quantity(row)}**", spread, str(row["runs"]), wanted, mark,
             f"`{row['command']}`", row["commit"], machines[row["machine"]], row["note"])
    return "| " + " | ".join(cells) + " |"


def quantity(row):
    return f"{number(row['median'])} {row['unit']}".strip()


def sign(wanted):
    """A mark as it is read: ≥ 250,000."""
    operator, value = wanted.split()
    return f"{ {'<=': '≤', '>=': '≥'}.get(operator, operator)} {number(float(value))}"


def main(words):
    """Writes the pages, or says with --check whether they are as they would be written."""
    if words not in ([], ["--check"]):
        raise SystemExit("usage: ops/bench/report [--check]")
    for name, text in pages().items():
        path = FOLDER / name
        if not words:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            raise SystemExit(f"ops/bench/{name} is not what its rows make: run ops/bench/report")
