"""The guarantees of the queue, each a function that yields what violates it in a history.

They know the logs and the tables, and nothing of how these came about. The names G1 to G10 are those of the
queue's guarantees; `test_guarantees.py` has a violation of each."""
import collections

from queue_chaos.history import most_at_once

FINAL = {"succeeded", "failed", "cancelled", "quarantined"}


def something_happened(history):
    """A history without answers would violate nothing."""
    for what in ("enqueued", "finished"):
        if not any(history.answers(what)):
            yield f"history: no client was told of anything {what}"


# enqueued

def an_enqueue_is_not_lost(history):
    """G1: an acknowledged enqueue is there."""
    for line in history.lasting("enqueued"):
        if line["job"] not in history.job:
            yield f"enqueued: job {line['job']} is gone"


def a_key_is_one_job(history):
    """G1: an enqueue that is repeated with its key returns the same job, which is stored once."""
    told = collections.defaultdict(set)
    for line in history.lasting("enqueued"):
        told[line["key"]].add(line["job"])
    for key, jobs in told.items():
        if len(jobs) > 1:
            yield f"enqueued: key {key} was answered with jobs {sorted(jobs)}"
    stored = collections.Counter(job["idempotency_key"] for job in history.jobs if job["idempotency_key"])
    for key, count in stored.items():
        if count > 1:
            yield f"enqueued: {key} is stored {count} times"


def every_job_ends(history):
    """G3, G8: no kill, cut or restart leaves a job behind."""
    for job in history.jobs:
        if job["state"] not in FINAL:
            yield f"enqueued: job {job['id']} is {job['state']}"


# finished

def a_job_is_finished_once(history):
    """G4: one attempt of a job succeeds, and one client alone is told so."""
    for timeline in history.timelines:
        told = collections.defaultdict(set)
        for line in timeline:
            if line["what"] == "finished":
                told[line["job"]].add((line["epoch"], line["client"]))
        for job, tellings in told.items():
            if len(tellings) > 1:
                yield f"finished: job {job} was finished as {sorted(tellings)}"
    for job, count in history.successes().items():
        if count > 1:
            yield f"finished: job {job} has {count} successes"


def an_acknowledged_finish_is_stored(history):
    """G4: a finish that was acknowledged is a success in the tables."""
    successes = history.successes()
    for job in sorted({line["job"] for line in history.lasting("finished")}):
        if not successes[job]:
            yield f"finished: job {job} was acknowledged and is not stored"


def a_success_ends_its_job(history):
    """G4: the job of an attempt that succeeded has succeeded."""
    for job in history.successes():
        if history.job[job]["state"] != "succeeded":
            yield f"finished: job {job} is {history.job[job]['state']}"


# epochs

def an_attempt_is_given_out_once(history):
    """G2: an epoch of a job is one worker's, and one attempt."""
    for timeline in history.timelines:
        given = collections.defaultdict(set)
        for line in timeline:
            if line["what"] == "claimed":
                given[line["job"], line["epoch"]].add((line["client"], line["worker"], line["token"]))
        for (job, epoch), workers in given.items():
            if len(workers) > 1:
                yield f"epochs: attempt {epoch} of job {job} was given to {sorted(workers)}"


def a_worker_is_one_client(history):
    """G11: no two clients work under one number."""
    for timeline in history.timelines:
        clients = collections.defaultdict(set)
        for line in timeline:
            if line["what"] == "claimed":
                clients[line["worker"]].add(line["client"])
        for worker, names in clients.items():
            if len(names) > 1:
                yield f"epochs: worker {worker} is {sorted(names)}"


def attempts_follow_each_other(history):
    """G2: an attempt begins after the one before it has ended, and all have ended."""
    before = {}
    for attempt in sorted(history.attempts, key=lambda a: (a["job_id"], a["epoch"])):
        job, epoch, earlier = attempt["job_id"], attempt["epoch"], before.get(attempt["job_id"])
        if earlier and not (earlier["ended_at"] and earlier["ended_at"] <= attempt["started_at"]):
            yield f"epochs: attempt {epoch} of job {job} began before {earlier['epoch']} ended"
        if not attempt["ended_at"]:
            yield f"epochs: attempt {epoch} of job {job} has not ended"
        before[job] = attempt


# stale

def no_late_write_is_accepted(history):
    """G2: no write was acknowledged that began after its attempt had ended; of its log, after its last lines."""
    for line in history.lasting("wrote", "finished"):
        end = history.end_of_writes((line["job"], line["epoch"]), line.get("of"))
        if "at" in line and not (end and line["at"] <= end):
            yield (f"stale: job {line['job']} attempt {line['epoch']} wrote at {line['at']},"
                   f" which ended {history.end_of.get((line['job'], line['epoch'])) or 'never'}")


def no_lost_attempt_writes(history):
    """G11: nothing is accepted of an attempt that a restore has lost, be it that its job and epoch are there again."""
    claims = {line["token"]: line for line in history.answers("claimed")}
    for era, timeline in enumerate(history.timelines):
        there = collections.defaultdict(set)
        for line in timeline:
            if line["what"] == "claimed":
                there[line["job"], line["epoch"]].add(line["token"])
        for line in timeline:
            if line["what"] not in ("wrote", "finished", "ended") or history.era(line) != era:
                continue
            claim, others = claims.get(line["token"]), there[line["job"], line["epoch"]] - {line["token"]}
            is_lost = claim and history.era(claim) < era and history.fate(claim) == "lost"
            if is_lost or others and line["token"] not in there[line["job"], line["epoch"]]:
                yield (f"stale: job {line['job']} attempt {line['epoch']} of {line['client']} was lost by a restore"
                       f" and {line['what']}")


def no_row_is_younger_than_its_attempt(history):
    """G2: nor is such a write in the tables."""
    for row in history.writes:
        end = history.end_of_writes((row["job_id"], row["epoch"]), row["table"])
        if end and row["at"] > end:
            yield (f"stale: a row of {row['table']} of job {row['job_id']} is younger than attempt"
                   f" {row['epoch']}")


# limits

def limits_hold(history):
    """G9: at no moment more attempts than a limit has slots."""
    for limit in history.limits:
        most = most_at_once(under(history, limit["name"]))
        if most > limit["slots"]:
            yield f"limits: {most} ran under {limit['name']} with {limit['slots']} slots"


def under(history, limit):
    """Attempts of jobs under a limit."""
    return [a for a in history.attempts if limit in history.job[a["job_id"]]["limits"]]


def workers_have_their_slots(history):
    """G9: at no moment more attempts on a worker than it has slots."""
    ran = collections.defaultdict(list)
    for attempt in history.attempts:
        ran[attempt["worker_id"]].append(attempt)
    for worker in history.workers:
        most = most_at_once(ran[worker["id"]])
        if most > worker["slots"]:
            yield f"limits: {most} ran at once on worker {worker['id']} with {worker['slots']} slots"


def slots_are_given_back(history):
    """G9: in the end no slot is taken."""
    for limit in history.limits:
        if limit["taken"] > 0:
            yield f"limits: {limit['name']} is still taken {limit['taken']} times"


# fan-in

def an_array_succeeds_once(history):
    """G4: the end of an array is told once."""
    for array, count in collections.Counter(e["job_id"] for e in history.events_of("array.succeeded")).items():
        if count > 1:
            yield f"fan-in: array {array} succeeded {count} times"


def an_array_has_all_its_elements(history):
    """G4: an array succeeds when each of its elements has."""
    done = collections.defaultdict(set)
    for job in history.jobs:
        if job["array_id"] and job["state"] == "succeeded":
            done[job["array_id"]].update(range(job["element_first"], job["element_last"] + 1))
    for job in history.jobs:
        if job["array_first"] is not None and job["state"] == "succeeded":
            missing = set(range(job["array_first"], job["array_last"] + 1)) - done[job["id"]]
            if missing:
                yield f"fan-in: array {job['id']} succeeded without its elements {sorted(missing)}"


def parents_come_first(history):
    """G4: what waits for a job starts after that has succeeded."""
    for job in history.jobs:
        for parent in (history.job[id] for id in job["depends_on"] or () if id in history.job):
            if job["started_at"] and (parent["state"] != "succeeded"
                                      or job["started_at"] < parent["finished_at"]):
                yield f"fan-in: job {job['id']} started before its parent {parent['id']} had succeeded"


# gangs

def a_gang_starts_whole(history):
    """G9: a member of a gang starts with its gang or not at all."""
    claims = collections.Counter(event["job_id"] for event in history.events_of("job.claimed"))
    starts = collections.Counter(
        member for event in history.events_of("gang.started") for member in event["members"])
    for job in history.jobs:
        if job["array_id"] and history.job[job["array_id"]]["gang"]:
            if starts[job["id"]] != claims[job["id"]]:
                yield (f"gangs: member {job['id']} started {claims[job['id']]} times,"
                       f" with its gang {starts[job['id']]} times")


GUARANTEES = (
    something_happened, an_enqueue_is_not_lost, a_key_is_one_job, every_job_ends, a_job_is_finished_once,
    an_acknowledged_finish_is_stored, a_success_ends_its_job, an_attempt_is_given_out_once,
    a_worker_is_one_client, attempts_follow_each_other, no_late_write_is_accepted, no_lost_attempt_writes, no_row_is_younger_than_its_attempt, limits_hold,
    workers_have_their_slots, slots_are_given_back, an_array_succeeds_once, an_array_has_all_its_elements,
    parents_come_first, a_gang_starts_whole)


def violations(history):
    """All that violates a guarantee."""
    return [text for guarantee in GUARANTEES for text in guarantee(history)]
