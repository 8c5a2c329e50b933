"""A training of many checkpoints, of which the rule `training.keep` leaves a handful on the disk at every moment."""
import json
import os

from rehearsal.shows import small_source, write_run

# Large enough that moments are an object, small enough that a step and its checkpoint take a tenth of a second.
MODEL = {
    "trunk": {"width": 128, "layers": 1, "heads": 2}, "head": {"width": 64, "blocks": 1}}


def enqueue(rehearsal, name, source, steps):
    training = {"batch": 2, "total": steps, "warmup": 1, "ema": [], "checkpoint_every": 1}
    rehearsal.pra("run", str(write_run(rehearsal, name, source, {**MODEL, "training": training, "seed": steps})))


class Looks:
    """Counts the checkpoints on disk while the training runs, and collects garbage beside it once."""

    def __init__(self, rehearsal, size, old):
        self.rehearsal, self.size, self.old = rehearsal, size, old
        self.most, self.looks, self.said, self.freed = 0, 0, None, 0

    def __call__(self):
        self.most = max(self.most, len(moments(self.rehearsal, self.size)))
        self.looks += 1
        if self.said is None and self.registered() > 5:
            told = json.loads(self.rehearsal.pra("gc", "--grace", "0", "--json"))
            self.said = sum(row["bytes"] for row in told["garbage"] if row["what"] == "artifacts")
            self.freed = sum(size for path, size in self.old.items() if not os.path.exists(path))

    def registered(self):
        return int(self.rehearsal.server.sql(
            "select count(*) from pra.events where kind = 'checkpoint.registered' and run_id = 2"))


def moments(rehearsal, size):
    """The objects of moments, of which each checkpoint has one of this size."""
    return [path for path, bytes in objects(rehearsal).items() if bytes == size]


def objects(rehearsal):
    found = {}
    for folder, _, names in os.walk(rehearsal.folder / "store/sha256"):
        for name in names:
            try:
                found[f"{folder}/{name}"] = os.stat(f"{folder}/{name}").st_size
            except FileNotFoundError:
                continue
    return {path: size for path, size in found.items() if len(os.path.basename(path)) == 64}


def kept(rehearsal):
    """The most checkpoints on disk in a training of many, and what garbage collection frees beside it."""
    count = rehearsal.options.checkpoints
    source = small_source(rehearsal)
    enqueue(rehearsal, "old", source, 2)
    rehearsal.work(1, "ingest", "train", sees=False)
    files = rehearsal.server.rows("""
        select f ->> 'sha256' as sha256, (f ->> 'size')::bigint as size, f ->> 'name' as name
        from pra.checkpoints cross join jsonb_array_elements(files) as f""")
    size = max(file["size"] for file in files if file["name"] == "optimizer.safetensors")
    digests = {file["sha256"] for file in files}
    old = {path: bytes for path, bytes in objects(rehearsal).items() if os.path.basename(path) in digests}
    rehearsal.pra("delete", "old", "--only", "checkpoints")
    enqueue(rehearsal, "long", source, count)
    looks = Looks(rehearsal, size, old)
    rehearsal.work(1, "ingest", "train", sees=False, until=looks)
    left = len(moments(rehearsal, size))
    lines = [
        f"{looks.registered()} checkpoints of {size / 1e6:.1f} MB of moments each: at most {looks.most} on disk in "
        f"{looks.looks} looks, {left} at the end; gc beside it said that it freed {(looks.said or 0) / 1e6:.1f} MB, "
        f"{looks.freed / 1e6:.1f} MB of them of a run's deleted checkpoints"]
    faults = []
    if looks.most > 5 or looks.registered() != count:
        faults.append(f"{looks.most} of {looks.registered()} checkpoints on disk at once")
    if looks.said is None or looks.freed != sum(old.values()) or looks.said < looks.freed:
        faults.append(f"gc said {looks.said} bytes, freed {looks.freed} of {sum(old.values())}")
    return lines, faults, [
        (f"training of {count} checkpoints with keep: on disk at once", looks.most, "checkpoints", "<= 5",
         f"{looks.looks} looks; gc beside it freed {(looks.said or 0) / 1e6:.1f} MB")]
