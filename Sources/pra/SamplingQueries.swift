// Queries of sampling runs and of the figures and pictures that are of them.

enum SamplingQueries {
  static let samplings = """
    select s.job_id, array_to_string(s.jobs, ',') as jobs, s.variant, s.step, s.preview,
      concat_ws(', ', format('job %s: %s%s', s.job_id, case when s.preview then 'preview of ' end,
          coalesce('step ' || s.step, 'step unknown')),
        s.variant || ' with seed ' || s.train_seed, s.weights, concat_ws(' ', s.method, s.steps), 'scale ' || s.scale,
        'seed ' || s.seed, s.images || case s.images when 1 then ' image' else ' images' end) as words
    from pra.samplings as s where s.run_id = $1::bigint order by s.preview, s.job_id desc
    """

  /// All figures of some runs, of each those of the newest images first. One run is not named.
  static let evaluations = """
    select case when cardinality($1::bigint[]) > 1 then e.run_id end as run,
      case when cardinality($1::bigint[]) > 1 then e.run_name end as name, e.variant, e.seed, e.metric, e.scope,
      round(e.value::numeric, case when e.metric like 'kid.%' then 7 else 3 end) as value, e.images,
      e.details #>> '{ruler,labels}' as labels, e.details #>> '{ruler,rounding}' as rounding,
      coalesce(left(e.details #>> '{ruler,reference}', 12), e.ruler ->> 'data_set') as reference,
      left(e.details #>> '{ruler,weights}', 12) as inception, e.job_id as job, d.job as drawn_by,
      concat_ws(', ', 'step ' || e.step, d.how ->> 'weights',
        nullif(concat_ws(' ', d.how ->> 'method', d.how ->> 'steps'), ''), 'scale ' || trim_scale((d.how ->> 'scale')::numeric), 'seed ' || (d.how ->> 'seed')) as sampling
    from pra.evaluations as e
    -- A reconstruction is of images of the data set, by the weights of that step.
    left join lateral (
      select e.sampling_job as job, e.sampling as how where e.metric not like 'reconstruction.%') as d on true
    where e.run_id = any ($1::bigint[]) and ($2::bigint is null or e.sampling_job = $2::bigint)
    order by array_position($1::bigint[], e.run_id), e.sampling_job desc nulls last, e.metric, e.scope <> 'overall', e.scope, e.variant, e.seed, e.job_id desc
    """
  static let evaluationRows = """
    select * from pra.evaluations
    where run_id = any ($1::bigint[]) and ($2::bigint is null or sampling_job = $2::bigint)
    order by array_position($1::bigint[], run_id), sampling_job desc nulls last, metric, scope <> 'overall', scope, job_id desc
    """
  /// For each of some runs the sampling run whose figures are compared: the newest that was evaluated, or one of $2; where
  /// there is none, the newest with a share of near-duplicates or a figure of a command. Its training, and the other ones.
  static let comparedSamplings = """
    select c.run_id, c.job_id, (
        select (s.train_job #>> '{}')::bigint from pra.samplings as s
        where s.run_id = c.run_id and s.job_id = c.job_id) as train_job,
      array_to_string(array(
        select distinct e.sampling_job from pra.evaluations as e
        where e.run_id = c.run_id and e.scope = 'overall' and e.sampling_job <> c.job_id order by 1), ', ') as others
    from (
      select distinct on (e.run_id) e.run_id, e.sampling_job as job_id
      from pra.evaluations as e join pra.jobs as j on j.id = e.job_id
      where e.sampling_job is not null and e.run_id = any ($1::bigint[]) and e.scope = 'overall'
        and (cardinality($2::bigint[]) = 0 or e.sampling_job = any ($2::bigint[])
          -- One of $2 is of another run.
          or not exists (
            select from pra.evaluations as o where o.run_id = e.run_id and o.sampling_job = any ($2::bigint[])))
      order by e.run_id, j.kind in ('neighbours', 'command'), e.sampling_job desc
    ) as c
    order by c.run_id
    """
  /// How the images of some sampling runs were drawn, a line for each setting.
  static let samplingLines = """
    select l.name, s.run_id, l.value::text as value, null as better
    from pra.samplings as s
    cross join lateral (values
      (1, 'images of job', to_json(s.job_id)), (2, 'images', to_json(s.images)), (3, 'step of the weights', to_json(s.step)),
      (4, 'weights', to_json(s.weights)), (5, 'integrator', to_json(nullif(concat_ws(' ', s.method, s.steps), ''))),
      (6, 'guidance scale', to_json(s.scale)), (7, 'seed of the images', to_json(s.seed))
    ) as l (place, name, value)
    where s.run_id = any ($1::bigint[]) and s.job_id = any ($2::bigint[]) and l.value is not null
    order by l.place, s.run_id
    """
  /// The figures of some runs on all images of some sampling runs, and the newest of those that are of no images.
  static let comparedEvaluations = """
    select distinct on (e.metric, e.run_id)
      e.metric as name, e.run_id, to_json(e.value)::text as value, pra.better(e.metric) as better, e.ruler::text as ruler
    from pra.evaluations as e
    where e.run_id = any ($1::bigint[]) and e.scope = 'overall'
      and (e.sampling_job is null or e.sampling_job = any ($2::bigint[]))
    order by e.metric, e.run_id, e.job_id desc
    """
  /// Figures of the series of some runs: of the trainings $3 where a run has several, otherwise of the newest.
  static let comparedMetrics = """
    select s.name || ' ' || v.what as name, s.run_id, to_json(v.value)::text as value, v.better
    from (
      select distinct on (run_id, name) run_id, name, job_id, better, best_value, last_step
      from pra.metric_summaries
      where run_id = any ($1::bigint[]) and name = any ($2::text[])
      order by run_id, name, job_id = any ($3::bigint[]) desc, job_id desc
    ) as s
    left join lateral pra.metric_end(s.job_id, s.name) as e on true
    cross join lateral (values
      (1, 'at its end', e.value, s.better), (2, 'at its end: mean of so many steps', e.steps, null),
      (3, 'at its best', s.best_value, s.better), (4, 'steps', case when s.name = 'loss' then s.last_step + 1 end, null)
    ) as v (place, what, value, better)
    where v.value is not null
    order by s.name, v.place, s.run_id
    """

  /// The images of run $1, of the jobs and arrays $2, the classes $3 and the variants $4, or of all: by number, the first
  /// $5 of all together, of each class, or, where rows are of sampling runs as $6 says, of each sampling run: there those
  /// whose numbers all sampling runs have, if there are such. Settings are worked out once for each job, not for each of
  /// its images.
  static let images = """
    with drawn as materialized (
      select j.id, coalesce(j.array_id, j.id) as sampling_job, (j.result ->> 'step')::bigint as step,
        j.arguments #>> '{sampling,weights}' as weights, v.variant || ', seed ' || v.seed as variant,
        j.preview_of is not null as preview
      from pra.jobs as j
      -- The variant of a part is its array's.
      left join pra.variants as v on v.job_id = coalesce(j.array_id, j.id)
      where j.run_id = $1::bigint
        and (cardinality($2::bigint[]) = 0 or coalesce(j.array_id, j.id) = any ($2::bigint[]))
        and (cardinality($4::text[]) = 0 or v.variant = any ($4::text[]))
    ),
    chosen as materialized (
      select i.number, i.label, i.class_name, i.sha256, i.size, i.place, i.side, i.channels, i.digest, i.job_id,
        d.sampling_job, d.step, d.preview, d.weights, d.variant
      from drawn as d
      -- By one job at a time: the planner takes a run's jobs for so many that it would read the images of all runs.
      cross join lateral (select i.* from pra.images as i where i.job_id = d.id offset 0) as i
      where cardinality($3::text[]) = 0 or i.class_name = any ($3::text[])
    ),
    shared as (
      select number from chosen where $6::text in ('step', 'weights', 'variant') group by number
      having count(distinct sampling_job) = (select count(distinct sampling_job) from chosen)
    )
    select i.*, (select count(*) from chosen) as of from (
      select c.*, row_number() over (
          partition by case $6::text when 'class' then c.class_name when 'number' then '' when 'run' then ''
            else c.sampling_job::text end
          order by c.number, c.job_id desc) as nth
      from chosen as c
      where not exists (select from shared) or c.number in (select number from shared)
    ) as i
    where $5::bigint is null or i.nth <= $5::bigint
    order by i.number, i.job_id desc
    """
}
