// The agent's own queries, besides the calls of the queue.

enum Queries {
  static let outcome = """
    select outcome::text
    from pra.attempts
    where job_id = $1 and epoch = $2
    """

  // Whether work is under way, or will come to this agent without anybody's doing: a job that runs
  // somewhere, waits out a delay, or waits for one that runs. A job that is ready but was not
  // claimed does not fit this agent's labels; a paused one waits for a person.
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
