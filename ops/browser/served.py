"""A dashboard over a made-up history, as a process."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "ops/bench"))
from rig.server import PrivateServer  # noqa: E402

import history  # noqa: E402

CHROMIUM = "/usr/bin/chromium"


class Served:
    """A private server with a history, and `pra-dashboard` that shows it; both end with the block."""

    def __init__(self, programs, *options, **amounts):
        self.programs, self.options, self.amounts = pathlib.Path(programs), options, amounts

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="pra-browser-")
        os.chmod(self.folder, 0o755)
        os.makedirs(f"{self.folder}/server")
        self.process = None
        self.server = PrivateServer(f"{self.folder}/server", ("fsync=off", "max_wal_size=2GB", "shared_buffers=256MB",
                                                              "shared_preload_libraries=pg_stat_statements"))
        try:
            self.environment = dict(os.environ, PRA_DATABASE_URL=self.server.url(), PRA_HOME=f"{self.folder}/home")
            subprocess.run([self.programs / "pra", "migrate"], env=self.environment, check=True, stdout=subprocess.DEVNULL)
            self.known = history.seed(self.server, **self.amounts)
            self.process = subprocess.Popen(
                [self.programs / "pra", "dashboard", *self.options], env=self.environment, stdout=subprocess.PIPE, text=True)
            self.address = self.process.stdout.readline().strip()
            self.root = self.address.split("?")[0]
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process:
            self.process.kill()
            self.process.wait()
        self.server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
