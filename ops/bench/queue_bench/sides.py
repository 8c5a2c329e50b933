"""Two databases of one server side by side, in one of which a snapshot is held open: what others do on the
machine hits both alike, so that the ratio of their figures is the loss."""
import time


WORKERS = 2


class Side:
    def __init__(self, bench, is_held, kind, stock=0):
        """A database that has been warmed up, with workers that wait until they may go.
        - stock: single jobs that are in line from the beginning"""
        self.bench, self.name = bench, bench.database()
        self.title = "snapshot held" if is_held else "none held"
        bench.fill(self.name, 100_000)
        bench.work(self.name, WORKERS, 100_000)
        if kind == "limited":
            bench.server.sql("select pra.set_limit('held', 100)", self.name)
        if stock:
            bench.enqueue_singly(self.name, 1)
            bench.make_ready(self.name, stock)
            bench.server.sql("vacuum analyze", self.name)
            bench.server.sql("checkpoint", self.name)
        self.holder = bench.server.hold_snapshot(self.name) if is_held else None
        self.crew = [bench.worker(self.name, BENCH_TIMES="1") for _ in range(WORKERS)]

    def kill(self):
        for worker in self.crew:
            worker.kill()
        if self.holder:
            self.holder.kill()
            self.holder.wait()

    @property
    def done(self):
        return sum(worker.done for worker in self.crew)

    def rate(self, begin, end):
        """Jobs a second that were finished between two moments."""
        total = 0
        for worker in self.crew:
            inside = [done for at, done in list(worker.heard["done"]) if begin <= at < end]
            total += inside[-1] - inside[0] if inside else 0
        return total / (end - begin)

    def latencies(self, begin, end):
        """Milliseconds from enqueue to start of the jobs that started between two moments."""
        return [us / 1e3 for worker in self.crew for at, us in list(worker.heard["lat"]) if begin <= at < end]

    def slowest_reap(self):
        reaps = [us / 1e3 for worker in self.crew for us in worker.values("reap")]
        return f"slowest of {len(reaps)} pra.reap {max(reaps):.0f} ms"


def pair(bench, kind, stock=0):
    """One side with a snapshot and one without."""
    return [Side(bench, is_held, kind, stock) for is_held in (True, False)]


def go(sides):
    """Lets all workers begin; the moment."""
    for side in sides:
        for worker in side.crew:
            worker.go()
    return time.monotonic()
