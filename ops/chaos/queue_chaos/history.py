"""What the clients were told, and what the tables say in the end."""
import collections
import dataclasses
import datetime
import functools
import json
import os


@dataclasses.dataclass
class History:
    """Lists of dictionaries. Moments are PostgreSQL's texts of one time zone, which sort as the moments do.

    - told: what clients logged, in order for each: `what` (enqueued, claimed, wrote, finished, stale,
      ...), `of` (progress or log, of what it wrote), `client` (its log), `asked` and `told` (the moments before and after the call), and job, epoch, token,
      worker, key, at where it has them
    - jobs, attempts, workers, limits, events: rows of the views of schema pra
    - writes: of each accepted log line and progress: table, job_id, epoch, at
    - restores: of each backup that was restored, in order: `begun` and `ended`, between which it was taken, and
      `stopped`, from when on the server was away. Its moments, and `asked` and `told`, are of one clock

    A restore loses what was done since its backup: with it begins another *era*. Of an answer it is known that a
    restore kept it (told before the backup began), that it lost it (asked after the backup had ended), or neither.
    """

    told: list
    jobs: list
    attempts: list
    workers: list
    limits: list
    events: list
    writes: list
    restores: list = dataclasses.field(default_factory=list)

    @classmethod
    def read(cls, folder, server, restores):
        return cls(
            told=logs(folder),
            restores=restores,
            jobs=server.rows(
                "select id, state, limits, depends_on, array_id, array_first, array_last, element_first,"
                " element_last, gang, started_at::text, finished_at::text, idempotency_key from pra.jobs"),
            attempts=server.rows(
                # The view ends a lost attempt with the last beat of its worker. It may write, and has its slots, until the
                # server takes its job back.
                "select a.job_id, a.epoch, a.worker_id, a.started_at::text,"
                " coalesce(taken_back.at, a.ended_at)::text as ended_at, a.outcome"
                " from pra.attempts as a left join pra.events as taken_back"
                " on a.outcome = 'lost' and taken_back.kind = 'attempt.lost'"
                " and (taken_back.job_id, taken_back.epoch) = (a.job_id, a.epoch)"
                " order by a.job_id, a.epoch"),
            workers=server.rows("select id, slots from pra.workers"),
            limits=server.rows("select name, slots, taken from pra.limits"),
            events=server.rows(
                "select kind, job_id, detail -> 'members' as members from pra.events"
                " where kind in ('array.succeeded', 'gang.started', 'job.claimed')"),
            writes=server.rows(
                "select 'log_chunks' as table, job_id, epoch, at::text as at from pra_store.log_chunks"
                " union all"
                " select 'progress', job_id, epoch, updated_at::text from pra_store.progress"))

    @functools.cached_property
    def job(self):
        return {job["id"]: job for job in self.jobs}

    @functools.cached_property
    def end_of(self):
        """When an attempt has ended, by its job and epoch."""
        return {(attempt["job_id"], attempt["epoch"]): attempt["ended_at"] for attempt in self.attempts}

    @functools.cached_property
    def lost(self):
        """Jobs and epochs of attempts that were lost."""
        return {(attempt["job_id"], attempt["epoch"]) for attempt in self.attempts if attempt["outcome"] == "lost"}

    def end_of_writes(self, attempt, of):
        """Until when an attempt (job and epoch) may write. Its log takes the last lines of a stage that has ended for
        a minute more, unless it was lost (pra.append_log)."""
        end = self.end_of.get(attempt)
        return minute_after(end) if end and of in ("log", "log_chunks") and attempt not in self.lost else end

    def era(self, line):
        """The number of restores before an answer. Its call was made in one session, which no restore survives."""
        return sum(1 for restore in self.restores if restore["stopped"] < line["asked"])

    def fate(self, line):
        """The effect of the next restore on an answer: kept, lost or unknown."""
        restores = self.restores[self.era(line):]
        if not restores or line["told"] < restores[0]["begun"]:
            return "kept"
        return "lost" if line["asked"] > restores[0]["ended"] else "unknown"

    @functools.cached_property
    def timelines(self):
        """For each era, the answers of which its database knows: its own, and those that all restores kept."""
        eras = [[] for _ in range(len(self.restores) + 1)]
        for line in self.told:
            first = self.era(line)
            for era in range(first, len(eras) if self.fate(line) == "kept" else first + 1):
                eras[era].append(line)
        return eras

    def lasting(self, *kinds):
        """Answers of which the database knows in the end."""
        return (line for line in self.timelines[-1] if line["what"] in kinds)

    def answers(self, *kinds):
        return (line for line in self.told if line["what"] in kinds)

    def events_of(self, kind):
        return [event for event in self.events if event["kind"] == kind]

    def successes(self):
        """How many attempts of each job have succeeded."""
        return collections.Counter(a["job_id"] for a in self.attempts if a["outcome"] == "succeeded")


def minute_after(moment):
    """A minute after a moment of PostgreSQL, in the same form."""
    later = datetime.datetime.fromisoformat(moment) + datetime.timedelta(minutes=1)
    return later.isoformat(" ", timespec="microseconds").replace("+00:00", "+00")


def logs(folder):
    """The lines of all clients' logs."""
    told = []
    for name in sorted(os.listdir(folder)):
        if name.startswith("log") and not name.endswith(".more"):
            with open(f"{folder}/{name}", errors="replace") as file:
                for line in file:
                    try:
                        told.append(dict(json.loads(line), client=name))
                    except ValueError:
                        pass  # the last line of one that was killed
    return told


def most_at_once(attempts):
    """The highest number of attempts that ran at one moment; one that ends makes room at its end."""
    moments = [moment for attempt in attempts
               for moment in ((attempt["started_at"], 1), (attempt["ended_at"] or "9", -1))]
    running = most = 0
    for _, change in sorted(moments):
        running += change
        most = max(most, running)
    return most
