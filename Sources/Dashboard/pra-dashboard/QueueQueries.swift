// Queries of the pages of queue, jobs and workers.

enum QueueQueries {
  static let counts = """
    select
      (select count(*) from pra.jobs as j where j.state = 'running' and j.array_first is null) as running,
      (select count(*) from pra.jobs as j
       where j.state in ('failed', 'quarantined') and j.array_id is null
         and j.finished_at > statement_timestamp() - interval '1 day') as failed,
      coalesce(sum(w.running), 0) as used, coalesce(sum(w.slots), 0) as slots
    from pra.workers as w where w.stopped_at is null and w.state <> 'lost'
    """

  static let waiting = """
    select w.reason, w.detail, w.jobs, w.oldest, w.example_job, w.remedy, w.run_id, w.queue,
      extract(epoch from statement_timestamp() - w.oldest)::bigint as oldest_seconds
    from pra.waiting as w order by w.jobs desc, w.example_job limit 100
    """

  /// Jobs at work; an array is one line, with the workers of its parts.
  static let running = """
    select j.id, j.run_id, j.run_name, j.kind, j.gang, j.epoch as attempt,
      case when j.worker_lost_at is not null then 'lost' else j.state::text end as state, j.worker_lost_at as lost_at,
      coalesce(j.worker_name, array_to_string(p.workers, ' ')) as workers,
      coalesce(w.beat_at, p.beat_at) as beat_at,
      extract(epoch from statement_timestamp() - coalesce(w.beat_at, p.beat_at))::bigint as beat_seconds,
      extract(epoch from coalesce(w.lease, p.lease))::bigint as lease_seconds,
      a.elements, a.succeeded as elements_done, a.running as elements_running, a.ended_badly as elements_bad,
      j.progress_done as done, j.progress_total as total, j.progress_unit as unit, j.progress, j.message,
      null as waits_for,
      case when j.progress_rate > 0 then ((j.progress_total - j.progress_done) / j.progress_rate)::bigint end as left
    from pra.jobs as j
    left join pra.arrays as a on a.id = j.id
    left join pra.workers as w on w.id = j.worker_id
    left join lateral (
      select (array_agg(distinct k.worker_name))[1:8] as workers, min(x.beat_at) as beat_at,
        min(x.lease) as lease
      from pra.jobs as k join pra.workers as x on x.id = k.worker_id
      where a.id is not null and k.array_id = a.id and k.state = 'running'
    ) as p on true
    where j.state = 'running' and j.array_id is null
    order by j.id limit 200
    """

  static let failed = """
    select j.id, j.run_id, j.run_name, j.kind, j.state, split_part(j.message, E'\\n', 1) as reason, j.finished_at
    from pra.jobs as j
    where j.state in ('failed', 'quarantined') and j.array_id is null
      and j.finished_at > statement_timestamp() - interval '1 day'
    order by j.finished_at desc limit 50
    """

  static let limits = """
    select l.name, l.slots, l.taken, array_to_string(l.held_by[1:20], ', ') as held_by
    from pra.limits as l order by l.taken = l.slots desc, l.name limit 100
    """
  static let preemptions = """
    select p.job_id, p.state, p.reason, p.requested_by, p.requested_at, p.deadline
    from pra.preemptions as p where p.released_at is null order by p.requested_at limit 50
    """
  static let schedules = """
    select s.name, s.cron, s.time_zone, s.kind, s.run_name, s.next_at, s.paused_at, s.last_error
    from pra.schedules as s order by s.next_at limit 100
    """

  // MARK: one job

  static let job = """
    select j.id, j.run_id, j.run_name, j.kind, j.queue, j.priority,
      case when j.worker_lost_at is not null then 'lost' else j.state::text end as state, j.worker_lost_at as lost_at,
      j.created_by, j.created_at, j.started_at, j.finished_at, j.epoch as attempt, j.message,
      a.elements, a.succeeded as elements_done, a.running as elements_running, a.ended_badly as elements_bad,
      j.progress_done as done, j.progress_total as total, j.progress_unit as unit, j.progress,
      array_to_string(j.depends_on, ', ') as depends_on, null as waits_for, (
        select string_agg(concat_ws(' ', q ->> 'label', q ->> 'op', q ->> 'value'), ', ')
        from jsonb_array_elements(j.requirements) as q) as requirements,
      array_to_string(j.limits, ', ') as limits, j.time_limit::text as time_limit, j.deadline,
      j.faults || ' of ' || j.fault_retries as faults, j.lost || ' of ' || j.lost_retries as lost,
      nullif(j.preemptions, 0) as preemptions, array_to_string(j.crash_hosts, ', ') as crash_hosts,
      jsonb_pretty(j.arguments) as arguments, jsonb_pretty(j.result) as result
    from pra.jobs as j left join pra.arrays as a on a.id = j.id
    where j.id = $1::bigint
    """
  static let why = "select reason, detail from pra.why_pending($1::bigint)"
  static let attempts = """
    select a.epoch, a.worker_name, w.labels ->> 'host' as host, a.started_at, a.ended_at, a.outcome, a.exit_code,
      a.exit_signal, a.cause, a.message, a.from_step, a.continues_epoch,
      extract(epoch from coalesce(a.ended_at, statement_timestamp()) - a.started_at)::bigint as seconds,
      extract(epoch from a.started_at - min(a.started_at) over ())::bigint as after_seconds
    from pra.attempts as a left join pra.workers as w on w.id = a.worker_id
    where a.job_id = $1::bigint order by a.epoch limit 200
    """

  /// Files that a job has made: its outputs, and those of its newest checkpoints.
  static let files = """
    select f.name, f.sha256, f.size, f.media_type
    from (
      select 1 as place, o.name, o.sha256, o.size, o.media_type, 0::bigint as step
      from pra.outputs as o where o.job_id = $1::bigint
      union all
      select 2, format('step-%s-%s', c.step, x.name), x.sha256, x.size, x.media_type, c.step
      from (select * from pra.checkpoints as c where c.job_id = $1::bigint order by c.step desc limit 10) as c
      cross join lateral jsonb_to_recordset(c.files) as x (name text, sha256 text, size bigint, media_type text)
    ) as f
    order by f.place, f.step desc, f.name limit 200
    """

  /// Jobs that a deed on many is for: of a run, kind, state, queue and user, each or null for all. $6: those that ended
  /// badly, otherwise those that have not ended.
  static let chosen = """
    select j.id from pra.jobs as j
    where ($1::bigint is null or j.run_id = $1::bigint) and ($2::text is null or j.kind = $2)
      and ($3::text is null or j.state::text = $3) and ($4::text is null or j.queue = $4)
      and ($5::text is null or j.created_by = $5) and j.array_id is null
      and case when $6::boolean then j.state in ('failed', 'cancelled', 'quarantined') else j.finished_at is null end
    order by j.id limit 10000
    """

  /// The number of jobs that a worker runs.
  static let runningOn = """
    select count(*) as jobs from pra.jobs as j where j.worker_id = $1::bigint and j.state = 'running'
    """

  // MARK: logs

  static let logPart = """
    select l.ordinal, l.bytes from pra.read_log_part($1::bigint, $2::bigint, $3::integer, $4::integer) as l
    """

  // MARK: workers

  static let workers = """
    select w.id, w.name, case when w.stop_reason = 'lease lost' then 'lost' else w.state end as state, w.running, w.slots,
      w.beat_at, extract(epoch from statement_timestamp() - w.beat_at)::bigint as beat_seconds,
      extract(epoch from w.lease)::bigint as lease_seconds, array_to_string(w.kinds, ' ') as kinds,
      array_to_string(w.queues, ' ') as queues,
      (select string_agg(l.key || '=' || l.value, ' ' order by l.key) from jsonb_each_text(w.labels) as l) as labels,
      w.version, coalesce(w.lack, w.blame_reason) as note
    from pra.workers as w
    where w.stopped_at is null or w.stop_reason = 'lease lost' and w.stopped_at > statement_timestamp() - interval '1 day'
    order by w.stopped_at is not null, w.id desc limit 500
    """
  static let hosts =
    "select b.host, b.blamed_at, b.until, b.reason from pra.blamed_hosts as b order by b.host"
  /// Attempts of the last two days that ended badly, by day and machine.
  static let lostTime = """
    select a.ended_at::date as day, statement_timestamp()::date - a.ended_at::date as days,
      coalesce(w.labels ->> 'host', w.name) as host, count(*) as attempts,
      sum(extract(epoch from a.ended_at - a.started_at))::bigint as seconds,
      string_agg(distinct a.outcome::text, ', ') as outcomes, (array_agg(a.job_id order by a.ended_at desc))[1] as job,
      (array_agg(split_part(a.message, E'\\n', 1) order by a.ended_at desc))[1] as reason
    from pra.workers as w
    -- By the index of a worker's attempts; one that took longer than a month is not looked for.
    join pra.attempts as a on a.worker_id = w.id and a.started_at > statement_timestamp() - interval '32 days'
    where a.ended_at >= date_trunc('day', statement_timestamp()) - interval '1 day'
      and a.outcome in ('lost', 'fault', 'permanent', 'timeout')
    group by 1, 2, 3 order by 1 desc, 5 desc limit 60
    """
}
