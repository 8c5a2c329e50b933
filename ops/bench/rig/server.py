"""A private PostgreSQL server in a folder of its own."""
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading


def follow_leash():
    """Where LEASH is stdin, ends this process as Ctrl-C does when its standard input is closed: whoever started it
    has ended, however it did."""
    def wait():
        while os.read(0, 4096):
            pass
        os.kill(os.getpid(), signal.SIGINT)

    if os.environ.pop("LEASH", None) == "stdin":
        threading.Thread(target=wait, daemon=True).start()


class PrivateServer:
    """A server that listens on a socket in its folder alone, with the defaults of PostgreSQL but for
    `settings`. Where root runs it, it runs as the account postgres."""

    def __init__(self, folder, settings=(), primary=None):
        """Makes the cluster, as a standby where a primary is given, and starts it."""
        follow_leash()
        self.folder, self.settings = folder, settings
        self.bin = programs()
        self.account = []
        if os.getuid() == 0:
            account = pwd.getpwnam("postgres")
            os.chown(folder, account.pw_uid, account.pw_gid)
            self.account = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        if primary:
            self.call("pg_basebackup", "-h", primary.folder, "-U", "pra", "-D", f"{folder}/data", "-R",
                      "-X", "stream", "-c", "fast")
        else:
            self.call("initdb", "-D", f"{folder}/data", "-A", "trust", "-U", "pra", "--no-locale", "-E",
                      "UTF8")
        self.environment = dict(os.environ, PGHOST=folder, PGUSER="pra", PGDATABASE="postgres")
        self.start()

    @classmethod
    def temporary(cls, prefix):
        return cls(tempfile.mkdtemp(prefix=prefix))

    def start(self):
        settings = ["listen_addresses=''", f"unix_socket_directories={self.folder}", *self.settings]
        self.call("pg_ctl", "-D", f"{self.folder}/data", "-l", f"{self.folder}/log", "-w", "-s",
                  "-o", " ".join(f"-c {setting}" for setting in settings), "start")

    def stop(self, mode="immediate"):
        self.call("pg_ctl", "-D", f"{self.folder}/data", "-m", mode, "-w", "-s", "stop")

    def backup(self, folder):
        """Copies the running server's data into a folder that is not there yet."""
        self.call("pg_basebackup", "-h", self.folder, "-U", "pra", "-D", folder, "-X", "stream", "-c", "fast",
                  "--no-sync")

    def restore(self, folder):
        """Puts a backup in the place of the data, which are lost, and starts the server again."""
        self.stop()
        os.rename(f"{self.folder}/data", f"{self.folder}/lost")
        os.rename(folder, f"{self.folder}/data")
        self.start()
        shutil.rmtree(f"{self.folder}/lost")

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def promote(self):
        self.call("pg_ctl", "-D", f"{self.folder}/data", "-w", "-s", "promote")

    def kill(self):
        """Kills the postmaster and all its children at once, as when the machine is gone."""
        for process in [self.postmaster(), *(number for number, _ in self.children())]:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def url(self, database="postgres"):
        return f"host={self.folder} port=5432 user=pra dbname={database}"

    def call(self, program, *words):
        """Runs one of PostgreSQL's programs as the server's account."""
        done = subprocess.run([*self.account, f"{self.bin}/{program}", *words], cwd="/",
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            sys.exit(f"{program}: {done.stderr}")

    def sql(self, text, database="postgres"):
        """Runs statements and returns what psql prints: columns parted by |, without a head."""
        done = subprocess.run(
            [f"{self.bin}/psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-d", database],
            input=text, env=self.environment, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"psql: {done.stderr}\n{text[:400]}")
        return done.stdout.strip()

    def rows(self, query, database="postgres"):
        """The rows of a query, a dictionary each."""
        return json.loads(
            self.sql(f"select coalesce(json_agg(q), '[]') from ({query}) as q", database))

    def hold_snapshot(self, database):
        """A session that holds a snapshot of the database open until its process is killed."""
        holder = subprocess.Popen(
            [f"{self.bin}/psql", "-qAtX", "-d", database], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, env=self.environment, text=True)
        holder.stdin.write("begin isolation level repeatable read; select 1;\n")
        holder.stdin.flush()
        holder.stdout.readline()
        return holder

    def pgbench(self, script, clients, seconds, database="raw", more=()):
        """Runs a script over and over; returns how often a second."""
        with tempfile.NamedTemporaryFile("w", suffix=".sql", delete=False) as file:
            file.write(script)
        done = subprocess.run(
            [f"{self.bin}/pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j",
             str(min(2, clients)), "-T", str(seconds), *more, "-f", file.name, database],
            env=self.environment, capture_output=True, text=True)
        os.unlink(file.name)
        if done.returncode or "ERROR" in done.stderr:
            sys.exit(f"pgbench: {done.stderr}")
        return float(re.search(r"tps = ([0-9.]+)", done.stdout).group(1))

    # Processor time, from /proc.

    def processor_seconds(self):
        """User and system time of the postmaster, of its children, and of those that have ended."""
        while True:
            before = stat(self.postmaster())
            ticks = used(before) + ended(before) + sum(used(fields) for _, fields in self.children())
            # A child that ended in between would be missed, or counted twice.
            if ended(stat(self.postmaster())) == ended(before):
                return ticks / TICKS

    def backend_seconds(self, database):
        """User and system time so far of the client sessions that a database has now."""
        sessions = self.sql(f"""
            select pid from pg_stat_activity
            where datname = '{database}' and backend_type = 'client backend'""").split()
        return sum(used(stat(process)) for process in sessions) / TICKS

    def postmaster(self):
        with open(f"{self.folder}/data/postmaster.pid") as file:
            return int(file.readline())

    def children(self):
        """Process numbers of the postmaster's children, and their fields of /proc/PID/stat."""
        master = str(self.postmaster())
        everyone = ((int(name), stat(name)) for name in os.listdir("/proc") if name.isdigit())
        return [(number, fields) for number, fields in everyone if fields and fields[1] == master]


TICKS = os.sysconf("SC_CLK_TCK")


def stat(process):
    """Fields of /proc/PID/stat from the state on, proc(5); none where the process has ended."""
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()
    except OSError:
        return []


def used(fields):
    """User and system ticks of a process; 0 where it has ended."""
    return sum(int(field) for field in fields[11:13])


def ended(fields):
    """User and system ticks of those children of a process that have ended."""
    return sum(int(field) for field in fields[13:15])


def programs():
    """The folder of initdb: pg_config's, or the newest that Debian has installed."""
    try:
        told = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True).stdout.strip()
    except FileNotFoundError:
        told = ""
    if os.path.exists(f"{told}/initdb"):
        return told
    versions = sorted(os.listdir("/usr/lib/postgresql"), key=int)
    return f"/usr/lib/postgresql/{versions[-1]}/bin"
