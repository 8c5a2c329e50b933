// The agent's own queries, besides the calls of the queue.

enum Queries {
  static let outcome = """
    select outcome::text
    from pra.attempts
    where job_id = $1 and epoch = $2
    """

  // Whether work is under way, or will come to this agent without anybody's doing: a job that runs
  // somewhere, is due within a minute or is tried again after a pause, or waits for such a one. While the
  // agent lacks something and claims nothing ($3), ready jobs wait for it. Otherwise a job that is
  // ready but was not claimed does not fit this agent's labels; a paused one waits for a person; one
  // that somebody has put off for longer does not keep a worker.
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
          or j.state = 'ready' and $3
          or j.state = 'ready' and j.run_after > clock_timestamp()
            and (j.epoch > 0 or j.run_after <= clock_timestamp() + interval '1 minute')
          or j.state = 'blocked' and exists (
            select
            from pra.jobs as o
            where o.run_id = j.run_id
              and (o.state = 'running'
                or o.state = 'ready' and o.run_after > clock_timestamp()
                  and (o.epoch > 0 or o.run_after <= clock_timestamp() + interval '1 minute'))))
    ) as pending
    """

  // The job that an idle agent waits for, or would have to wait for: one that runs, else the next
  // that is due.
  static let awaited = """
    select id, state = 'running' as runs,
      to_char(run_after at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS UTC') as due
    from pra.jobs
    where queue = any($1)
      and kind = any($2)
      and (state = 'running' or state = 'ready' and run_after > clock_timestamp())
    order by (state = 'running') desc, run_after, id
    limit 1
    """
}
