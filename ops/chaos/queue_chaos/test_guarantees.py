"""A history that keeps every guarantee, and for each guarantee a change of it that it must notice.

    python3 -m unittest discover -s ops/chaos/queue_chaos -t ops/chaos
"""
import os
import tempfile
import unittest

from queue_chaos import guarantees
from queue_chaos.history import History, logs, most_at_once


def job(id, **more):
    return dict(dict(id=id, state="succeeded", limits=[], depends_on=[], array_id=None, array_first=None,
                     array_last=None, element_first=None, element_last=None, gang=False,
                     started_at=f"1{id}:00", finished_at=f"1{id}:30", idempotency_key=None), **more)


def attempt(id, epoch, begin, end, outcome="succeeded", worker=1):
    return dict(job_id=id, epoch=epoch, worker_id=worker, started_at=begin, ended_at=end, outcome=outcome)


def said(what, client="log0", asked=1, told=2, **more):
    if "epoch" in more:
        more.setdefault("token", f"{more['job']}/{more['epoch']}")
    return dict(more, what=what, client=client, asked=asked, told=told)


def history():
    """Job 1 is lost once and finished by a second worker, under a limit; 2 waits for it; 3 is a gang of two,
    4 and 5 its members."""
    return History(
        told=[
            said("enqueued", key="1", job=1), said("enqueued", key="1", job=1), said("enqueued", key="2", job=2),
            said("claimed", job=1, epoch=1, worker=1), said("wrote", job=1, epoch=1, at="11:05"),
            said("claimed", "log1", job=1, epoch=2, worker=2),
            said("finished", "log1", job=1, epoch=2, at="11:30"),
            said("claimed", job=2, epoch=1, worker=1), said("finished", job=2, epoch=1),
            said("stale", job=1, epoch=1),
        ],
        jobs=[
            job(1, limits=["three"], idempotency_key="key 1"), job(2, depends_on=[1], started_at="11:30", idempotency_key="key 2"),
            job(3, depends_on=None, array_first=0, array_last=1, gang=True),
            job(4, array_id=3, element_first=0, element_last=0),
            job(5, array_id=3, element_first=1, element_last=1),
        ],
        attempts=[
            attempt(1, 1, "11:00", "11:10", "lost"), attempt(1, 2, "11:10", "11:30", worker=2),
            attempt(2, 1, "12:00", "12:30"), attempt(4, 1, "14:00", "14:30"),
            attempt(5, 1, "14:00", "14:30", worker=2),
        ],
        workers=[dict(id=1, slots=1), dict(id=2, slots=1)],
        limits=[dict(name="three", slots=1, taken=0)],
        events=[
            dict(kind="array.succeeded", job_id=3, members=None),
            dict(kind="gang.started", job_id=3, members=[4, 5]),
            dict(kind="job.claimed", job_id=4, members=None), dict(kind="job.claimed", job_id=5, members=None),
        ],
        writes=[dict(table="progress", job_id=1, epoch=1, at="11:10")])


# A backup taken from 10 to 12, and restored from 20 on.
RESTORE = dict(begun=10, ended=12, stopped=20)

# A guarantee, a change that violates it and perhaps others, and what the guarantee says of it.
VIOLATIONS = [
    (guarantees.something_happened, lambda h: h.told.clear(),
     ["history: no client was told of anything enqueued", "history: no client was told of anything finished"]),
    (guarantees.an_enqueue_is_not_lost, lambda h: h.told.append(said("enqueued", key="9", job=9)),
     ["enqueued: job 9 is gone"]),
    (guarantees.a_key_is_one_job, lambda h: h.told.append(said("enqueued", key="1", job=2)),
     ["enqueued: key 1 was answered with jobs [1, 2]"]),
    (guarantees.a_key_is_one_job, lambda h: h.jobs[1].update(idempotency_key="key 1"),
     ["enqueued: key 1 is stored 2 times"]),
    (guarantees.every_job_ends, lambda h: h.jobs[1].update(state="running"), ["enqueued: job 2 is running"]),
    (guarantees.a_job_is_finished_once, lambda h: h.told.append(said("finished", job=1, epoch=1)),
     ["finished: job 1 was finished as [(1, 'log0'), (2, 'log1')]"]),
    (guarantees.a_job_is_finished_once, lambda h: h.attempts[0].update(outcome="succeeded"),
     ["finished: job 1 has 2 successes"]),
    (guarantees.an_acknowledged_finish_is_stored, lambda h: h.attempts[1].update(outcome="lost"),
     ["finished: job 1 was acknowledged and is not stored"]),
    (guarantees.a_success_ends_its_job, lambda h: h.jobs[0].update(state="ready"), ["finished: job 1 is ready"]),
    (guarantees.an_attempt_is_given_out_once,
     lambda h: h.told.append(said("claimed", "log1", job=1, epoch=1, worker=2)),
     ["epochs: attempt 1 of job 1 was given to [('log0', 1, '1/1'), ('log1', 2, '1/1')]"]),
    (guarantees.an_attempt_is_given_out_once,
     lambda h: h.told.append(said("claimed", "log2", job=2, epoch=1, worker=3)),
     ["epochs: attempt 1 of job 2 was given to [('log0', 1, '2/1'), ('log2', 3, '2/1')]"]),
    (guarantees.an_attempt_is_given_out_once,
     lambda h: h.told.append(said("claimed", job=2, epoch=1, worker=1, token="another")),
     ["epochs: attempt 1 of job 2 was given to [('log0', 1, '2/1'), ('log0', 1, 'another')]"]),
    (guarantees.a_worker_is_one_client,
     lambda h: h.told.append(said("claimed", "log2", job=7, epoch=1, worker=2)),
     ["epochs: worker 2 is ['log1', 'log2']"]),
    (guarantees.attempts_follow_each_other, lambda h: h.attempts[0].update(ended_at="11:11"),
     ["epochs: attempt 2 of job 1 began before 1 ended"]),
    (guarantees.attempts_follow_each_other, lambda h: h.attempts[2].update(ended_at=None),
     ["epochs: attempt 1 of job 2 has not ended"]),
    (guarantees.no_late_write_is_accepted,
     lambda h: h.told.append(said("wrote", job=1, epoch=1, at="11:10.1")),
     ["stale: job 1 attempt 1 wrote at 11:10.1, which ended 11:10"]),
    (guarantees.no_late_write_is_accepted,
     lambda h: h.told.append(said("finished", job=1, epoch=3, at="11:20")),
     ["stale: job 1 attempt 3 wrote at 11:20, which ended never"]),
    (guarantees.no_lost_attempt_writes,
     lambda h: h.restores.append(RESTORE) or h.told.extend(
         [said("claimed", job=1, epoch=3, worker=1, asked=13, told=14), said("wrote", job=1, epoch=3, asked=21)]),
     ["stale: job 1 attempt 3 of log0 was lost by a restore and wrote"]),
    (guarantees.no_lost_attempt_writes,
     lambda h: h.restores.append(RESTORE) or h.told.extend(
         [said("claimed", job=1, epoch=3, worker=1, asked=11, told=13),
          said("claimed", "log2", job=1, epoch=3, worker=9, asked=21, token="new"),
          said("ended", job=1, epoch=3, asked=22)]),
     ["stale: job 1 attempt 3 of log0 was lost by a restore and ended"]),
    (guarantees.no_row_is_younger_than_its_attempt, lambda h: h.writes[0].update(at="11:10.1"),
     ["stale: a row of progress of job 1 is younger than attempt 1"]),
    (guarantees.limits_hold, lambda h: h.jobs[3].update(limits=["three"]) or h.jobs[4].update(limits=["three"]),
     ["limits: 2 ran under three with 1 slots"]),
    (guarantees.workers_have_their_slots, lambda h: h.attempts[4].update(worker_id=1),
     ["limits: 2 ran at once on worker 1 with 1 slots"]),
    (guarantees.slots_are_given_back, lambda h: h.limits[0].update(taken=1),
     ["limits: three is still taken 1 times"]),
    (guarantees.an_array_succeeds_once, lambda h: h.events.append(dict(h.events[0])),
     ["fan-in: array 3 succeeded 2 times"]),
    (guarantees.an_array_has_all_its_elements, lambda h: h.jobs[4].update(state="failed"),
     ["fan-in: array 3 succeeded without its elements [1]"]),
    (guarantees.parents_come_first, lambda h: h.jobs[1].update(started_at="11:29"),
     ["fan-in: job 2 started before its parent 1 had succeeded"]),
    (guarantees.parents_come_first, lambda h: h.jobs[0].update(state="failed"),
     ["fan-in: job 2 started before its parent 1 had succeeded"]),
    (guarantees.a_gang_starts_whole, lambda h: h.events[1].update(members=[4]),
     ["gangs: member 5 started 1 times, with its gang 0 times"]),
]


class GuaranteesTests(unittest.TestCase):
    def test_a_right_history_violates_nothing(self):
        self.assertEqual(guarantees.violations(history()), [])

    def test_each_violation_is_found(self):
        for guarantee, change, expected in VIOLATIONS:
            with self.subTest(guarantee=guarantee.__name__, expected=expected):
                changed = history()
                change(changed)
                self.assertEqual(list(guarantee(changed)), expected)
                self.assertLessEqual(set(expected), set(guarantees.violations(changed)))

    def test_a_log_may_be_written_for_a_minute_after_its_attempt_unless_it_was_lost(self):
        def late(of, at, outcome="succeeded"):
            here = history()
            here.attempts.append(attempt(9, 1, "2026-01-01 11:00:00.5+00", "2026-01-01 11:30:00.5+00", outcome))
            here.told.append(said("wrote", job=9, epoch=1, of=of, at=at))
            here.writes.append(dict(table={"log": "log_chunks"}.get(of, of), job_id=9, epoch=1, at=at))
            return len([*guarantees.no_late_write_is_accepted(here),
                        *guarantees.no_row_is_younger_than_its_attempt(here)])

        self.assertEqual(late("log", "2026-01-01 11:31:00.4+00"), 0)
        self.assertEqual(late("log", "2026-01-01 11:31:00.6+00"), 2)
        self.assertEqual(late("log", "2026-01-01 11:30:00.6+00", "lost"), 2)
        self.assertEqual(late("progress", "2026-01-01 11:30:00.6+00"), 2)

    def test_every_guarantee_has_a_violation_here(self):
        self.assertEqual({guarantee for guarantee, _, _ in VIOLATIONS}, set(guarantees.GUARANTEES))


class HistoryTests(unittest.TestCase):
    def test_room_is_made_at_the_end_of_an_attempt(self):
        self.assertEqual(most_at_once([attempt(1, 1, "1", "2"), attempt(2, 1, "2", "3")]), 1)
        self.assertEqual(most_at_once([attempt(1, 1, "1", "2"), attempt(2, 1, "1.9", None)]), 2)
        self.assertEqual(most_at_once([]), 0)

    def test_a_line_that_was_cut_off_is_left_out(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "log1"), "w") as file:
                file.write('{"what": "lost"}\n{"what": "wro')
            open(os.path.join(folder, "log-submit.more"), "w").close()
            self.assertEqual(logs(folder), [dict(what="lost", client="log1")])

    def test_a_restore_loses_what_was_asked_after_its_backup(self):
        lines = {
            "kept": said("finished", job=1, epoch=1, asked=8, told=9),
            "unknown": said("finished", job=1, epoch=2, asked=11, told=13),
            "lost": said("finished", job=1, epoch=3, asked=13, told=21)}
        after = said("finished", job=1, epoch=3, asked=21, told=22)
        history = History(told=[*lines.values(), after], jobs=[], attempts=[], workers=[], limits=[], events=[],
                          writes=[], restores=[RESTORE, dict(begun=30, ended=31, stopped=32)])
        for fate, line in lines.items():
            self.assertEqual((history.era(line), history.fate(line)), (0, fate))
        self.assertEqual((history.era(after), history.fate(after)), (1, "kept"))
        self.assertEqual(history.timelines, [
            [*lines.values()], [lines["kept"], after], [lines["kept"], after]])
        self.assertEqual(list(history.lasting("finished")), [lines["kept"], after])

    def test_what_a_restore_lost_violates_nothing(self):
        lost = history()
        lost.restores.append(RESTORE)
        lost.told.extend([
            said("enqueued", key="8", job=8, asked=13, told=14), said("finished", job=8, epoch=1, asked=15, told=16),
            said("claimed", "log2", job=2, epoch=2, worker=3, asked=13, told=14),
            said("claimed", "log1", job=2, epoch=2, worker=3, asked=21, told=22, token="new")])
        self.assertEqual(guarantees.violations(lost), [])


if __name__ == "__main__":
    unittest.main()
