"""A server, databases with the queue's schema in them, and crews of workers."""
import sys
import time

from rig.server import PrivateServer


class Bench:
    def __init__(self, options, contender, results):
        self.options, self.contender, self.results = options, contender, results
        self.server = PrivateServer.temporary("pra-bench-")
        self.databases = 0
        self.raw_rates = {}  # jobs a second of plain statements, by clients

    def database(self):
        """A new database with the queue's schema; its name."""
        self.databases += 1
        name = f"ours{self.databases}"
        self.server.sql(f"create database {name}")
        self.contender.ask("setup", self.server.url(name))
        return name

    def worker(self, name, word="work", **settings):
        return self.contender.worker(self.server.url(name), word, **settings)

    def fill(self, name, count):
        """Enqueues jobs in arrays, a hundred to an attempt."""
        self.contender.ask("fill", self.server.url(name), count)

    def enqueue_singly(self, name, count):
        self.server.sql(
            f"select count(pra.enqueue('noop', 1, '{{}}')) from generate_series(1, {count})", name)

    def make_ready(self, name, count):
        """More jobs like one that is ready, put into the table without enqueueing them."""
        self.server.sql(f"""
          insert into pra_store.jobs (run_id, kind, queue, arguments, state, run_after, fault_retries,
            lost_retries, timeout_retries, lane_id, place)
          select j.run_id, j.kind, j.queue, j.arguments, 'ready', now(), 3, 5, 1, j.lane_id, j.place + i
          from (select * from pra_store.jobs where state = 'ready' limit 1) as j,
            generate_series(1, {count}) as i""", name)

    def work(self, name, workers, total, **settings):
        """Jobs a second of some workers until all is done, server microseconds a job, and the workers."""
        crew = [self.worker(name, **settings) for _ in range(workers)]
        before = self.server.processor_seconds()
        start = time.monotonic()
        for worker in crew:
            worker.go()
        while sum(worker.done for worker in crew) < total:
            self.check(crew, start)
            if time.monotonic() - start > 300:
                sys.exit(f"{sum(worker.done for worker in crew)} of {total} jobs in 300 s")
            time.sleep(0.005)
        seconds = max(worker.done_at for worker in crew) - start
        used = self.server.processor_seconds() - before
        for worker in crew:
            worker.kill()
        return total / seconds, 1e6 * used / total, crew

    @staticmethod
    def check(crew, start):
        """Ends the program where a worker has ended."""
        if any(worker.has_ended for worker in crew):
            sys.exit(f"a worker ended after {time.monotonic() - start:.0f} s")


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))]


def wait_until(condition, seconds):
    """Waits until something is so, and no longer than some seconds."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
