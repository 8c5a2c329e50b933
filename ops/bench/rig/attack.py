"""The frame of the scripts in ops/chaos/attack: a private database, the programs under attack, and the verdicts."""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from rig.server import PrivateServer

ROOT = pathlib.Path(__file__).resolve().parents[3]


class Attack:
    """One attack: a temporary folder, a server in it with the migrated schema, and a line for each probe.

        with Attack(__doc__) as attack:
            attack.probe("what was tried", held=..., detail=...)

    The process ends with 0 if all probes held, and with 1 otherwise."""

    def __init__(self, text, settings=("max_connections=60", "fsync=off")):
        parser = argparse.ArgumentParser(
            description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
        parser.add_argument("--programs", default=str(ROOT / ".build/debug"), help="folder of the built programs")
        self.programs = pathlib.Path(parser.parse_args().programs).resolve()
        self.settings = settings
        self.children = []
        self.broken = 0

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="pra-attack-")
        os.chmod(self.folder, 0o755)
        try:
            os.makedirs(f"{self.folder}/server")
            self.server = PrivateServer(f"{self.folder}/server", self.settings)
            self.environment = dict(
                os.environ, PRA_DATABASE_URL=self.server.url(), PRA_HOME=f"{self.folder}/home")
            self.pra("migrate")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *_):
        for child in self.children:
            if child.poll() is None:
                child.kill()
                child.wait()
        if os.path.exists(f"{self.folder}/server/data/postmaster.pid"):
            self.server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        if _[0] is None and self.broken:
            sys.exit(1)

    def pra(self, *words, **environment):
        """Runs `pra`; returns the finished process with its text output."""
        return subprocess.run([self.programs / "pra", *words], env=dict(self.environment, **environment),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)

    def start(self, *command, **environment):
        """Starts a process whose output goes to a file; returns it, with the file's path as `log`. Its standard input
        stays open as long as this process lives."""
        log = f"{self.folder}/output-{len(self.children)}"
        with open(log, "w") as file:
            child = subprocess.Popen(command, env=dict(self.environment, **environment),
                                     stdin=subprocess.PIPE, stdout=file, stderr=subprocess.STDOUT)
        child.log = log
        self.children.append(child)
        return child

    def sql_as(self, login, text):
        """Runs statements as a login; returns (whether they succeeded, what psql printed)."""
        done = subprocess.run(
            [f"{self.server.bin}/psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=verbose", "-d", "postgres"],
            input=text, env=dict(self.server.environment, PGUSER=login), capture_output=True, text=True)
        return done.returncode == 0, (done.stdout + done.stderr).strip()

    def refused(self, what, login, text, state):
        """A probe: these statements of this login end with this SQLSTATE."""
        succeeded, said = self.sql_as(login, text)
        self.probe(what, held=not succeeded and f"ERROR:  {state}:" in said, detail=said)

    def probe(self, what, held, detail=""):
        detail = f" ({' '.join(str(detail).split())[:400]})" if detail and not held else ""
        print(f"{'held' if held else 'BROKEN'}: {what}{detail}", flush=True)
        self.broken += not held

    def wait(self, what, condition, seconds=60):
        """Polls until the condition holds; a probe that is broken if it does not in time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if condition():
                return True
            time.sleep(0.02)
        self.probe(what, held=False, detail="not in time")
        return False
