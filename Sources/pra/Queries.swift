// The command line's own queries, besides the calls of the queue (JobQueue, SubmitQueue). A test
// prepares each on the migrated schema.

enum Queries {
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

  static let sessions = "select used, places, workers, needed from pra.sessions"

  static let neighbourGrid = """
    select job_id, sha256 from pra.outputs
    where run_id = $1::bigint and name = 'neighbours.png' order by job_id desc limit 1
    """

  static let dataSetRows = """
    select j.id as job, j.run_id, j.run_name, j.result -> 'images' as images,
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
    where j.kind = 'ingest' and j.state = 'succeeded' and j.result ? 'fingerprint' order by j.id desc limit $1::integer
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
    limit $1::integer
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
    from pra.schedules
    union all
    select '(pra gc)', cron, time_zone, 'gc', null, to_char(next_at, 'YYYY-MM-DD HH24:MI'), null, null, false,
      left(last_error, 100)
    from pra.upkeep
    order by 1
    """
  static let failingSchedules = """
    select name, coalesce(
        last_error,
        'due since ' || to_char(next_at, 'YYYY-MM-DD HH24:MI') || ', but no worker has looked') as why
    from pra.schedules
    where last_error is not null
      or paused_at is null and next_at < clock_timestamp() - interval '5 minutes'
    union all
    select 'the garbage collection', coalesce(
        last_error, 'due since ' || to_char(next_at, 'YYYY-MM-DD HH24:MI') || ', but no worker has looked')
    from pra.upkeep
    where last_error is not null or next_at < clock_timestamp() - interval '5 minutes'
    order by 1
    """
  static let scheduleRows = """
    select name, cron, time_zone, catch_up, run_id, run_name, kind, arguments, queue, priority, next_at, last_at,
      last_job, created_by, created_at, overlap, paused_at, last_error, last_error_at
    from pra.schedules
    union all
    select '(pra gc)', cron, time_zone, null, null, null, 'gc', null, null, null, next_at, last_at, null, set_by, set_at,
      null, null, last_error, null
    from pra.upkeep
    order by 1
    """
  static let setUpkeep = """
    select to_char(pra.set_upkeep(
      cron => $1, time_zone => $2, grace => make_interval(secs => $3), keep_last => $4, keep_best => $5,
      keep_every => $6, metric => $7, thin => $8, thin_after => make_interval(days => $9)) at time zone $2,
      'YYYY-MM-DD HH24:MI') as first
    """
  static let unsetUpkeep = "select pra.unset_upkeep() as was_set"

  /// Those of some jobs, and of all that they wait for, whose dependents wait until a person retries them.
  static let deadParents = """
    with recursive waited as (
      select id, state, depends_on from pra.jobs where id = any ($1::bigint[])
      union
      select j.id, j.state, j.depends_on
      from waited as w
      join pra.jobs as j on w.state = 'blocked' and j.id = any (w.depends_on)
    )
    select id, state::text from waited where state in ('failed', 'cancelled', 'quarantined') order by id
    """

  static let runOfJob = "select run_id from pra.jobs where id = $1::bigint"
  static let jobOfKey = "select run_id from pra.jobs where idempotency_key = $1"
  static let trainArguments = """
    select kind, arguments::text as arguments from pra.jobs where id = $1::bigint
    """
  /// A preview that is drawn only when its training ends, and the way to have it at once.
  static let whyPreview = """
    select j.id, w.detail
    from (
      select id from pra.jobs
      where run_id = any ($1::bigint[]) and preview_of is not null and state = 'ready' order by id limit 1
    ) as j, pra.why_pending(j.id) as w
    where w.detail like '%--slots 2%'
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
    where name = $1 and configuration = $2::jsonb and source_fingerprint = $3
      and state not in ('failed', 'cancelled') and removed = '{}' and deleted_at is null
    order by id desc limit 1
    """
  static let lockName = "select pra.lock_name('run ' || $1)"

  /// Jobs of a run that can be cancelled, and those that can be retried: a piece of them, after a number.
  static let liveJobs = """
    select id from pra.jobs
    where run_id = $1::bigint and id > $2::bigint and array_id is null
      and id not in (select pra.jobs_needed_elsewhere($1::bigint))
      and (state in ('blocked', 'ready')
        or state = 'running' and (cancel_requested_at is null or array_first is not null))
    order by id limit $3::integer
    """
  static let unfinishedJobs = """
    select id from pra.jobs
    where run_id = $1::bigint and id > $2::bigint and array_id is null and finished_at is null
    order by id limit $3::integer
    """
  static let setPriorityMany = "select pra.set_priority_many($1, $2) as count"
  /// Those of some runs that have jobs which can be cancelled.
  static let runsAtWork = """
    select distinct run_id from pra.jobs as j
    where run_id = any ($1::bigint[]) and array_id is null
      and (state in ('blocked', 'ready')
        or state = 'running' and (cancel_requested_at is null or array_first is not null))
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
  static let bands = """
    select step_from, step_to, n, mean, lowest, highest
    from pra.metric_bands(job => $1, name => $2, points => $3::integer)
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
  static let randomFigures = """
    select 1 from pra.evaluations where run_id = any ($1::bigint[]) and metric like 'frechet.%' limit 1
    """
  /// The table for people.
  static let storeTable = """
    select location, is_current, artifacts, pra.size_text(bytes) as size, bytes from pra.stores order by 1
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
  static let deleteRuns = """
    select run, what, number, bytes
    from pra.delete_runs(runs => $1::bigint[], parts => $2::text[], dry => $3)
    """
  static let purgeRuns = """
    select run, name, jobs, kept from pra.purge_runs(grace => make_interval(secs => $1))
    """
  static let runningJobs = "select count(*) as running from pra.jobs where state = 'running'"
  /// Tables of more than a megabyte, a few of which gc has just emptied.
  static let tablesChanged = """
    select 'pra_store.' || quote_ident(c.relname) as name
    from pg_class as c left join pg_class as t on t.oid = c.reltoastrelid
    where c.relnamespace = 'pra_store'::regnamespace and c.relkind = 'r'
      and greatest(pg_relation_size(c.oid), coalesce(pg_relation_size(t.oid), 0)) > 1000000
    order by 1
    """
  static let tablesWithRoom = """
    select 'pra_store.' || quote_ident(c.relname) as name
    from pg_class as c where c.relnamespace = 'pra_store'::regnamespace and c.relkind = 'r' order by 1
    """
  static let mayReadLog = """
    select has_function_privilege('pg_catalog.pg_ls_waldir()', 'execute') as may
    """
  static let logSize = "select coalesce(sum(size), 0)::bigint as bytes from pg_ls_waldir()"
  /// The bytes that rows take are estimated from their number and width, as the last vacuum found them; a large
  /// value lies in pieces of 2 kB.
  static let databaseSize = """
    with tables as (
      select c.relname, c.oid, c.reltoastrelid from pg_class as c
      where c.relnamespace = 'pra_store'::regnamespace and c.relkind = 'r'
    ),
    parts as (
      select pg_relation_size(c.oid) as size,
        -- A table that was written anew is full until a vacuum has counted its rows.
        case when c.reltuples < 0 then pg_relation_size(c.oid) else c.reltuples * 100
          / coalesce((select o.option_value::integer from pg_options_to_table(c.reloptions) as o
                      where o.option_name = 'fillfactor'), 100)
          * case when c.relkind = 't' then 2040 else 28 + coalesce((
              select sum(s.avg_width) from pg_stats as s
              where s.schemaname = 'pra_store' and s.tablename = c.relname), 100) end end as live
      from pg_class as c
      where c.oid in (select oid from tables union all select reltoastrelid from tables)
    )
    select pg_database_size(current_database()) as bytes,
      coalesce(sum(greatest(0, size - live)) filter (where size > 1000000), 0)::bigint as unused
    from parts
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
