"""The queue's program, called once for a task, or as a worker that is listened to."""
import collections
import os
import subprocess
import sys
import threading
import time


class Contender:
    """A program with the words of ops/bench/queue-contender."""

    def __init__(self, program):
        self.program = program
        self.ask("info", "dbname=x")  # it is built now, and not in the middle of a measurement

    def ask(self, *words):
        """Runs the program to its end and returns what it prints."""
        done = subprocess.run([self.program, *map(str, words)], capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{words[0]}: {done.stderr}")
        return done.stdout.strip()

    def seconds(self, *words):
        """Runs the program to its end and returns the seconds that it says."""
        return float(self.ask(*words).split()[1])

    def worker(self, url, word="work", **settings):
        return Worker(self.program, url, word, settings)


class Worker:
    """A worker that waits until it may go; each line that it prints is kept with its moment.

    The words of its lines: done TOTAL, lat US, claim US, reap US, start I (ops/bench/queue.d/Work.swift)."""

    def __init__(self, program, url, word, settings):
        self.process = subprocess.Popen(
            [program, word, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=dict(os.environ, **settings))
        if self.process.stdout.readline().strip() != "ready":
            sys.exit("a worker did not start")
        self.heard = collections.defaultdict(list)
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        for line in self.process.stdout:
            word, _, value = line.partition(" ")
            self.heard[word].append((time.monotonic(), int(value)))

    def go(self):
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    @property
    def done(self):
        """Jobs that it has finished."""
        return self.heard["done"][-1][1] if self.heard["done"] else 0

    @property
    def done_at(self):
        return self.heard["done"][-1][0] if self.heard["done"] else 0

    def values(self, word):
        return [value for _, value in self.heard[word]]

    @property
    def has_ended(self):
        return self.process.poll() is not None

    def kill(self):
        self.process.kill()
        self.process.wait()
