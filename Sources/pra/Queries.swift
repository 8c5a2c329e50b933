// The command line's own queries, besides the calls of the queue (JobQueue, SubmitQueue). A test
// prepares each on the migrated schema.

enum Queries {
  static let runByID = "select id, name from pra.runs where id = $1::bigint"
  static let runByName = "select id, name from pra.runs where name = $1 order by id desc limit 1"
  static let jobExists = "select 1 from pra.jobs where id = $1::bigint"
  /// Whether something is left for `pra.reap` to do.
  static let isOverdue = """
    select exists (
        select from pra.workers where stopped_at is null and lease_expires_at <= clock_timestamp())
      or exists (
        select from pra.jobs
        where state in ('blocked', 'ready') and deadline <= clock_timestamp()) as overdue
    """
  static let isArray = "select exists (select from pra.arrays where id = $1::bigint) as is_array"

  /// Calls a function that is written in PL/pgSQL.
  static let anyFunction = "select from pra.why_pending(0)"

  static let login = """
    select rolname as login, rolsuper as superuser from pg_roles where rolname = session_user
    """

  /// A worker has at most three sessions: it beats, claims and reports; a stage three more: its own, for
  /// metrics and for checkpoints.
  static let sessions = """
    select
      (select count(*) from pg_stat_activity where backend_type = 'client backend') as used,
      least(
        current_setting('max_connections')::integer
          - current_setting('superuser_reserved_connections')::integer
          - coalesce(current_setting('reserved_connections', true)::integer, 0),
        (select nullif(datconnlimit, -1) from pg_database where datname = current_database()),
        (select nullif(rolconnlimit, -1) from pg_roles where rolname = session_user)) as places,
      count(*) as workers, coalesce(sum(3 + 3 * w.slots), 0)::bigint as needed
    from pra.workers as w
    where w.state in ('live', 'draining', 'blamed')
    """

  static let runs = """
    select id, name,
      -- All that runs has lost its worker; seen by a reader alone, who may not put it back.
      case
        when state = 'running' and running > 0 and exists (
          select from pra.workers where stopped_at is null and lease_expires_at <= clock_timestamp())
          and not exists (
            select from pra.jobs as j
            where j.run_id = runs.id and j.state = 'running' and j.array_first is null
              and j.worker_lost_at is null)
          then 'lost'
        else state end as state,
      jobs, succeeded, running, ready + blocked as waiting,
      failed + cancelled + quarantined as ended_badly, to_char(created_at, 'YYYY-MM-DD HH24:MI') as "created (UTC)",
      date_trunc('second', coalesce(finished_at, now()) - started_at)::text as time
    from pra.runs order by id desc limit $1::integer
    """

  static let jobs = """
    select id, run_name as run, kind,
      case when worker_lost_at is not null then 'lost' else state::text end as state,
      -- The worker that runs the job, or ran it last.
      (select a.worker_name from pra.attempts as a where a.job_id = jobs.id and a.epoch = jobs.epoch)
        as worker, epoch as attempt,
      case when progress_total > 0 then 100 * progress_done / progress_total end as percent,
      to_char(created_at, 'YYYY-MM-DD HH24:MI') as "created (UTC)",
      -- A copy that takes long is what the job does now.
      case when state = 'running' and progress_unit like 'bytes %' then progress else left(message, 60) end
        as message
    from pra.jobs
    where ($1::bigint is null or run_id = $1::bigint)
      and (cardinality($2::pra.job_state[]) = 0 or state = any ($2::pra.job_state[]))
      -- Written so that the planner knows how few are parts of arrays, and reads from the end.
      and ($4::bigint is null and array_id is null or array_id = $4::bigint)
    order by id desc limit $3::integer
    """

  /// The rows of --json: rows of the public views, without the configuration of runs.
  static let runRows = """
    select id, name, state, jobs, blocked, ready, running, succeeded, failed, cancelled, quarantined,
      code_version, data_fingerprint, idempotency_key, created_at, created_by, paused_at, started_at,
      finished_at, weight, removed
    from pra.runs order by id desc limit $1::integer
    """
  static let jobRows = """
    select * from pra.jobs
    where ($1::bigint is null or run_id = $1::bigint)
      and (cardinality($2::pra.job_state[]) = 0 or state = any ($2::pra.job_state[]))
      and ($4::bigint is null and array_id is null or array_id = $4::bigint)
    order by id desc limit $3::integer
    """
  static let workerRows = """
    select * from pra.workers
    where $1::boolean or stopped_at is null
      or stop_reason = 'lease lost' and stopped_at > now() - interval '1 day'
    order by id desc
    """
  static let attemptRows = "select * from pra.attempts where job_id = $1::bigint order by epoch"
  static let evaluationRows = """
    select * from pra.evaluations where run_id = $1::bigint
    order by job_id, metric, scope <> 'overall', scope
    """

  static let job = "select * from pra.jobs where id = $1::bigint"
  static let attempts = """
    select epoch as attempt, worker_name as worker, outcome, exit_code, exit_signal as signal,
      to_char(started_at, 'HH24:MI:SS') as "started (UTC)", to_char(ended_at, 'HH24:MI:SS') as ended,
      continues_epoch as continues, from_step, message
    from pra.attempts where job_id = $1::bigint order by epoch
    """
  static let why = "select reason, detail from pra.why_pending($1::bigint)"
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

  /// The jobs that `watch` and `run --wait` poll.
  static let watched = """
    select j.run_id, j.run_name, j.id, j.kind,
      case when j.worker_lost_at is not null then 'lost' else j.state::text end as state,
      j.worker_name, j.message,
      coalesce(a.succeeded, j.progress_done) as progress_done,
      coalesce(a.elements, j.progress_total) as progress_total,
      case when a.id is not null then 'elements' else j.progress_unit end as progress_unit,
      case when a.id is null and j.progress_unit like 'bytes %' then j.progress end as copy
    from pra.jobs as j left join pra.arrays as a on a.id = j.id
    where j.run_id = any ($1::bigint[]) and j.array_id is null order by j.run_id, j.id
    """
  /// The jobs of runs, counted by state.
  static let watchedRuns = """
    select run_id, run_name, case when worker_lost_at is not null then 'lost' else state::text end as state,
      count(*) as jobs
    from pra.jobs where run_id = any ($1::bigint[]) and array_id is null
    group by run_id, run_name, 3 order by run_id, 3
    """
  /// The first twenty jobs that run and the first twenty that ended badly, where there are very many.
  static let watchedSome = """
    select j.run_id, j.run_name, j.id, j.kind,
      case when j.worker_lost_at is not null then 'lost' else j.state::text end as state,
      j.worker_name, j.message,
      coalesce(a.succeeded, j.progress_done) as progress_done,
      coalesce(a.elements, j.progress_total) as progress_total,
      case when a.id is not null then 'elements' else j.progress_unit end as progress_unit,
      case when a.id is null and j.progress_unit like 'bytes %' then j.progress end as copy
    from (
      (select id from pra.jobs
       where run_id = any ($1::bigint[]) and array_id is null and state = 'running'
       order by id limit 20)
      union all
      (select id from pra.jobs
       where run_id = any ($1::bigint[]) and array_id is null
         and state in ('failed', 'cancelled', 'quarantined')
       order by id limit 20)
    ) as shown
    join pra.jobs as j on j.id = shown.id
    left join pra.arrays as a on a.id = j.id
    order by j.state <> 'running', j.run_id, j.id
    """
  static let attemptsOfRun = """
    select job_id, epoch, kind, worker_name, ended_at is not null as has_ended
    from pra.attempts where run_id = $1::bigint order by started_at, job_id
    """
  static let isActive = """
    select exists (
      select from pra.jobs where run_id = $1::bigint and state in ('ready', 'running')) as active
    """
  /// The runs that `watch` shows when none is named.
  static let activeRuns = """
    select id from pra.runs where state in ('pending', 'running', 'paused') order by id
    """

  static let neighbourGrid = """
    select job_id, sha256 from pra.outputs
    where run_id = $1::bigint and name = 'neighbours.png' order by job_id desc limit 1
    """

  static let dataSetRows = """
    select j.id as job, j.run_id as run, j.run_name as name, j.result -> 'images' as images,
      j.result -> 'classes' as classes, j.arguments #> '{image,size}' as size,
      j.arguments #> '{image,channels}' as channels, j.result ->> 'layout' as layout,
      j.result -> 'skipped' as skipped, j.result -> 'ignored' as ignored,
      j.result -> 'ignored_reasons' as ignored_reasons,
      j.result -> 'empty_classes' as empty_classes, j.result -> 'validation_images' as validation_images,
      j.result ->> 'fingerprint' as fingerprint, j.result ->> 'validation_fingerprint' as validation_fingerprint,
      j.arguments ->> 'source_name' as source, j.arguments ->> 'source' as source_sha256,
      jsonb_array_length(coalesce(nullif(j.arguments -> 'shards', 'null'), '[]')) + 1 as archives,
      coalesce(o.bytes, 0)::bigint as bytes, j.finished_at
    from pra.jobs as j left join lateral (
      select sum(o.size) as bytes from pra.outputs as o where o.job_id = j.id and o.name like '%.packed') as o on true
    where j.kind = 'ingest' and j.state = 'succeeded' and j.result ? 'fingerprint' order by j.id desc
    """
  static let dataSets = """
    select id as job, run_name as name, result -> 'images' as images,
      result -> 'validation_images' as held_out, result -> 'classes' as classes,
      nullif(result -> 'empty_classes', '0') as empty, nullif(result -> 'skipped', '0') as skipped,
      (select string_agg(format('%s %s', r.value, r.key), ', ' order by r.value::bigint desc, r.key)
        from jsonb_each_text(nullif(result -> 'ignored_reasons', 'null')) as r) as left_out,
      format('%sx%sx%s', arguments #> '{image,size}', arguments #> '{image,size}',
        arguments #> '{image,channels}') as pixels,
      left(result ->> 'fingerprint', 12) as fingerprint,
      -- The first archive, and the number of further ones.
      arguments ->> 'source_name'
        || coalesce(' +' || jsonb_array_length(nullif(arguments -> 'shards', 'null')), '') as source,
      to_char(finished_at, 'YYYY-MM-DD HH24:MI') as "made (UTC)"
    from pra.jobs where kind = 'ingest' and state = 'succeeded' and result ? 'fingerprint' order by id desc
    """

  /// Folders from which live workers read sources in place.
  static let seenFolders = """
    select distinct l.value as folder from pra.workers as w cross join jsonb_each_text(w.labels) as l
    where l.key like 'sees.%' and w.state not in ('stopped', 'lost')
    """

  static let limits = """
    select name, taken, slots, array_to_string(held_by[1:10], ' ') as held_by_jobs
    from pra.limits order by name
    """
  static let limitRows = "select * from pra.limits order by name"
  static let schedules = """
    select name, cron, time_zone, kind, run_name as run, to_char(next_at, 'YYYY-MM-DD HH24:MI') as "next (UTC)",
      last_job, overlap, paused_at is not null as paused, left(last_error, 100) as last_error
    from pra.schedules order by name
    """
  static let failingSchedules = """
    select name, coalesce(
        last_error,
        'due since ' || to_char(next_at, 'YYYY-MM-DD HH24:MI') || ', but no worker has looked') as why
    from pra.schedules
    where last_error is not null
      or paused_at is null and next_at < clock_timestamp() - interval '5 minutes'
    order by name
    """
  static let scheduleRows = "select * from pra.schedules order by name"

  /// The parents whose dependents wait until a person retries them.
  static let deadParents = """
    select id, state::text from pra.jobs
    where id = any ($1::bigint[]) and state in ('failed', 'cancelled', 'quarantined') order by id
    """

  static let runOfJob = "select run_id from pra.jobs where id = $1::bigint"
  static let jobOfKey = "select run_id from pra.jobs where idempotency_key = $1"
  static let trainArguments = """
    select kind, arguments::text as arguments from pra.jobs where id = $1::bigint
    """
  /// The reason why a ready job does not start: perhaps no worker can take it.
  static let whyReady = """
    select j.id, w.reason, w.detail
    from (
      select id from pra.jobs
      where run_id = any ($1::bigint[]) and (state = 'ready' or worker_lost_at is not null)
      order by id limit 1
    ) as j, pra.why_pending(j.id) as w
    """
  /// A run of the same name, configuration and data that has neither failed nor been cancelled, and still has
  /// all that it has made.
  static let reusableRun = """
    select id from pra.runs
    where name = $1 and configuration = $2::jsonb and data_fingerprint = $3
      and state not in ('failed', 'cancelled') and removed = '{}'
    order by id desc limit 1
    """
  static let lockName = "select pg_advisory_xact_lock(hashtextextended($1, 7272))"

  /// Jobs of a run that can be cancelled, and those that can be retried: a piece of them, after a number.
  static let liveJobs = """
    select id from pra.jobs
    where run_id = $1::bigint and id > $2::bigint and array_id is null
      and (state in ('blocked', 'ready')
        or state = 'running' and (cancel_requested_at is null or array_first is not null))
    order by id limit $3::integer
    """
  static let badJobs = """
    select id from pra.jobs
    where run_id = $1::bigint and id > $2::bigint and array_id is null
      and state in ('failed', 'cancelled', 'quarantined')
    order by id limit $3::integer
    """
  /// Gangs in line whose members can never hold a slot each of one limit at the same time.
  static let gangsTooLarge = """
    select j.id, a.elements, l.name, l.slots
    from pra.limits as l
    join pra.jobs as j on l.name = any(j.limits) and j.gang and j.state in ('blocked', 'ready')
    join pra.arrays as a on a.id = j.id
    where l.name = any($1::text[]) and a.elements - a.succeeded > l.slots
    order by j.id, l.name
    """

  static let imagesOfRun = """
    select number, sha256, size, place, side, channels, digest from pra.images
    where run_id = $1::bigint order by number
    """
  static let drawnImages = """
    select i.label, i.class_name, i.sha256, i.size, i.place, i.side, i.channels, i.digest, (j.result ->> 'step')::bigint as step,
      j.arguments #>> '{sampling,weights}' as weights,
      v.variant || ', seed ' || v.seed as variant
    from pra.images as i join pra.jobs as j on j.id = i.job_id
    -- The variant of a part is its array's.
    left join pra.variants as v on v.job_id = coalesce(j.array_id, j.id)
    where i.run_id = $1::bigint
      and (cardinality($2::text[]) = 0 or i.class_name = any ($2::text[]))
      and (cardinality($3::text[]) = 0 or v.variant = any ($3::text[]))
    order by i.number, i.job_id limit $4::bigint
    """
  static let labelledImages = """
    select number, label, sha256, size, place, side, channels, digest from pra.images
    where run_id = $1::bigint
      and ($2::bigint is null or job_id = $2::bigint
        or job_id in (select id from pra.jobs where array_id = $2::bigint))
    order by number
    """
  static let metricNames = """
    select distinct name from pra.metric_summaries where run_id = $1::bigint order by name
    """
  /// The series of a run of one name, one for each job that has it.
  static let seriesOfName = """
    select s.job_id, v.variant || ', seed ' || v.seed as variant, s.points, s.last_step
    from pra.metric_summaries as s left join pra.variants as v on v.job_id = s.job_id
    where s.run_id = $1::bigint and s.name = $2 order by s.job_id
    """
  static let points = """
    select step, value from pra.metrics where job_id = $1::bigint and name = $2 order by step
    """
  /// Figures of so many steps each, from the rollups of 256.
  static let bands = """
    select (min(from_step) + max(last_step)) / 2.0 as step, min(from_step) as from_step, max(last_step) as last_step,
      sum(mean * (points - not_finite)) / nullif(sum(points - not_finite), 0) as mean,
      min(min_value) as low, max(max_value) as high
    from pra.metric_rollups
    where job_id = $1::bigint and name = $2
    group by from_step / $3::bigint order by 1
    """
  /// All series of a run, in the order in which they are exported.
  static let seriesOfRun = """
    select run_name, name, job_id from pra.metric_summaries
    where run_id = $1::bigint order by name, job_id
    """
  static let seriesOfJob = """
    select name from pra.metric_summaries where job_id = $1::bigint order by name
    """
  /// A page of the points of a series.
  static let pointsPage = """
    select step, value, extract(epoch from recorded_at)::double precision as time
    from pra.metric_points(job => $1, name => $2, after => $3)
    """
  static let evaluations = """
    select variant, seed, metric, scope,
      round(value::numeric, case when metric like 'kid.%' then 7 else 3 end) as value, images,
      details #>> '{ruler,labels}' as labels, details #>> '{ruler,rounding}' as rounding,
      left(details #>> '{ruler,reference}', 12) as reference,
      left(details #>> '{ruler,weights}', 12) as weights
    from pra.evaluations
    where run_id = $1::bigint
    order by metric, scope <> 'overall', scope, variant, seed
    """
  static let randomFigures = """
    select 1 from pra.evaluations where run_id = $1::bigint and metric like 'frechet.%' limit 1
    """
  /// The leaves of the stored configurations; `config.` may be left out, as in --set.
  static let comparedSettings = """
    with recursive setting (run_id, name, value) as (
      select r.id, c.key, c.value
      from pra.runs as r
      cross join jsonb_each(
        (r.configuration - 'config') || coalesce(r.configuration -> 'config', '{}')) as c
      where r.id = any ($1::bigint[])
      union all
      select s.run_id, s.name || '.' || c.key, c.value
      from setting as s
      cross join jsonb_each(case jsonb_typeof(s.value) when 'object' then s.value else '{}' end) as c
    )
    select name, run_id, value::text as value, null as better
    from setting
    where jsonb_typeof(value) <> 'object'
    union all
    select 'code', id, to_json(code_version)::text, null from pra.runs where id = any ($1::bigint[])
    union all
    select 'data', id, to_json(left(data_fingerprint, 12))::text, null
    from pra.runs where id = any ($1::bigint[])
    order by 1, 2
    """
  /// The mean of the last hundred steps, which says more of a noisy series than its last value
  /// does, the best value, and the number of steps.
  static let comparedMetrics = """
    select s.name || ' ' || v.what as name, s.run_id, to_json(v.value)::text as value,
      min(s.better) as better
    from pra.metric_summaries as s
    cross join lateral (
      select 'at its end' as what,
        (select avg(m.value) from pra.metrics as m
         where m.job_id = s.job_id and m.name = s.name and m.step > s.last_step - 100) as value
      union all
      select 'at its best', s.best_value
      union all
      select 'steps', s.last_step + 1 where s.name = 'loss'
    ) as v
    where s.run_id = any ($1::bigint[]) and s.name = any ($2::text[])
    group by s.name, v.what, s.run_id, v.value
    order by s.name, v.what, s.run_id
    """
  static let comparedEvaluations = """
    select metric as name, run_id, to_json(value)::text as value,
      case when metric ~ '^(is|precision|recall|probe)[.]|psnr' then 'up' else 'down' end as better
    from pra.evaluations
    where run_id = any ($1::bigint[]) and scope = 'overall'
    order by metric, run_id
    """
  /// The ruler of each figure, key by key.
  static let comparedRulers = """
    select e.metric, e.run_id, r.key, r.value
    from pra.evaluations as e cross join jsonb_each_text(e.details -> 'ruler') as r
    where e.run_id = any ($1::bigint[]) and e.scope = 'overall'
      and jsonb_typeof(e.details -> 'ruler') = 'object'
    order by e.metric, r.key, e.run_id, e.job_id
    """

  static let stores = "select location, is_current, artifacts, bytes from pra.stores order by 1"
  static let useStore = "select pra.use_store(location => $1, mark => $2::uuid)"
  static let bytesInDatabase = "select bytes from pra.stores where location = 'database'"
  static let suspects = "select count(*) as number from pra.artifacts where suspect_at is not null"
  static let forgetStore = """
    select artifacts, bytes, jobs from pra.forget_store(given => $1, lose => $2)
    """
  static let dropMetrics = "select partition, bytes from pra.drop_metrics($1::timestamptz, $2)"
  static let thinMetrics = """
    select job_id, name, points, kept
    from pra.thin_metrics(
      run => $1, every => $2, before => clock_timestamp() - make_interval(days => $3::integer), dry => $4)
    """
  static let removeRun = """
    select what, number, bytes from pra.remove_run(run => $1, images => $2, data => $3, dry => $4)
    """
  static let dropEvents = "select partition, bytes from pra.drop_events($1::timestamptz, $2)"

  /// Jobs with metrics or evaluations, and the time at which each began.
  static let measuringJobs = """
    select id, kind, floor(extract(epoch from coalesce(started_at, created_at)))::bigint as began
    from pra.jobs as j
    where run_id = $1::bigint and (
      exists (select from pra.metric_summaries as s where s.job_id = j.id)
      or exists (select from pra.evaluations as e where e.job_id = j.id))
    order by id
    """
  static let evaluationEvents = """
    select e.metric, e.scope, e.value,
      coalesce((
        select max(s.last_step) + 1 from pra.metric_summaries as s where s.run_id = e.run_id
      ), 0) as step,
      extract(epoch from coalesce(j.finished_at, now()))::double precision as time
    from pra.evaluations as e join pra.jobs as j on j.id = e.job_id
    where e.job_id = $1::bigint
    order by e.metric, e.scope
    """

  static let lastCheckpoint = """
    select id, job_id, step from pra.checkpoints
    where ($1::bigint is null or run_id = $1::bigint)
      and ($2::bigint is null or job_id = $2::bigint)
      and ($3::bigint is null or step = $3::bigint)
    order by job_id desc, step desc, id desc limit 1
    """
  static let comparison = """
    select o.name, o.sha256 from pra.outputs as o
    where o.run_id = $1::bigint and o.kind = 'compare'
      and o.job_id = (
        select max(c.job_id) from pra.outputs as c
        where c.run_id = $1::bigint and c.kind = 'compare')
    order by o.name
    """
  static let outputsOfJob = """
    select name, sha256 from pra.outputs where job_id = $1::bigint order by name
    """
  static let checkpointFiles = """
    select f ->> 'name' as name, f ->> 'sha256' as sha256
    from pra.checkpoints as c, jsonb_array_elements(c.files) as f
    where c.id = $1::bigint
    order by 1
    """
  static let jobState = "select state::text as state, epoch from pra.jobs where id = $1::bigint"
  static let attemptExists = """
    select 1 from pra.attempts where job_id = $1::bigint and epoch = $2::bigint
    """
}
