"""The stages of ops/rehearse."""
import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from rehearsal.made import make
from rehearsal.measured import Table, drop
from rehearsal.kept import kept
from rehearsal.shows import SHOWS as OTHERS
from rig.rows import Results, command_line
from rig.server import PrivateServer

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHOWS = {**OTHERS, "kept": kept}
# Bytes of a stage that are none of data: programs and libraries, statements and their answers, logs, metrics.
SLACK = 3_000_000


class Rehearsal:
    """A private server, a store and a source in a folder, and the programs that use them."""

    def __init__(self, options):
        self.options = options
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="pra-rehearse-", dir=options.folder))
        self.server = None
        self.workers = []

    def __enter__(self):
        os.chmod(self.folder, 0o755)
        for name in ("server", "store", "shared", "home"):
            (self.folder / name).mkdir()
        try:
            self.server = PrivateServer(str(self.folder / "server"))
            self.environment = dict(
                os.environ, PRA_DATABASE_URL=self.server.url(), PRA_HOME=str(self.folder / "home"),
                HOME=str(self.folder / "home"))
            self.pra("migrate")
            self.pra("store", f"file:{self.folder}/store")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for worker in self.workers:
            if worker.poll() is None:
                worker.kill()
                worker.wait()
        if self.server and os.path.exists(f"{self.server.folder}/data/postmaster.pid"):
            self.server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def pra(self, *words):
        done = subprocess.run([self.options.programs / "pra", *words], env=self.environment,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"pra {' '.join(words)}: {done.stderr}")
        return done.stdout.strip()

    def work(self, workers, *kinds, sees=True, until=None, apart=False):
        """Runs workers of these kinds until nothing is left to do.

        until: called while they run, some times a second; what it asks takes time from them
        apart: each worker has one processor, so that it is as fast alone as beside others"""
        words = [self.options.programs / "pra", "worker", "--threads", str(self.options.threads), "--until-idle",
                 "--beat", "1", "--lease", "5"]
        words += [word for kind in kinds for word in ("--kind", kind)]
        words += ["--sees", str(self.folder / "shared")] if sees else []
        started = [
            subprocess.Popen([*(processor(number) if apart else []), *words, "--label", f"host=rehearsal-{number}"],
                             env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
            for number in range(workers)]
        self.workers += started
        while any(worker.poll() is None for worker in started):
            if until:
                until()
            time.sleep(0.1)
        failed = self.server.rows("select id, kind, message from pra.jobs where state in ('failed', 'quarantined')")
        if failed:
            sys.exit(f"rehearse: a job failed: {failed[0]}")

    def run_file(self, name, **data):
        """Writes a run file over the source; returns its path."""
        options = self.options
        data = {"source": "shared/source.tar", "in_place": not options.copied, **data}
        path = self.folder / f"{name}.yaml"
        path.write_text(json.dumps({
            "name": name, "data": data,
            "config": {
                "preset": "nano", "method": "pra", "image": {"size": options.size},
                "training": {"batch": 8, "total": 2}},
            "sample": {"count": 8, "shards": 4}, "evaluate": options.figures}))
        return path

    def ingests(self, run):
        """Jobs of a run that pack images, and that which has the data set."""
        return self.server.rows(f"""
            select id, result, arguments from pra.jobs
            where run_id = {run} and kind = 'ingest' and result ? 'fingerprint'""")

    def fingerprint(self, run):
        return self.ingests(run)[0]["result"]["fingerprint"]

    def ready(self, jobs):
        """The time at which a data set of some jobs was there: a worker ends a beat later."""
        return self.server.rows(f"""
            select extract(epoch from max(finished_at))::float as at from pra.jobs
            where {jobs} and result ? 'fingerprint'""")[0]["at"]

    def ranges(self, run):
        """Bytes of the packed ranges of a run's data set."""
        return self.server.rows(f"""
            select coalesce(sum(o.size), 0)::bigint as bytes, count(*) as ranges
            from pra.outputs as o join pra.jobs as j on j.id = o.job_id
            where j.run_id = {run} and j.result ? 'fingerprint' and o.name like 'data-%.packed'""")[0]


def processor(number):
    """The words before a command that hold it, and what it starts, to one processor."""
    processors = sorted(os.sched_getaffinity(0))
    return ["taskset", "--cpu-list", str(processors[number % len(processors)])]


def enqueue(rehearsal, run, ranges):
    """A further ingest of a run's data by one job in so many ranges; returns its number."""
    job = rehearsal.server.rows(f"""
        select id, arguments from pra.jobs
        where run_id = {run} and kind = 'ingest' order by id limit 1""")[0]
    every = -(-rehearsal.options.images // ranges)
    arguments = dict(job["arguments"], part=0, parts=1, checkpoint_every=every)
    (rehearsal.folder / "one.json").write_text(json.dumps(arguments))
    return int(rehearsal.pra("enqueue", "ingest", "--config", str(rehearsal.folder / "one.json")).split()[-1])


def result(rehearsal, job):
    return rehearsal.server.rows(f"select result, state from pra.jobs where id = {job}")[0]["result"]


def stage_of(worker, program):
    """The process of a worker's stage, or nothing."""
    try:
        children = pathlib.Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
        found = [int(child) for child in children]
        for task in pathlib.Path(f"/proc/{worker.pid}/task").iterdir():
            found += [int(child) for child in (task / "children").read_text().split()]
        for child in found:
            if pathlib.Path(f"/proc/{child}/comm").read_text().strip() == program:
                return child
    except OSError:
        pass
    return None


class Killer:
    """Kills the stage of a job once, when two thirds of its images are done."""

    def __init__(self, rehearsal, job):
        self.rehearsal, self.job, self.killed_at = rehearsal, job, None

    def __call__(self):
        if self.killed_at is not None:
            return
        row = self.rehearsal.server.rows(
            f"select progress_done as done, progress_total as total from pra.jobs where id = {self.job}")[0]
        if not row["total"] or (row["done"] or 0) < 0.67 * row["total"]:
            return
        for worker in self.rehearsal.workers:
            if worker.poll() is None and (stage := stage_of(worker, "pra-ingest")):
                os.kill(stage, signal.SIGKILL)
                self.killed_at = row["done"]
                return


def rehearse(options, table, facts):
    with Rehearsal(options) as rehearsal:
        table.folder = rehearsal.folder
        source = rehearsal.folder / "shared/source.tar"
        size = make(source, options.images, options.classes, options.kilobytes)
        facts["source"] = size
        time.sleep(3)  # what was written in the last seconds is not remembered
        submit(rehearsal, table, source, size)
        ingest(rehearsal, table, source, size, facts)
        draw(rehearsal, table, facts)


def submit(rehearsal, table, source, size):
    options = rehearsal.options
    path = rehearsal.run_file("whole", parts=options.parts)
    drop(source)
    stored = size if options.copied else 0
    start = time.monotonic()
    rehearsal.run = int(table.measure("submit", lambda: rehearsal.pra("run", str(path)), size, stored, exact=True))
    rehearsal.submitted = time.monotonic() - start
    drop(source)
    again = rehearsal.run_file("again", parts=options.parts)

    def repeat():
        rehearsal.pra("run", str(again))
        rehearsal.pra("sweep", str(again), "--set", "training.lr=1e-4,2e-4,3e-4,4e-4,5e-4")
    table.measure("again, sweep of five", repeat, 0, 0, exact=True)
    rehearsal.server.sql(f"select pra.cancel(id) from pra.jobs where run_id > {rehearsal.run} and state <> 'cancelled'")


def ingest(rehearsal, table, source, size, facts):
    options = rehearsal.options
    drop(source)
    start = time.time()
    table.measure(
        f"ingest by {options.workers}", lambda: rehearsal.work(options.workers, "ingest", apart=True), 0, 0)
    facts["together"] = rehearsal.ready(f"run_id = {rehearsal.run}") - start
    packed = rehearsal.ranges(rehearsal.run)
    facts["packed"], facts["ranges"] = packed["bytes"], packed["ranges"]
    table.rows[-1].update({"least read": size, "least written": packed["bytes"], "exact": not options.copied})
    rehearsal.fingerprints = [rehearsal.fingerprint(rehearsal.run)]
    # In other ranges, so that it stores what it makes.
    job = enqueue(rehearsal, rehearsal.run, 10)
    drop(source)
    start = time.time()
    table.measure("one worker", lambda: rehearsal.work(1, "ingest", apart=True), size, packed["bytes"],
                  exact=not options.copied)
    facts["alone"] = rehearsal.ready(f"id = {job}") - start
    rehearsal.fingerprints.append(result(rehearsal, job)["fingerprint"])
    kill(rehearsal, table, source, size, facts)
    plain(rehearsal, table, source, size, facts)
    facts["fingerprints"] = len(set(rehearsal.fingerprints))


def plain(rehearsal, table, source, size, facts):
    """Decoding and one write alone: the import as a program without queue and store, on as many threads."""
    options = rehearsal.options

    def decode(threads):
        drop(source)
        start = time.monotonic()
        subprocess.run([options.programs / "bench-ingest", str(source), str(options.size), str(threads)],
                       env=dict(rehearsal.environment, TMPDIR=str(rehearsal.folder / "home")),
                       stdout=subprocess.DEVNULL, check=True)
        return time.monotonic() - start

    def decode_once():
        facts["plain"] = decode(options.workers * options.threads)
    table.measure("decoding and one write", decode_once, size, facts["packed"])
    # What further processors of this machine are worth, without queue and store.
    facts["scaling"] = decode(options.threads) / facts["plain"]


def kill(rehearsal, table, source, size, facts):
    job = enqueue(rehearsal, rehearsal.run, 9)
    killer = Killer(rehearsal, job)
    drop(source)
    table.measure("killed at 67 %", lambda: rehearsal.work(1, "ingest", until=killer), size, facts["packed"])
    rehearsal.fingerprints.append(result(rehearsal, job)["fingerprint"])
    step = rehearsal.server.rows(f"""
        select coalesce(max(step), 0) as step from pra.checkpoints where job_id = {job} and epoch = 1""")[0]["step"]
    facts["killed at"] = killer.killed_at
    facts["images packed again"] = None if killer.killed_at is None else max(0, killer.killed_at - step)
    facts["images of a range"] = -(-rehearsal.options.images // 9)


def draw(rehearsal, table, facts):
    start = time.monotonic()
    first = []

    def look():
        if not first and rehearsal.server.sql("select 1 from pra.metrics_raw where name = 'loss' limit 1"):
            first.append(time.monotonic() - start)
    table.measure("train", lambda: rehearsal.work(1, "train", sees=False, until=look), facts["packed"], 0)
    facts["first"] = rehearsal.submitted + facts["together"] + (first[0] if first else float("nan"))
    weights = rehearsal.server.rows("""
        select coalesce(max(f.size), 0)::bigint as bytes from (
          select (f ->> 'size')::bigint as size from pra.checkpoints as c cross join jsonb_array_elements(c.files) as f
          where f ->> 'name' like 'ema-%' or f ->> 'name' = 'model.safetensors') as f""")[0]["bytes"]
    table.measure("sample", lambda: rehearsal.work(1, "sample", sees=False), 4 * weights, 0)
    table.rows[-1]["stage"] += " (no byte of the data set)"
    if rehearsal.options.figures:
        evaluate(rehearsal, table, facts, weights)


def evaluate(rehearsal, table, facts, weights):
    images = rehearsal.server.rows("""
        select sum(size)::bigint as bytes from pra.outputs where name = 'images.packed'""")[0]["bytes"]
    first = rehearsal.server.rows(f"""
        select o.size from pra.outputs as o join pra.jobs as j on j.id = o.job_id
        where j.run_id = {rehearsal.run} and j.result ? 'fingerprint' and o.name = 'data-00000.packed'""")[0]["size"]
    table.measure("evaluate", lambda: rehearsal.work(1, "evaluate", sees=False), facts["packed"] + weights + images, 0)
    again = rehearsal.server.rows(f"""
        select arguments from pra.jobs where kind = 'evaluate' and run_id = {rehearsal.run}""")[0]["arguments"]
    (rehearsal.folder / "again.json").write_text(json.dumps(again))
    rehearsal.pra("enqueue", "evaluate", "--config", str(rehearsal.folder / "again.json"))
    table.measure("evaluate again (one range)", lambda: rehearsal.work(1, "evaluate", sees=False),
                  first + weights + images, 0)


def verdicts(table, facts):
    faults = table.faults(SLACK)
    if facts["fingerprints"] != 1:
        faults.append("the fingerprints of several workers, of one and of a killed one differ")
    if facts["killed at"] is None:
        faults.append("the stage ended before it could be killed; use more images")
    elif facts["images packed again"] >= facts["images of a range"]:
        faults.append(f"{facts['images packed again']} images were packed again, a range has "
                      f"{facts['images of a range']}")
    return faults


# ILSVRC2012_img_train.tar, in bytes.
IMAGENET = 147_897_477_120


def summary(facts):
    """Lines about the times, here and by proportion."""
    minutes = facts["first"] / 60 * IMAGENET / facts["source"]
    return [
        f"{facts['source'] / 1e6:,.1f} MB of source, {facts['packed'] / 1e6:,.1f} MB in {facts['ranges']} ranges",
        f"several workers, each on one processor, were {facts['alone'] / facts['together']:.2f} times as fast as one "
        f"({facts['together']:.1f} s, {facts['alone']:.1f} s); the program without queue and store {facts['scaling']:.2f} "
        "times",
        f"killed at image {facts['killed at']}: {facts['images packed again']} images were packed again, a range has "
        f"{facts['images of a range']}",
        f"from pra run to the first step: {facts['first']:.1f} s, {facts['first'] / facts['plain']:.2f} times decoding "
        f"and one write ({facts['plain']:.1f} s); by proportion of bytes, for ImageNet: {minutes:,.0f} minutes",
        f"the data sets have {facts['fingerprints']} fingerprint{'s' * (facts['fingerprints'] != 1)}"]


def rows_of(facts, faults):
    """The quantities of the stages, as a show returns them."""
    source = f"{facts['source'] / 1e9:.1f} GB of source"
    packed_again = (facts["images packed again"] or 0) / facts["images of a range"]
    return [
        ("ingest by several workers: times as fast as one", facts["alone"] / facts["together"], "", ">= 1.8",
         f"{source}, {facts['together']:.0f} s and {facts['alone']:.0f} s; decoding without queue and store "
         f"{facts['scaling']:.2f} times"),
        ("from pra run to the first step: times decoding and one write", facts["first"] / facts["plain"], "", "<= 1.1",
         f"{source}, {facts['first']:.0f} s and {facts['plain']:.0f} s"),
        ("ingest killed at 67 %: packed again, of a range", 100 * packed_again, "%", "< 100", source),
        ("stages that move more bytes than they must", len(faults), "", "= 0", source)]


def show(options, results):
    faults = []
    for name in options.show:
        with Rehearsal(options) as rehearsal:
            lines, found, rows = SHOWS[name](rehearsal)
        print("\n".join(f"{name}: {line}" for line in lines), flush=True)
        add(results, rows)
        faults += [f"{name}: {fault}" for fault in found]
    for fault in faults:
        print(f"NOT AS IT MUST BE: {fault}")
    return faults


def add(results, rows):
    for name, value, unit, wanted, note in rows if results else ():
        results.add(name, value, unit, wanted, note)


def main(text):
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, standard in (("images", 2000), ("classes", 20), ("kilobytes", 57), ("size", 64), ("parts", 4),
                           ("workers", 2), ("threads", 1)):
        parser.add_argument(f"--{name}", type=int, default=standard)
    parser.add_argument("--copied", action="store_true")
    parser.add_argument("--figures", action="store_true")
    parser.add_argument("--show", nargs="+", choices=SHOWS, default=[])
    parser.add_argument("--megabytes", type=int, default=4000)
    parser.add_argument("--drawn", type=int, default=50_000)
    parser.add_argument("--points", type=int, default=15_000_000)
    parser.add_argument("--checkpoints", type=int, default=300)
    parser.add_argument("--folder", type=pathlib.Path, default=None)
    parser.add_argument("--programs", type=pathlib.Path, default=ROOT / ".build/debug")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    options.programs = options.programs.resolve()
    # Refuses at once what could not be recorded at the end.
    results = Results("data", command_line("ops/rehearse"), options) if options.record else None
    faults = show(options, results) if options.show else stages(options, results)
    if results:
        results.finish()
    sys.exit(1 if options.check and faults else 0)


def stages(options, results):
    table, facts = Table(None), {}
    rehearse(options, table, facts)
    faults = verdicts(table, facts)
    add(results, rows_of(facts, faults))
    if options.json:
        print(json.dumps({"rows": table.rows, "facts": facts, "faults": faults}))
    else:
        print(table.page())
        print()
        print("\n".join(summary(facts)))
        for fault in faults:
            print(f"MORE THAN IT MUST: {fault}")
    return faults
