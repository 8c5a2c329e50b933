"""What ops/rehearse shows besides the stages, each on a server of its own. A show returns lines, faults and rows: the
name of a quantity, its value and unit, what is wanted, and a note."""
import json
import os
import subprocess
import tarfile
import time

from rehearsal.bucket import Bucket
from rehearsal.made import add, picture, whole_picture
from rehearsal.measured import held

# A model that draws and trains as fast as one can: what is shown is not its work.
TINY = {
    "image": {"size": 32, "patch": 16}, "trunk": {"width": 32, "layers": 1, "heads": 1},
    "head": {"width": 32, "blocks": 1}, "encoder": {"width": 32, "blocks": 1, "head_dim": 32},
    "decoder": {"width": 32, "blocks": 1, "head_dim": 32}, "training": {"batch": 2, "total": 2, "warmup": 1},
    "sampling": {"steps": 1}}


def small_source(rehearsal, filler=0):
    """A tar of twenty pictures in two classes, and of so many bytes that are none, which are left out."""
    import random
    generator = random.Random(1)
    path = rehearsal.folder / "shared/small.tar"
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as archive:
        parts = picture(generator, 4)
        for number in range(20):
            add(archive, f"{'ab'[number % 2]}/{number}.png", whole_picture(parts, number))
        if filler:
            entry = tarfile.TarInfo("noise.bin")
            entry.size = filler
            archive.addfile(entry, Noise(generator, filler))
    return path


class Noise:
    """A file of bytes that do not shrink: one block over and over, numbered."""

    def __init__(self, generator, size):
        self.block, self.size, self.done = generator.randbytes(1 << 14), size, 0

    def read(self, count):
        count = min(count, self.size - self.done)
        piece = b""
        while len(piece) < count:
            piece += (self.done + len(piece)).to_bytes(8, "big") + self.block
        self.done += count
        return piece[:count]


def write_run(rehearsal, name, source, config=None, **more):
    path = rehearsal.folder / f"{name}.yaml"
    path.write_text(json.dumps({
        "name": name, "data": {"source": str(source)}, "config": {**TINY, **(config or {})}, **more}))
    return path


def timed(rehearsal, *words):
    """Runs `pra`; returns seconds, the most memory in bytes, and what it says."""
    start = time.monotonic()
    with subprocess.Popen([rehearsal.options.programs / "pra", *map(str, words)], env=rehearsal.environment,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"pra {words[0]} ended with {process.returncode}")
    return time.monotonic() - start, usage.ru_maxrss * 1024, said


def fetch(rehearsal):
    """A job is preempted in the middle of a large fetch, and goes on where it was."""
    size = rehearsal.options.megabytes * 1_000_000
    source = small_source(rehearsal, filler=size)
    with Bucket(rehearsal.folder / "bucket") as bucket:
        rehearsal.environment.update(AWS_ACCESS_KEY_ID="key", AWS_SECRET_ACCESS_KEY="secret")
        rehearsal.pra("store", bucket.location)
        rehearsal.pra("run", str(write_run(rehearsal, "fetched", source)))
        # So fast that a whole reading takes twenty seconds.
        bucket.rate = size / 20
        bucket.reads.clear()
        seen = Preemption(rehearsal)
        rehearsal.work(1, "ingest", sees=False, until=seen)
        bucket.shutdown()
    digest = rehearsal.server.rows("select arguments ->> 'source' as s from pra.jobs where kind = 'ingest'")[0]["s"]
    starts = [start for name, start, _ in bucket.reads if name == digest]
    attempts = rehearsal.server.rows("select outcome from pra.attempts order by epoch")
    outcomes = [attempt["outcome"] for attempt in attempts]
    lines = [
        f"fetch of {size / 1e9:.1f} GB preempted at \"{seen.progress}\": released after {seen.seconds:.2f} s; the "
        f"next attempt read on from byte {starts[-1] if starts else 0:,}; attempts: {', '.join(outcomes)}"]
    faults = []
    if seen.seconds is None or seen.seconds > 2:
        faults.append("the job was not released within two seconds")
    if len(starts) < 2 or starts[-1] < size // 10:
        faults.append(f"the next attempt began anew: {starts}")
    if outcomes != ["preempted", "succeeded"]:
        faults.append(f"the attempts ended otherwise: {outcomes}")
    return lines, faults, [
        (f"preempted in a fetch of {size / 1e9:.1f} GB: released after", seen.seconds or 60, "s", "<= 2",
         f"the next attempt went on from byte {starts[-1] if starts else 0:,}")]


class Preemption:
    """Preempts the job that runs once it has fetched a fifth, and waits for its release."""

    def __init__(self, rehearsal):
        self.rehearsal, self.asked, self.seconds, self.progress = rehearsal, None, None, ""

    def __call__(self):
        server = self.rehearsal.server
        if self.seconds is not None:
            return
        if self.asked is None:
            row = server.rows("""
                select j.id, j.progress, p.done::float / nullif(p.total, 0) as share
                from pra.jobs as j join pra_store.progress as p on p.job_id = j.id where j.state = 'running'""")
            if not row or not str(row[0]["progress"]).startswith("fetching") or (row[0]["share"] or 0) < 0.2:
                return
            self.progress, self.asked = row[0]["progress"], time.monotonic()
            server.sql(f"select pra.preempt({row[0]['id']})")
        while not server.sql("select 1 from pra.attempts where ended_at is not null limit 1"):
            if time.monotonic() > self.asked + 60:
                return
            time.sleep(0.01)
        self.seconds = time.monotonic() - self.asked


def drawn(rehearsal):
    """Bytes of drawn images in PostgreSQL, and the seconds for everything that is made of them."""
    count = rehearsal.options.drawn
    path = write_run(rehearsal, "drawn", small_source(rehearsal), sample={"count": count, "shards": 10},
                     evaluate=True)
    rehearsal.pra("run", str(path))
    rehearsal.work(1, "ingest", "train", sees=False)
    before = rehearsal.server.rows("select pg_database_size(current_database()) as bytes")[0]["bytes"]
    start = time.monotonic()
    rehearsal.work(rehearsal.options.workers, "sample", sees=False)
    drawing = time.monotonic() - start
    rehearsal.server.sql("checkpoint")
    sizes = rehearsal.server.rows("""
        select pg_database_size(current_database()) as bytes,
          pg_total_relation_size('pra_store.image_sets') as sets, (select count(*) from pra.images) as images,
          (select sum(size) from pra.outputs where name = 'images.packed') as packed""")[0]
    start = time.monotonic()
    rehearsal.work(1, "evaluate", sees=False)
    features = time.monotonic() - start
    each = (sizes["bytes"] - before) / count
    out = rehearsal.folder / "out"
    grid = timed(rehearsal, "images", "drawn", "-o", f"{out}.png", "--limit", "100")
    npz = timed(rehearsal, "export", "npz", "drawn", "-o", f"{out}.npz")
    pngs = timed(rehearsal, "export", "images", "drawn", "-o", out)
    lines = [
        f"{sizes['images']:,} images of 32 pixels, drawn in {drawing:.0f} s: {sizes['sets'] / count:.1f} bytes each in "
        f"PostgreSQL's table of them, {each:.1f} in the database with jobs, metrics and logs; "
        f"{(sizes['packed'] or 0) / 1e6:.0f} MB in the store",
        f"a grid of 100: {grid[0]:.2f} s; npz: {npz[0]:.1f} s, {npz[1] / 1e6:.0f} MB of memory; "
        f"{len(os.listdir(out)):,} PNGs: {pngs[0]:.1f} s, {pngs[1] / 1e6:.0f} MB; features of all and their distance: "
        f"{features:.1f} s"]
    faults = [] if each < 200 else [f"{each:.0f} bytes in the database for each image"]
    if len(os.listdir(out)) != count or sizes["images"] != count:
        faults.append(f"{len(os.listdir(out))} PNGs, {sizes['images']} images of {count}")
    what = f"{count:,} drawn images of 32 pixels"
    return lines, faults, [
        (f"{what}: in PostgreSQL, each", each, "bytes", "< 200", f"{sizes['sets'] / count:.1f} in the table of them"),
        (f"{what}: a grid of 100 of them", grid[0], "s", "<= 1", ""),
        (f"{what}: npz", npz[0], "s", None, f"{npz[1] / 1e6:.0f} MB of memory"),
        (f"{what}: a folder of PNGs", pngs[0], "s", None, f"{pngs[1] / 1e6:.0f} MB of memory"),
        (f"{what}: features of all, and their distance", features, "s", None, "32 random features")]


# Fifteen series of a finished training.
POINTS = """
    select pra.enqueue('points', pra.create_run('long'), '{{}}');
    select pra.register_worker('w', '{{}}', '{{default}}', '{{points}}', 1, '10 minutes');
    update pra_store.workers set token = null;
    select pra.claim((select max(id) from pra_store.workers), 1);
    select pra.continue_from(1, 1);
    do $$ begin
      for step in 0..{steps} - 1 by 10000 loop
        insert into pra_store.metric_staging (job_id, epoch, batch, name, steps, "values")
        select 1, 1, step / 10000 + 1, 'series.' || name,
          array(select generate_series(step, least({steps}, step + 10000) - 1)),
          array(select sin(i / 1000.0) from generate_series(step, least({steps}, step + 10000) - 1) as i)
        from generate_series(1, 15) as name;
        perform pra.absorb_metrics(1, 1, step / 10000 + 1);
      end loop;
    end $$;
    select pra.finish(1, 1, metric_batch => ({steps} - 1) / 10000 + 1);
    analyze"""


def points(rehearsal):
    """Exports of a run of many metric points: seconds, and memory that does not grow with them."""
    count = rehearsal.options.points
    start = time.monotonic()
    rehearsal.server.sql(POINTS.format(steps=count // 15))
    lines = [f"{count:,} metric points in 15 series, absorbed in {time.monotonic() - start:.0f} s"]
    faults, rows = [], []
    out = rehearsal.folder / "out"
    for name, words in (("csv", ("export", "csv", "long", "-o", f"{out}.csv")),
                        ("tensorboard", ("export", "tensorboard", "long", "-o", out)),
                        ("plot of three series", ("plot", "long", "-o", f"{out}.svg", "--metric", "series.1",
                                                  "--metric", "series.2", "--metric", "series.3"))):
        seconds, memory, _ = timed(rehearsal, *words)
        lines.append(f"{name}: {seconds:.1f} s, {memory / 1e6:.0f} MB of memory")
        rows.append((f"{name} of {count:,} metric points: memory", memory / 1e6, "MB", "< 200", f"{seconds:.1f} s"))
        if memory > 200e6:
            faults.append(f"{name} took {memory / 1e6:.0f} MB of memory")
    found = sum(1 for _ in open(f"{out}.csv", "rb")) - 1
    lines.append(f"the CSV has {found:,} lines, {os.path.getsize(f'{out}.csv') / 1e6:.0f} MB; TensorBoard's files "
                 f"{held(out) / 1e6:.0f} MB")
    if found != count // 15 * 15:
        faults.append(f"the CSV has {found} points of {count}")
    return lines, faults, rows


SHOWS = {"fetch": fetch, "drawn": drawn, "points": points}
