// The agent's own queries, besides the calls of the queue.

enum Queries {
  static let outcome = """
    select outcome::text
    from pra.attempts
    where job_id = $1 and epoch = $2
    """

  static let pending = "select pra.work_is_coming($1, $2, $3, $4) as pending"

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
