// Queries of the page of a run, of comparisons and of images.

enum RunQueries {
  static let run = """
    select
      r.id, r.name, case when r.lost_at is not null then 'lost' else r.state end as state, r.note, r.created_by,
      r.created_at, r.started_at, r.finished_at, j.worker_lost_at as lost_at,
      r.configuration #>> '{config,preset}' as preset,
      extract(epoch from r.finished_at - r.started_at)::bigint as seconds,
      j.id as job, j.state as job_state, j.epoch as attempt, a.worker_name, w.beat_at,
      extract(epoch from statement_timestamp() - w.beat_at)::bigint as beat_seconds,
      extract(epoch from w.lease)::bigint as lease_seconds,
      j.progress_done as done, j.progress_total as total, j.progress_unit as unit, j.progress,
      case when j.state = 'running' and j.progress_rate > 0
        then ((j.progress_total - j.progress_done) / j.progress_rate)::bigint end as left,
      f.value as loss, f.steps as loss_steps,
      case when j.state = 'running' then s.last_value end as images_per_second,
      a.from_step, p.outcome as before
    from pra.runs as r
    -- The training: the one at work, otherwise the newest.
    left join lateral (
      select * from pra.jobs as t
      where t.run_id = r.id and t.kind = 'train' and t.array_id is null
      order by t.state = 'running' desc, t.id desc limit 1
    ) as j on true
    left join pra.attempts as a on a.job_id = j.id and a.epoch = j.epoch
    left join pra.attempts as p on p.job_id = j.id and p.epoch = a.continues_epoch
    left join pra.workers as w on w.id = a.worker_id
    left join lateral pra.metric_end(j.id, 'loss') as f on true
    left join pra.metric_summaries as s on s.job_id = j.id and s.name = 'images_per_second'
    where r.id = $1::bigint
    """

  /// Why the next job of a run waits, where none of it is at work: one that is ready before one that is blocked.
  static let why = """
    select n.job, n.kind, y.reason, y.detail
    from (
      select j.id as job, j.kind::text as kind from pra.jobs as j
      where j.run_id = $1::bigint and j.state in ('ready', 'blocked') and j.array_id is null and j.preview_of is null
        and not exists (select from pra.jobs as k where k.run_id = $1::bigint and k.state = 'running')
      order by j.state = 'ready' desc, j.id limit 1
    ) as n
    cross join lateral pra.why_pending(n.job) as y
    """

  /// The series of some runs, each with the words of its curve.
  static let series = """
    select s.run_id, s.job_id, s.name, s.points, s.not_finite, s.last_step, s.last_value, s.min_value, s.max_value,
      concat_ws(' ', case when cardinality($1::bigint[]) > 1 then format('%s (%s)', s.run_name, s.run_id) end,
        v.variant || ', seed ' || v.seed, case when v.variant is null then 'job ' || s.job_id end) as label
    from pra.metric_summaries as s
    left join pra.variants as v on v.job_id = s.job_id
    where s.run_id = any ($1::bigint[])
    order by array_position($1::bigint[], s.run_id), s.job_id, s.name
    """

  static let jobs = """
    select j.id, case when j.preview_of is not null then 'preview'
        when j.kind = 'command' then concat_ws(' ', j.kind, j.arguments ->> 'name') else j.kind end as kind,
      case when j.worker_lost_at is not null then 'lost' else j.state::text end as state,
      j.worker_lost_at as lost_at, j.epoch as attempt, j.worker_name,
      a.elements, a.succeeded as elements_done, a.running as elements_running, a.ended_badly as elements_bad,
      j.progress_done as done, j.progress_total as total, j.progress_unit as unit, j.progress, j.message,
      array_to_string(array(
        select p.id from pra.jobs as p where p.id = any (j.depends_on) and p.state <> 'succeeded' order by 1), ', ')
        as waits_for, s.of
    from (
      select k.id, k.of
      from (
        -- Those at work and those that ended badly, where there are very many.
        select k.id, count(*) over () as of,
          row_number() over (order by k.state in ('failed', 'quarantined') desc, k.state = 'running' desc, k.id) as place
        from pra.jobs as k where k.run_id = $1::bigint and k.array_id is null
      ) as k
      where k.place <= 24
    ) as s
    join pra.jobs as j on j.id = s.id
    left join pra.arrays as a on a.id = j.id and not (j.gang and j.progress_total is not null)
    order by j.id
    """

  static let samplings = """
    select s.run_id, s.run_name, s.job_id, s.variant, s.step, s.weights, s.method, s.steps, s.scale, s.seed, s.images,
      s.drawn_at, s.preview
    from pra.samplings as s
    where s.run_id = any ($1::bigint[])
    order by array_position($1::bigint[], s.run_id), s.step nulls first, s.preview desc, s.weights, s.job_id
    """

  /// The newest sampling run of each run, of those up to step $2 where it is not null.
  static let newestSamplings = """
    select distinct on (array_position($1::bigint[], s.run_id))
      s.run_id, s.run_name, s.job_id, s.variant, s.step, s.weights, s.method, s.steps, s.scale, s.seed, s.images,
      s.drawn_at, s.preview
    from pra.samplings as s
    where s.run_id = any ($1::bigint[]) and ($2::bigint is null or s.step <= $2::bigint)
    order by array_position($1::bigint[], s.run_id), s.step desc nulls last, s.preview, s.job_id desc
    """
  /// Steps at which some runs have drawn images.
  static let drawnSteps = """
    select distinct s.step from pra.samplings as s
    where s.run_id = any ($1::bigint[]) and s.step is not null order by 1 limit 1000
    """
  /// The newest search for training images that are near to those of some sampling runs, and the data set.
  static let neighbours = """
    select s.job_id as sampling, n.id as job, o.sha256, o.size, d.sha256 as data
    from unnest($1::bigint[]) with ordinality as s (job_id, place)
    join pra.jobs as j on j.id = s.job_id
    cross join lateral (
      select k.id, k.arguments from pra.jobs as k
      where k.run_id = j.run_id and k.kind = 'neighbours' and k.state = 'succeeded'
        and k.arguments -> 'samples' @> to_jsonb(s.job_id)
      order by k.id desc limit 1
    ) as n
    join pra.outputs as o on o.job_id = n.id and o.name = 'neighbours.json'
    join pra.outputs as d on d.job_id = (n.arguments ->> 'data')::bigint and d.name = 'data.json'
    order by s.place
    """

  static let evaluations = """
    select e.metric, e.value, e.images, left(coalesce(e.ruler ->> 'reference', e.ruler ->> 'data_set'), 12) as reference,
      e.step, e.variant, e.seed, e.job_id, e.sampling_job
    from pra.evaluations as e
    where e.run_id = $1::bigint and e.scope = 'overall'
    order by e.sampling_job desc nulls last, e.metric, e.job_id desc limit 60
    """

  static let checkpoints = """
    select c.step, c.job_id, c.epoch, c.registered_at,
      (select sum((f ->> 'size')::bigint) from jsonb_array_elements(c.files) as f) as bytes
    from pra.checkpoints as c
    where c.run_id = $1::bigint order by c.step desc, c.id desc limit 30
    """

  // MARK: comparisons

  static let compared = """
    select r.id, r.name, case when r.lost_at is not null then 'lost' else r.state end as state
    from unnest($1::bigint[]) with ordinality as p (id, place) join pra.runs as r on r.id = p.id
    order by p.place
    """

  /// Figures of some runs: evaluations of all images of the newest sampling run that was evaluated, then ends of series.
  static let figures = """
    select name, run_id, value, better, ruler, null::bigint as steps
    from (
      select distinct on (e.metric, e.run_id)
        e.metric as name, e.run_id, e.value, pra.better(e.metric) as better, coalesce(e.ruler::text, '') as ruler
      from pra.evaluations as e
      where e.run_id = any ($1::bigint[]) and e.scope = 'overall'
      order by e.metric, e.run_id, e.sampling_job desc nulls last, e.job_id desc
    ) as evaluated
    union all
    select s.name || ' at its end', s.run_id, f.value,
      -- Losses of other methods and weights mean other things.
      case when 1 = (
        select count(distinct concat(r.configuration #> '{config,method}', r.configuration #> '{config,loss}'))
        from pra.runs as r where r.id = any ($1::bigint[])) then s.better end, '', f.steps
    from (
      select distinct on (run_id, name) run_id, name, job_id, better from pra.metric_summaries
      where run_id = any ($1::bigint[]) and name in ('loss', 'loss.flow', 'loss.rec')
      order by run_id, name, job_id desc
    ) as s
    cross join lateral pra.metric_end(s.job_id, s.name) as f
    order by 1, 2
    """

  /// Figures of runs and variants that differ in their seeds alone: their median and range, where they are measured by
  /// one ruler, and there are several.
  static let seeds = """
    with figures as (
      select distinct on (e.metric, e.run_id, e.variant, e.seed)
        e.metric as name, e.run_id, e.variant, e.seed, e.value, coalesce(e.ruler::text, '') as ruler
      from pra.evaluations as e
      where e.run_id = any ($1::bigint[]) and e.scope = 'overall'
      order by e.metric, e.run_id, e.variant, e.seed, e.sampling_job desc nulls last, e.job_id desc
    ),
    ends as (
      select s.name || ' at its end' as name, s.run_id, v.variant, v.seed, f.value, '' as ruler
      from pra.metric_summaries as s
      left join pra.variants as v on v.job_id = s.job_id
      cross join lateral pra.metric_end(s.job_id, s.name) as f
      where s.run_id = any ($1::bigint[]) and s.name = 'loss'
    )
    select
      coalesce(m.variant, min(r.name) filter (where r.id = m.first)) as label, m.name,
      case when count(distinct m.ruler) = 1 then percentile_cont(0.5) within group (order by m.value) end as median,
      min(m.value) as lowest, max(m.value) as highest, count(*) as n,
      string_agg(concat_ws(' ', m.run_id, 'seed ' || m.seed), ', ' order by m.run_id, m.seed) as members
    from (
      select f.*, min(f.run_id) over (
        partition by f.name, f.variant, (r.configuration -> 'config') #- '{seed}' #- '{sampling,seed}' #- '{name}') as first
      from (select * from figures union all select * from ends) as f
      join pra.runs as r on r.id = f.run_id
    ) as m
    join pra.runs as r on r.id = m.run_id
    group by m.name, m.variant, m.first
    having count(*) > 1
    order by m.first, m.variant, m.name
    """

  // MARK: charts

  /// The series of $2 of some runs. Of one family are those that differ in their seeds alone.
  static let chartSeries = """
    select s.run_id, s.job_id, s.last_step, s.points, s.updated_at,
      concat_ws(' ', case when cardinality($1::bigint[]) > 1 then format('%s (%s)', s.run_name, s.run_id) end,
        v.variant || ', seed ' || v.seed) as label, v.variant,
      r.configuration #>> '{config,training,batch}' as batch,
      (select min(a.from_step) from pra.attempts as a where a.job_id = s.job_id) as first_step,
      dense_rank() over (order by (r.configuration -> 'config') #- '{seed}' #- '{sampling,seed}' #- '{name}',
        v.variant) as family
    from pra.metric_summaries as s
    join pra.runs as r on r.id = s.run_id
    left join pra.variants as v on v.job_id = s.job_id
    where s.run_id = any ($1::bigint[]) and s.name = $2
    order by array_position($1::bigint[], s.run_id), s.job_id limit 200
    """
  /// Bands of the series $2 of some jobs, each from its step in $3 to its step in $4, in at most $5 bands.
  static let bands = """
    select s.job_id, b.step_from, b.step_to, b.n, b.not_finite, b.lowest, b.highest, b.mean, b.last
    from unnest($1::bigint[], $3::bigint[], $4::bigint[]) with ordinality as s (job_id, first, final, place)
    cross join lateral pra.metric_bands(s.job_id, $2, s.first, s.final, $5::integer) as b
    order by s.place, b.step_from
    """
  /// The times of attempts, and how far the series $2 had come in each.
  static let hours = """
    select a.job_id, a.epoch, a.from_step, a.continues_epoch,
      coalesce(a.metric_high_water, case when a.ended_at is null then s.last_step end) as high_water,
      extract(epoch from coalesce(a.ended_at, s.updated_at, statement_timestamp()) - a.started_at) as seconds
    from pra.attempts as a
    left join pra.metric_summaries as s on s.job_id = a.job_id and s.name = $2
    where a.job_id = any ($1::bigint[])
    order by a.job_id, a.epoch
    """
  /// Steps at which attempts of trainings went on.
  static let borders = """
    select a.job_id, a.epoch, a.from_step, a.worker_name, p.outcome, p.worker_name as before
    from pra.attempts as a
    left join pra.attempts as p on p.job_id = a.job_id and p.epoch = a.continues_epoch
    where a.job_id = any ($1::bigint[]) and a.from_step > 0
    order by a.job_id, a.epoch
    """

  // MARK: images

  static let sheet = """
    select coalesce(j.array_id, j.id) as sampling_job, i.number, i.sha256, i.size, i.place, i.side, i.channels, i.digest
    from pra.images as i join pra.jobs as j on j.id = i.job_id
    where i.job_id = any (array(
        select k.id from pra.jobs as k where k.id = any ($1::bigint[]) or k.array_id = any ($1::bigint[])))
      and i.number >= $2::bigint and ($3::text is null or i.class_name = $3)
    order by array_position($1::bigint[], coalesce(j.array_id, j.id)), i.number limit $4::integer
    """
  /// The jobs and arrays of the sampling runs that are named by $1.
  static let samplingJobs = """
    select s.job_id, array_to_string(s.jobs, ',') as jobs from pra.samplings as s
    where s.run_id = any (array(select j.run_id from pra.jobs as j where j.id = any ($1::bigint[])))
      and s.job_id = any ($1::bigint[])
    """
  static let classes = """
    select distinct i.class_name from (
      select class_name from pra.images where run_id = any ($1::bigint[]) limit 20000
    ) as i order by 1 limit 400
    """
}
