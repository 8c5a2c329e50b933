// Queries of the verbs that show jobs and workers, and of those that watch.

extension Queries {
  /// The numbers of a page of jobs: first found, then asked for, so that nothing is joined to the others.
  static let jobPage = """
    select id from pra.jobs
    where ($1::bigint is null or run_id = $1::bigint)
      and (cardinality($2::pra.job_state[]) = 0 or state = any ($2::pra.job_state[]))
      -- Written so that the planner knows how few are parts of arrays, and reads from the end.
      and ($4::bigint is null and array_id is null or array_id = $4::bigint)
      and (cardinality($5::text[]) = 0 or created_by = any ($5::text[]))
      and (cardinality($6::text[]) = 0 or kind = any ($6::text[]))
      and (cardinality($7::text[]) = 0 or queue = any ($7::text[]))
      and run_id <> all (array(select r.id from pra.runs as r where r.deleted_at is not null))
    order by id desc limit $3::integer
    """
  static let jobs = """
    select id, run_name as run, case when preview_of is not null then 'preview' when kind = 'command' then concat_ws(' ', kind, arguments ->> 'name')
        else kind end as kind,
      case when worker_lost_at is not null then 'lost since ' || to_char(worker_lost_at, 'HH24:MI') else state::text end
        as state,
      -- The worker that runs the job, or ran it last.
      (select a.worker_name from pra.attempts as a where a.job_id = jobs.id and a.epoch = jobs.epoch)
        as worker, epoch as attempt,
      case when progress_total > 0 then 100 * progress_done / progress_total end as percent,
      to_char(created_at, 'YYYY-MM-DD HH24:MI') as "created (UTC)",
      -- A copy that takes long is what the job does now.
      case when state = 'running' and progress_unit like 'bytes %' then progress else left(message, 60) end
        as message
    from pra.jobs where id = any ($1::bigint[]) order by id desc
    """
  static let jobRows = "select * from pra.jobs where id = any ($1::bigint[]) order by id desc"
  static let demandRows = """
    select * from pra.demand
    where cardinality($1::text[]) = 0 or queue = any ($1::text[])
    order by oldest, queue, kind
    """
  static let demand = """
    select queue, kind, (
        select string_agg(concat(r ->> 'label', r ->> 'op', r ->> 'value'), ' ')
        from jsonb_array_elements(requirements) as r
      ) as requirements,
      time_limit, places, free, possible, to_char(oldest, 'YYYY-MM-DD HH24:MI') as "oldest (UTC)"
    from pra.demand
    where cardinality($1::text[]) = 0 or queue = any ($1::text[])
    order by pra.demand.oldest, queue, kind
    """
  static let workerRows = """
    select * from pra.workers
    where $1::boolean or stopped_at is null
      or stop_reason = 'lease lost' and stopped_at > now() - interval '1 day'
    order by id desc
    """
  static let attemptRows = "select * from pra.attempts where job_id = $1::bigint order by epoch"
  static let job = "select * from pra.jobs where id = $1::bigint"
  static let attempts = """
    select epoch as attempt, worker_name as worker, outcome, exit_code, exit_signal as signal,
      to_char(started_at, 'HH24:MI:SS') as "started (UTC)", to_char(ended_at, 'HH24:MI:SS') as ended,
      continues_epoch as continues, from_step, message
    from pra.attempts where job_id = $1::bigint order by epoch
    """
  static let why = "select w.reason, w.detail from pra.why_pending(($1::bigint[])[1]) as w"
  static let whyOfJobs = """
    select j.id as job, j.run_name as run, case when j.preview_of is not null then 'preview'
        when j.kind = 'command' then concat_ws(' ', j.kind, j.arguments ->> 'name') else j.kind end as kind,
      w.reason, w.detail
    from unnest($1::bigint[]) with ordinality as a (id, n)
    join pra.jobs as j on j.id = a.id
    cross join lateral pra.why_pending(a.id) as w
    order by a.n
    """
  static let whyRows = """
    select a.id as job, w.reason, w.detail
    from unnest($1::bigint[]) with ordinality as a (id, n)
    cross join lateral pra.why_pending(a.id) as w
    order by a.n
    """
  static let waitingJobs = """
    select id from pra.jobs
    where run_id = $1::bigint and state in ('ready', 'blocked') and element_first is null
    order by id limit 100
    """
  /// Those that have not ended, and for a day those that were lost.
  static let workers = """
    select id, name, case when stop_reason = 'lease lost' then 'lost' else state end as state,
      running, slots, array_to_string(queues, ',') as queues, labels::text,
      date_trunc('second', now() - beat_at)::text as since_beat,
      case when blamed_until is not null then
        format('blamed until %s: %s; pra forgive %s lifts that',
          to_char(blamed_until, 'HH24:MI'), blame_reason, coalesce(labels ->> 'host', name))
      else lack end as note,
      pra.size_text(room) as room,
      case when cache_quota > 0 then pra.size_text(cache_bytes, cache_quota) || ', ' || cached || ' artifacts' end
        as cache
    from pra.workers
    where $1::boolean or stopped_at is null
      or stop_reason = 'lease lost' and stopped_at > now() - interval '1 day'
    order by id desc
    """

  /// Jobs by their numbers, as `watch` and `run --wait` show them.
  static let watched = """
    select j.run_id, j.run_name, j.id, j.preview_of is not null as is_preview,
      case when j.kind = 'command' then j.arguments ->> 'name' end as command,
      case when j.preview_of is null then j.kind else 'preview' end as kind,
      case when j.worker_lost_at is not null then 'lost' else j.state::text end as state,
      j.worker_name, j.message,
      -- A gang that works as one has a progress of its own.
      coalesce(a.succeeded, j.progress_done) as progress_done,
      coalesce(a.elements, j.progress_total) as progress_total,
      case when a.id is not null then 'elements' else j.progress_unit end as progress_unit,
      case when a.id is null and j.progress_unit like 'bytes %' then j.progress end as copy,
      to_char(j.worker_lost_at, 'HH24:MI') as lost_since,
      case when j.state = 'running' then extract(epoch from statement_timestamp() - (
        select t.started_at from pra.attempts as t where t.job_id = j.id and t.epoch = j.epoch)) end as elapsed,
      case when j.state = 'running' and j.progress_rate > 0
        then (j.progress_total - j.progress_done) / j.progress_rate end as time_left,
      f.loss, f.grad_norm, f.images_per_second
    from pra.jobs as j left join pra.arrays as a on a.id = j.id and not (j.gang and j.progress_total is not null)
    left join lateral (
      select max(s.last_value) filter (where s.name = 'loss') as loss,
        max(s.last_value) filter (where s.name = 'grad_norm') as grad_norm,
        max(s.last_value) filter (where s.name = 'images_per_second') as images_per_second
      from pra.metric_summaries as s where j.state = 'running' and j.kind = 'train' and s.job_id = j.id
    ) as f on true
    where j.id = any ($1::bigint[]) order by j.run_id, j.id
    """
  static let jobsOfRuns =
    "select id from pra.jobs where run_id = any ($1::bigint[]) and array_id is null"
  /// The first twenty jobs that run and the first twenty that ended badly, where there are very many.
  static let someJobsOfRuns = """
    (select id from pra.jobs
     where run_id = any ($1::bigint[]) and array_id is null and state = 'running'
     order by id limit 20)
    union all
    (select id from pra.jobs
     where run_id = any ($1::bigint[]) and array_id is null and preview_of is null
       and state in ('failed', 'cancelled', 'quarantined')
     order by id limit 20)
    """
  /// The jobs of runs, counted by state.
  static let watchedRuns = """
    select run_id, run_name, case when worker_lost_at is not null then 'lost' else state::text end as state,
      count(*) as jobs
    from pra.jobs where run_id = any ($1::bigint[]) and array_id is null and preview_of is null
    group by run_id, run_name, 3 order by run_id, 3
    """
  static let attemptsOfRun = """
    select job_id, epoch, worker_name, case when kind = 'command' then concat_ws(' ', kind, (
        select j.arguments ->> 'name' from pra.jobs as j where j.id = job_id)) else kind end as kind, ended_at is not null as has_ended
    from pra.attempts where run_id = $1::bigint order by started_at, job_id
    """
  static let isActive = """
    select exists (
      select from pra.jobs
      where run_id = $1::bigint and state in ('ready', 'running') and preview_of is null) as active
    """
  /// The runs that `watch` shows when none is named.
  static let activeRuns = """
    select id from pra.runs
    where id = any (array(select pra.active_runs())) and state in ('pending', 'running', 'paused')
      and deleted_at is null
    order by id
    """
}
