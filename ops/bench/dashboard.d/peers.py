"""TensorBoard and MLflow over the same series, in the same browser: time to the first chart, bytes, and what is seen of one
step that is out of line."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import time
import urllib.parse
import urllib.request

#: One step is out of line by so much, and yet below the first ones, so that it is neither the least nor the greatest value.
HEIGHT = 0.2


def spike(steps):
    """The step that is out of line."""
    return steps * 7 // 9


def around(steps):
    """The range of a zoom into a twentieth of the series with that step."""
    return spike(steps) - steps // 50, spike(steps) + steps * 3 // 100


def value_in_sql(steps):
    return (f"0.55 + 0.4 * exp(-4.0 * s / {steps}) + 0.006 * sin(s * 12.9898) "
            f"+ case when s = {spike(steps)} then {HEIGHT} else 0 end")


#: Run by the peers' Python: the same values, in the files of each.
WRITE = f"""
import math, sqlite3, sys, time
steps, folder = int(sys.argv[1]), sys.argv[2]
def value(s):
    return 0.55 + 0.4 * math.exp(-4.0 * s / steps) + 0.006 * math.sin(s * 12.9898) + ({HEIGHT} if s == steps * 7 // 9 else 0)
if sys.argv[3] == "tensorboard":
    from tensorboard.compat.proto import event_pb2, summary_pb2
    from tensorboard.summary.writer.record_writer import RecordWriter
    with open(folder + "/events.out.tfevents.1700000000.bench", "wb") as file:
        writer = RecordWriter(file)
        writer.write(event_pb2.Event(wall_time=1.7e9, file_version="brain.Event:2").SerializeToString())
        for s in range(steps):
            one = summary_pb2.Summary.Value(tag="loss", simple_value=value(s))
            writer.write(event_pb2.Event(wall_time=1.7e9 + s, step=s, summary=summary_pb2.Summary(value=[one])).SerializeToString())
        writer.flush()
else:
    import mlflow
    mlflow.set_tracking_uri("sqlite:///" + folder + "/mlflow.db")
    experiment = mlflow.create_experiment("bench", artifact_location=folder)
    with mlflow.start_run(experiment_id=experiment) as run:
        mlflow.log_metric("loss", value(steps - 1), step=steps - 1)
        name = run.info.run_id
    with sqlite3.connect(folder + "/mlflow.db") as database:
        database.executemany("insert into metrics (key, value, timestamp, run_uuid, step, is_nan) values ('loss', ?, ?, ?, ?, 0)",
                             ((value(s), 1700000000000 + s, name, s) for s in range(steps - 1)))
    print(experiment, name)
"""


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Peer:
    """One of the two, as a server over the series."""

    def __init__(self, python, folder, steps):
        self.python, self.steps = python, steps
        self.folder = pathlib.Path(folder) / self.name
        self.folder.mkdir()
        self.written = subprocess.run([python, "-c", WRITE, str(steps), str(self.folder), self.name], check=True,
                                      stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout.split()
        self.port = free_port()
        self.root = f"http://127.0.0.1:{self.port}"
        self.process = subprocess.Popen(self.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        start_new_session=True)

    def __enter__(self):
        end = time.monotonic() + 300
        while not self.is_ready():
            if time.monotonic() > end:
                raise SystemExit(f"{self.name} does not serve the series within 300 s")
            time.sleep(0.5)
        return self

    def __exit__(self, *_):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def get(self, path):
        with urllib.request.urlopen(self.root + path, timeout=60) as reply:
            return json.loads(reply.read())

    def is_ready(self):
        try:
            return self.last_step() >= self.steps - 1 - self.steps // 500
        except (OSError, ValueError, KeyError, IndexError):
            return False

    def first_chart(self, browser):
        """Milliseconds from the click to the drawn chart, with an empty cache, and bytes that came for it."""
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        page = context.new_page()
        client = context.new_cdp_session(page)
        client.send("Network.enable")
        sizes, answered = [], []
        client.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
        page.on("requestfinished", lambda asked: answered.append(1) if self.data in asked.url else None)
        began = time.perf_counter()
        page.goto(self.root + self.page())
        page.locator(self.chart).first.wait_for(state="attached", timeout=60_000)
        while not answered:
            page.wait_for_timeout(5)
        took = (time.perf_counter() - began) * 1000
        page.wait_for_timeout(1500)
        context.close()
        return took, sum(sizes)


class TensorBoard(Peer):
    name = "tensorboard"
    data = "/timeSeries"
    chart = "line-chart canvas, line-chart svg path"

    def command(self):
        return [self.python, "-m", "tensorboard.main", "--logdir", str(self.folder), "--host", "127.0.0.1", "--port", str(self.port)]

    def page(self):
        return "/#timeseries"

    def points(self):
        return self.get("/data/plugin/scalars/scalars?" + urllib.parse.urlencode({"run": ".", "tag": "loss"}))

    def last_step(self):
        return self.points()[-1][1]

    def sees_spike(self, zoomed):
        """Its charts zoom into the points that were sent first."""
        return any(step == spike(self.steps) for _, step, _ in self.points())


class MLflow(Peer):
    name = "mlflow"
    data = "get-history-bulk-interval"
    chart = ".js-plotly-plot .main-svg"

    def command(self):
        return [self.python, "-m", "mlflow", "server", "--backend-store-uri", f"sqlite:///{self.folder}/mlflow.db", "--host",
                "127.0.0.1", "--port", str(self.port), "--workers", "1"]

    def page(self):
        return f"/#/experiments/{self.written[0]}/runs/{self.written[1]}/model-metrics"

    def points(self, **bounds):
        """As its page asks for them."""
        asked = urllib.parse.urlencode({"run_ids": self.written[1], "metric_key": "loss", "max_results": 320, **bounds})
        return self.get("/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval?" + asked)["metrics"]

    def last_step(self):
        return max(one.get("step", 0) for one in self.points())

    def sees_spike(self, zoomed):
        first, last = around(self.steps)
        bounds = {"start_step": first, "end_step": last} if zoomed else {}
        return any(one.get("step", 0) == spike(self.steps) for one in self.points(**bounds))


def rows(results, python, folder, steps, browser, turns=3):
    """Adds the rows of both peers; returns their first charts by name."""
    charts = {}
    for kind in (TensorBoard, MLflow):
        with kind(python, folder, steps) as peer:
            found = [peer.first_chart(browser) for _ in range(turns)]
            charts[kind.name] = found
            results.add(f"{kind.name}: first chart of a series of {steps:,} points", [took for took, _ in found], "ms")
            results.add(f"{kind.name}: bytes for it", [size / 1000 for _, size in found], "kB")
            results.add(f"{kind.name}: one step out of line is seen in the whole series", float(peer.sees_spike(False)), "")
            results.add(f"{kind.name}: and after a zoom around it", float(peer.sees_spike(True)), "")
    return charts
