// Queries for data sets and checkpoints of earlier runs, as run files and verbs name them. A test prepares
// each on the migrated schema.

enum TrainedQueries {
  static let trainJobs = """
    select j.id, j.state::text as state, v.variant, v.seed
    from pra.jobs as j left join pra.variants as v on v.job_id = j.id
    where j.run_id = $1::bigint and j.kind = 'train' and j.array_id is null
    order by j.id
    """
  /// Checkpoints of a train job, the newest first; the rank is 1 for the best.
  static let ratedCheckpoints = """
    select id, step, series, value, rank, suspect
    from pra.rate_checkpoints(run => $1::bigint)
    where job_id = $2::bigint
    order by age
    """
  static let checkpoints = """
    select job_id as job, step, to_char(registered_at, 'YYYY-MM-DD HH24:MI') as "written (UTC)",
      pra.size_text(bytes) as size, series,
      round(value::numeric, 5) as "mean since the checkpoint before",
      concat_ws(', ',
        case when age = 1 then 'last' end, case when rank = 1 and value is not null then 'best' end,
        case when suspect then 'damaged' end) as is
    from pra.rate_checkpoints(run => $1::bigint, metric => $2)
    order by job_id, epoch, step
    """
  static let checkpointRows = """
    select c.job_id as job, c.epoch, c.step, c.registered_at, c.bytes, c.series,
      c.value as mean_since_checkpoint_before, c.rank, c.age, c.suspect, f.files
    from pra.rate_checkpoints(run => $1::bigint, metric => $2) as c join pra.checkpoints as f on f.id = c.id
    order by c.job_id, c.epoch, c.step
    """

  /// The ingest jobs of a run, or one by its number; the parts of an array are no data set.
  static let ingestJobs = """
    select j.id, j.run_id, j.run_name, j.state::text as state, j.arguments::text as arguments,
      j.requirements::text as requirements, (j.result -> 'classes')::bigint as classes,
      (r.configuration -> 'data')::text as data, r.removed @> '{data}' as is_removed
    from pra.jobs as j join pra.runs as r on r.id = j.run_id
    where j.kind = 'ingest' and j.array_id is null and j.array_first is null
      and (j.id = $2::bigint or $2::bigint is null
        and (j.run_id = $1::bigint
          or j.id = (select d.data_job from pra.runs as d where d.id = $1::bigint)))
    order by j.id
    """
  static let kindOfJob = "select kind from pra.jobs where id = $1::bigint"
  static let sharedDataSet = "select pra.shared_data_set($1::jsonb) as job"
  static let setRunData = "select pra.set_run_data(run => $1::bigint, job => $2::bigint)"
  /// Jobs of a run that its cancellation leaves, each with a run that waits for it.
  static let neededElsewhere = """
    select n.id, (
      select format('%s (%s)', c.run_id, c.run_name) from pra.jobs as c
      where n.id = any (c.depends_on) and c.run_id <> $1::bigint limit 1) as run
    from pra.jobs_needed_elsewhere($1::bigint) as n (id)
    """
  /// Ingest jobs of other runs that jobs of these runs wait for.
  static let awaitedElsewhere = """
    select j.id from pra.jobs as j
    where j.run_id <> all ($1::bigint[]) and j.state <> 'succeeded'
      and j.id in (select d.data_job from pra.runs as d where d.id = any ($1::bigint[]))
    """
  /// Two callers with one source at the same time make one job.
  static let lockSource = "select pra.lock_name('source ' || $1)"
  static let isStored = "select exists (select from pra.artifacts where sha256 = $1) as is_stored"
  static let recordExport = """
    select pra.record_export(sha256 => $1, job => $2::bigint, step => $3::bigint)
    """

  static let removeLimit = "select pra.remove_limit($1)"
  /// The newest first.
  static let workersNamed = """
    select id, stopped_at is null as is_live from pra.workers
    where name = $1 or id::text = $1 order by id desc
    """
  static let workerNames = "select distinct name from pra.workers where stopped_at is null"

  /// The newest job of run $1 that compares all images of job $2 with the data set, and has not ended badly.
  static let evaluationOf = """
    select j.id, j.state::text as state from pra.jobs as j
    where j.run_id = $1::bigint and j.kind = 'evaluate' and j.arguments -> 'samples' = jsonb_build_array($2::bigint)
      and j.state not in ('failed', 'cancelled', 'quarantined')
    order by j.id desc limit 1
    """

  static let runConfiguration = """
    select configuration::text as configuration from pra.runs where id = $1::bigint
    """
  /// The newest sample jobs of a run, of its train job or of all; arrays count whole.
  static let sampleJobs = """
    select j.id, j.state::text as state, (j.arguments -> 'train')::bigint as train,
      (j.arguments -> 'data')::bigint as data, (nullif(j.arguments -> 'step', 'null'))::bigint as step,
      nullif(j.arguments -> 'classes', 'null')::text as classes
    from pra.jobs as j
    where j.run_id = $1::bigint and j.kind = 'sample' and j.array_id is null and j.preview_of is null
      and ($2::bigint is null or (j.arguments -> 'train')::bigint = $2::bigint)
    order by j.id desc
    """
}
