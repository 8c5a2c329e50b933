"""A migrated database and the programs that use it."""
import os
import shutil
import subprocess
import tempfile
import time

from rig.server import PrivateServer

SETTINGS = ("max_connections=50", "fsync=off")


class World:
    def __init__(self, programs):
        """A server in a temporary folder, which `end` removes."""
        self.programs = os.path.abspath(programs)
        self.folder = tempfile.mkdtemp(prefix="pra-soak-")
        os.chmod(self.folder, 0o755)
        os.makedirs(f"{self.folder}/server")
        self.server = PrivateServer(f"{self.folder}/server", SETTINGS)
        self.processes = []
        self.environment = {"PATH": "/usr/bin:/bin", "TMPDIR": self.folder, "HOME": self.folder,
                            "PRA_DATABASE_URL": self.server.url()}
        subprocess.run([f"{self.programs}/pra", "migrate"], env=self.environment, check=True,
                       stdout=subprocess.DEVNULL)
        self.run = int(self.server.sql("select pra.create_run('soak')"))

    def start(self, program, *words):
        """Starts a program whose input stays open: its end ends it."""
        process = subprocess.Popen([f"{self.programs}/{program}", *words], env=self.environment,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, text=True)
        self.processes.append(process)
        return process

    def agent(self, name, slots, stages):
        return self.start("test-agent", f"url={self.server.url()}", f"name={name}", f"slots={slots}",
                          f"stages={stages}", "lease=30", "beat=5", "idle=true")

    def enqueue(self, kind, count, arguments="{}"):
        self.server.sql(f"""
            select count(pra.enqueue('{kind}', {self.run}, '{arguments}', fault_retries => 0))
            from generate_series(1, {count})""")

    def number(self, query):
        return int(self.server.sql(query) or 0)

    def backends(self):
        """Process numbers of the server by the names of their sessions."""
        rows = self.server.sql("""
            select pid || ' ' || application_name from pg_stat_activity
            where backend_type = 'client backend' and application_name like 'pra %'""")
        return {name: int(number) for number, name in (row.split(" ", 1) for row in rows.splitlines())}

    def wait(self, condition, seconds=60):
        end = time.monotonic() + seconds
        while not (found := condition()):
            if time.monotonic() > end:
                raise SystemExit("soak: waited in vain")
            time.sleep(0.01)
        return found

    def end(self):
        for process in self.processes:
            process.kill()
            process.wait()
        self.server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
