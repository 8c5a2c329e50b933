"""The speed of a training of several ranks, and what a lost rank costs. Called by ops/bench/machines.

ranks: images a second of 2 and of 4 ranks on this machine's cores, divided by those of one rank that has all their
threads, and the same of PyTorch's ranks (torchrun, DistributedDataParallel over Gloo) in the same turns.

kill: seconds from `kill -9` until the gang's next start has made steps whose figures are in the database: of a rank's
process, and of a whole host, worker and rank, with a lease of 30 s and of 3 s. A third worker takes the place.

link: two hosts, each a network namespace, between which 1 Gbit/s goes in each direction (tc). The time of a step of
two ranks, divided by the longer of computing and sending. Computing is the slower of two trainings of one rank with
half of the batch at the same time; sending is the gradients' bytes at 1 Gbit/s, less than any program takes.
"""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from rig.rows import ROOT, Results, command_line, parser_of
from rig.server import PrivateServer

PARTS = ("ranks", "kill", "link")
DATA = ROOT / "ops/demo.d/emoji-32.tar"
# Images of a batch, which is divided into parts of so many.
BATCH, PART = 64, 16
# Bits a second of the link, in each direction.
LINK = 10**9


class Fleet:
    """A private database and the workers that ask it for jobs."""

    def __init__(self, programs):
        self.programs = pathlib.Path(programs).resolve()
        self.folder = tempfile.mkdtemp(prefix="pra-machines-")
        os.chmod(self.folder, 0o755)
        os.makedirs(f"{self.folder}/server")
        self.server = PrivateServer(f"{self.folder}/server")
        self.environment = dict(os.environ, PRA_DATABASE_URL=self.server.url(), PRA_HOME=f"{self.folder}/home")
        self.workers = []
        self.pra("migrate")

    def pra(self, *words):
        done = subprocess.run([self.programs / "pra", *words], env=self.environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"pra {' '.join(words)}: exit {done.returncode}: {done.stderr}")
        return done.stdout.strip()

    def worker(self, *words, address="127.0.0.1", namespace=None, lease=30):
        """Starts a worker with a session of its own."""
        before = ["ip", "netns", "exec", namespace] if namespace else []
        process = subprocess.Popen(
            [*before, self.programs / "pra", "worker", "--name", f"host{len(self.workers)}", "--address", address,
             "--lease", str(lease), "--beat", str(lease / 3), *words],
            env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.workers.append(process)
        return process

    def stop_workers(self):
        """Ends all workers, and waits for them."""
        for process in self.workers:
            process.send_signal(signal.SIGTERM)
        for process in self.workers:
            process.wait(120)
        self.workers = []

    def run(self, name, config):
        """Enqueues a training without sampling; returns the number of its run."""
        path = pathlib.Path(self.folder) / f"{name}.json"
        path.write_text(json.dumps({"name": name, "data": {"source": str(DATA)}, "config": config}))
        return int(self.pra("run", str(path)))

    def job(self, run):
        """The training's own job: of a gang, the one that stands for all ranks."""
        return self.server.rows(f"""
            select id, state, epoch, progress_done, (result ->> 'parameters')::bigint as parameters
            from pra.jobs where run_id = {run} and kind = 'train' and array_id is null""")[0]

    def await_end(self, run):
        """Waits for the end of a training, which must be good."""
        while True:
            job = self.job(run)
            if job["state"] == "succeeded":
                return job
            if job["state"] in ("failed", "cancelled", "quarantined"):
                sys.exit(f"run {run}: {job['state']}: {self.server.rows(f'select message from pra.attempts where run_id = {run}')}")
            time.sleep(0.2)

    def rates(self, run):
        """Images a second in each ten seconds of a training, without those in which it started and ended."""
        rows = self.server.rows(f"""
            select value from pra.metrics where run_id = {run} and name = 'images_per_second' order by step""")
        if len(rows) < 3:
            sys.exit(f"run {run}: it took fewer than 20 s; raise --steps or --link-steps")
        return [row["value"] for row in rows[1:-1]]

    def remove(self):
        for process in self.workers:
            if process.poll() is None:
                process.kill()
                process.wait()
        self.server.remove()
        shutil.rmtree(self.folder, ignore_errors=True)


def training(steps, **settings):
    """The configuration of a training that does nothing beside its steps."""
    return {"preset": "nano", "training": {
        "batch": BATCH, "micro_batch": PART, "total": steps, "warmup": 5, "checkpoint_every": 1_000_000,
        **settings}}


def shapes():
    """Numbers of ranks, and threads of each on the cores of this machine."""
    cores = len(os.sched_getaffinity(0))
    return [(count, max(1, cores // count)) for count in (2, 4)]


# The speed of ranks on the cores of one machine.

def measure_ours(fleet, name, ranks, threads, steps):
    """Images a second."""
    for _ in range(ranks):
        fleet.worker("--threads", str(threads))
    run = fleet.run(name, training(steps, ranks=ranks))
    fleet.await_end(run)
    fleet.stop_workers()
    return statistics.median(fleet.rates(run))


def measure_peer(ranks, threads):
    """Images a second, and the peer's name."""
    torchrun = pathlib.Path(sys.executable).parent / "torchrun"
    done = subprocess.run(
        [torchrun, "--standalone", "--nproc-per-node", str(ranks), ROOT / "ops/bench/machines_peer.py",
         "--batch", str(BATCH), "--threads", str(threads)],
        env=dict(os.environ, OMP_NUM_THREADS=str(threads)), capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"torchrun: exit {done.returncode}\n{done.stderr[-2000:]}")
    row = json.loads(done.stdout.splitlines()[-1])
    return row["images_per_second"], row["peer"]


def bench_ranks(fleet, results, options):
    for ranks, threads in shapes():
        together = ranks * threads
        ours, peers, rates = [], [], {"ours": [], "peer": []}
        for turn in range(options.turns):
            one = measure_ours(fleet, f"one-{ranks}-{turn}", 1, together, options.steps)
            many = measure_ours(fleet, f"many-{ranks}-{turn}", ranks, threads, options.steps)
            peer_one, name = measure_peer(1, together)
            peer_many, _ = measure_peer(ranks, threads)
            ours.append(100 * many / one)
            peers.append(100 * peer_many / peer_one)
            rates["ours"].append((one, many))
            rates["peer"].append((peer_one, peer_many))
        for side, shares, who in (("ours", ours, ""), ("peer", peers, f"{name}, torchrun: ")):
            one, many = (statistics.median(pair[i] for pair in rates[side]) for i in (0, 1))
            results.add(f"{who}{ranks} ranks of {threads} threads to one of {together}, nano, batch {BATCH}", shares,
                        "%", note=f"{many:.4g} images/s, one rank {one:.4g}")


# The time that a kill costs.

def children(process):
    """The processes that any thread of a process has started."""
    lists = pathlib.Path(f"/proc/{process}/task").glob("*/children")
    return [int(word) for one in lists for word in one.read_text().split()]


def stage_of(worker):
    """The process of the rank that a worker runs; None where it runs none."""
    for child in children(worker.pid):
        with contextlib.suppress(OSError):
            if pathlib.Path(f"/proc/{child}/comm").read_text().strip() == "pra-train":
                return child
    return None


def seconds_to_training(fleet, name, lease, whole_host):
    """Kills one of two ranks in the middle of a training; returns the seconds until steps are made again."""
    for _ in range(3):
        fleet.worker("--threads", "1", lease=lease)
    run = fleet.run(name, training(1_000_000, ranks=2, checkpoint_every=20))
    while (job := fleet.job(run))["state"] != "running" or (job["progress_done"] or 0) < 25:
        time.sleep(0.05)
    worker = next(worker for worker in fleet.workers if stage_of(worker))
    stage = stage_of(worker)
    start = time.monotonic()
    if whole_host:
        worker.kill()
    with contextlib.suppress(ProcessLookupError):
        os.kill(stage, signal.SIGKILL)
    again = f"""
        select count(*) as count from pra.attempts
        where job_id = {job['id']} and epoch > {job['epoch']} and metric_high_water is not null"""
    while fleet.server.rows(again)[0]["count"] == 0:
        time.sleep(0.02)
    seconds = time.monotonic() - start
    fleet.pra("cancel", "--run", str(run))
    fleet.stop_workers()
    return seconds


def bench_kill(fleet, results, options):
    for what, lease, whole_host in (
            ("a rank's process, lease 30 s", 30, False), ("a worker and its rank, lease 30 s", 30, True),
            ("a worker and its rank, lease 3 s", 3, True)):
        seconds = [seconds_to_training(fleet, f"kill-{lease}-{whole_host}-{turn}", lease, whole_host)
                   for turn in range(options.turns)]
        results.add(f"kill -9 of {what}: training again after", seconds, "s",
                    note="2 ranks, a third worker is idle; until figures of the next start are in the database")


# Sending while computing.

class Link:
    """Two network namespaces and a link of so many bits a second between them."""

    def __init__(self, bits):
        self.names = [f"pra-{os.getpid()}-{side}" for side in "ab"]
        self.addresses = ["10.78.0.1", "10.78.0.2"]
        a, b = self.names
        for name in self.names:
            self.ip("netns", "add", name)
        self.ip("-n", a, "link", "add", "link0", "type", "veth", "peer", "name", "link0", "netns", b)
        for name, address in zip(self.names, self.addresses):
            self.ip("-n", name, "addr", "add", f"{address}/24", "dev", "link0")
            for device in ("lo", "link0"):
                self.ip("-n", name, "link", "set", device, "up")
            self.call("tc", "-n", name, "qdisc", "add", "dev", "link0", "root", "tbf", "rate", f"{bits}bit",
                      "burst", "256kb", "latency", "50ms")

    def ip(self, *words):
        self.call("ip", *words)

    def call(self, *words):
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode:
            self.remove()
            sys.exit(f"{' '.join(words)}: {done.stderr.strip()} (link takes root, ip and tc)")

    def remove(self):
        for name in self.names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True)


def wide(steps, batch, ranks):
    """A model with much to send beside what it computes: the trunk of the preset micro on the demo's images."""
    return {"preset": "micro", "image": {"size": 32, "patch": 4}, "training": {
        "batch": batch, "micro_batch": 16, "total": steps, "warmup": 5, "checkpoint_every": 1_000_000, "ranks": ranks}}


def bench_link(fleet, results, options):
    link = Link(LINK)
    try:
        for name, address in zip(link.names, link.addresses):
            fleet.worker("--threads", "1", address=address, namespace=name)
        steps = options.link_steps
        # The images are read once, before anything is timed.
        fleet.await_end(fleet.run("first", wide(2, 16, 1)))
        times, computing = [], []
        for turn in range(options.turns):
            alone = [fleet.run(f"alone-{turn}-{side}", wide(steps, 16, 1)) for side in "ab"]
            for run in alone:
                fleet.await_end(run)
            computing.append(max(16 / statistics.median(fleet.rates(run)) for run in alone))
            both = fleet.run(f"both-{turn}", wide(steps, 32, 2))
            parameters = fleet.await_end(both)["parameters"]
            times.append(32 / statistics.median(fleet.rates(both)))
        sending = 4 * parameters * 8 / LINK
        ratios = [step / max(compute, sending) for step, compute in zip(times, computing)]
        step, compute = statistics.median(times), statistics.median(computing)
        results.add("a step of 2 ranks on 1 Gbit/s to the longer of computing and sending", ratios, "times", "<= 1.1",
                    f"{step:.3g} s; computing {compute:.3g}, sending {sending:.3g}, one after the other "
                    f"{compute + sending:.3g}; {parameters:,} parameters, 1 thread and 16 images each")
        fleet.stop_workers()
    finally:
        link.remove()


def main(programs, words):
    parser = parser_of(__doc__)
    parser.add_argument("parts", nargs="*", metavar="|".join(PARTS), help="by default all")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--steps", type=int, default=300, help="of a training of `ranks`, which shall last 30 s or more")
    parser.add_argument("--link-steps", type=int, default=20, help="of a training of `link`, likewise")
    parser.add_argument("--programs", help="folder of the built programs; by default they are built")
    options = parser.parse_args(words)
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"{', '.join(sorted(unknown))}: no such part; there are {', '.join(PARTS)}")
    for end in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(end, lambda *_: sys.exit(1))
    # The programs are those of this commit, wherever they lie.
    kept = [word for word in words if word not in ("--programs", options.programs)]
    results = Results("machines", command_line("ops/bench/machines", kept), options)
    fleet = Fleet(programs)
    try:
        for part in options.parts or PARTS:
            {"ranks": bench_ranks, "kill": bench_kill, "link": bench_link}[part](fleet, results, options)
    finally:
        fleet.remove()
    results.finish()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
