// What the agent asks of the queue: functions of migrations/0005_work.sql.

import JobQueue
import Postgres

/// A job that this agent holds from now on.
struct ClaimedJob: Sendable {
  let id: Int64
  let epoch: Int64
  let kind: String
}

enum Queries {
  static let register = """
    select pra.register_worker(
      name => $1, labels => $2, queues => $3, kinds => $4, slots => $5, lease => $6,
      version => $7) as worker
    """

  static let heartbeat = """
    select job, epoch, ask
    from pra.heartbeat(
      worker => $1, running_jobs => $2, running_epochs => $3, draining => $4)
    """

  static let claim = """
    select job, epoch, kind
    from pra.claim(worker => $1, count => $2)
    """

  static let reap = "select pra.reap()"

  static let deregister = "select pra.deregister_worker(worker => $1)"

  static let appendLog = """
    select pra.append_log(job => $1, epoch => $2, ordinal => $3, bytes => $4)
    """

  static let outcome = """
    select outcome::text
    from pra.attempts
    where job_id = $1 and epoch = $2
    """

  static let reportExit = """
    select pra.report_exit(
      job => $1, epoch => $2, class => $3::pra.attempt_outcome, message => $4, exit_code => $5,
      exit_signal => $6)
    """

  // What the server believes this worker runs: more than the agent knows of when the answer to a
  // claim was lost on its way.
  static let running = """
    select id, epoch
    from pra.jobs
    where worker_id = $1 and state = 'running'
    """

  // Work that is under way, or will come to this agent without anybody's doing: it runs somewhere,
  // waits out a delay, or waits for what runs. Work that is ready now and that nobody claimed does
  // not fit the labels of this agent; what is paused waits for a person.
  static let pending = """
    select exists (
      select
      from pra.jobs as j
      where j.state in ('blocked', 'ready', 'running')
        and j.queue = any($1)
        and j.kind = any($2)
        and not exists (
          select from pra.runs as r where r.id = j.run_id and r.paused_at is not null)
        and not exists (
          select from pra.queues as q where q.name = j.queue and q.paused_at is not null)
        and (
          j.state = 'running'
          or j.state = 'ready' and j.run_after > clock_timestamp()
          or j.state = 'blocked' and exists (
            select
            from pra.jobs as o
            where o.run_id = j.run_id
              and (o.state = 'running'
                or o.state = 'ready' and o.run_after > clock_timestamp())))
    ) as pending
    """
}
