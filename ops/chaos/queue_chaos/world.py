"""A server, clients that work on it, and one that submits: the world that faults befall."""
import asyncio
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from queue_chaos.link import Link
from rig.server import PrivateServer

ROOT = pathlib.Path(__file__).resolve().parents[3]
CLIENT = ROOT / ".build/release/chaos-client"
BENCH = ROOT / ".build/release/bench-queue"
SETTINGS = ("max_connections=200",)


def build():
    """Builds the clients. One of them carries the schema, and those of an earlier build would try an earlier one."""
    for product in ("chaos-client", "bench-queue"):
        subprocess.run(["swift", "build", "-c", "release", "--product", product], cwd=ROOT, check=True,
                       stdout=sys.stderr)


class Client:
    """A process that works (ops/chaos/queue.d/ChaosWorker.swift), over a link of its own."""

    def __init__(self, world, number):
        self.world, self.number = world, number
        self.link = Link(f"{world.folder}/link{number}", world.server.folder)
        self.process = None
        self.busy = False

    def start(self):
        self.world.seed += 1
        self.process = subprocess.Popen(
            [CLIENT, "work", self.world.url(self.link), f"{self.world.folder}/log{self.number}",
             str(self.world.seed), f"client{self.number}"], stdin=subprocess.PIPE)

    def kill(self):
        self.process.kill()
        self.process.wait()


class World:
    def __init__(self, seed):
        """A server in a temporary folder, which `end` removes."""
        self.seed = seed * 1000
        self.folder = tempfile.mkdtemp(prefix="pra-chaos-")
        os.chmod(self.folder, 0o755)
        os.makedirs(f"{self.folder}/server")
        self.server = PrivateServer(f"{self.folder}/server", SETTINGS)
        self.servers = [self.server]
        self.standby = None
        self.clients = []
        # Of each backup that was restored: when it was begun and ended, and when the server was stopped for it.
        self.restores = []

    def prepare(self, clients, has_standby):
        subprocess.run([BENCH, "setup", self.server.url()], check=True)
        if has_standby:
            self.make_standby()
        self.clients = [Client(self, number) for number in range(clients)]
        self.submitter_link = Link(f"{self.folder}/links", self.server.folder)
        # The submitter enqueues as long as this file is there.
        self.more = f"{self.folder}/log-submit.more"

    def make_standby(self):
        os.makedirs(f"{self.folder}/standby")
        self.standby = PrivateServer(f"{self.folder}/standby", SETTINGS, primary=self.server)
        self.servers.append(self.standby)
        self.server.sql("alter system set synchronous_standby_names = '*'")
        self.server.sql("select pg_reload_conf()")

    def url(self, link):
        """The address behind a link, and the standby's behind it."""
        hosts = [link.folder] + ([self.standby.folder] if self.standby else [])
        return f"host={','.join(hosts)} port=5432 user=pra dbname=postgres"

    async def start(self, seed, jobs):
        """Starts clients and submitter; returns the process of the latter."""
        for client in self.clients:
            await client.link.open()
            client.start()
        await self.submitter_link.open()
        open(self.more, "w").close()
        return await asyncio.create_subprocess_exec(
            CLIENT, "submit", self.url(self.submitter_link), f"{self.folder}/log-submit", str(seed),
            str(jobs), stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def backup(self):
        """Takes a backup; its moments, as History has them."""
        begun = time.monotonic()
        self.server.backup(f"{self.server.folder}/backup")
        return dict(begun=begun, ended=time.monotonic())

    def restore(self, backup):
        """Loses all that was done since the backup."""
        backup["stopped"] = time.monotonic()
        self.server.restore(f"{self.server.folder}/backup")
        self.restores.append(backup)

    def fail_over(self):
        """Makes the standby the server."""
        self.standby.promote()
        self.server = self.standby

    def kill_clients(self):
        for client in self.clients:
            if client.process and client.process.poll() is None:
                client.kill()

    def end(self, keep):
        self.kill_clients()
        for server in self.servers:
            if os.path.exists(f"{server.folder}/data/postmaster.pid"):
                try:
                    server.stop()
                except SystemExit:
                    pass  # it was killed
        if keep:
            print(f"kept: {self.folder}", file=sys.stderr)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
