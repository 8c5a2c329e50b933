// Queries of the list of runs.

enum RunsQueries {
  /// The runs of a page that nobody has searched, the newest first.
  static let newest = """
    select r.id from pra.runs as r
    where r.deleted_at is null and r.archived_at is null and ($1::bigint is null or r.id < $1::bigint)
    order by r.id desc limit $2::bigint
    """

  static let runs = """
    select
      r.id, r.name, case when r.lost_at is not null then 'lost' else r.state end as state,
      array_to_string(r.tags, ' ') as tags, r.created_by, r.created_at,
      t.job, t.last_step, j.state = 'running' as is_training, j.progress_done as done, j.progress_total as total,
      coalesce(t.end_value, f.value) as loss, coalesce(t.end_steps, f.steps) as loss_steps,
      e.metric, e.value, e.images, left(coalesce(e.ruler ->> 'reference', e.ruler ->> 'data_set'), 8) as reference,
      -- A run that failed is not over where jobs wait for the one that did; its time is, until one runs again.
      extract(epoch from coalesce(r.finished_at, case when r.state = 'failed' then
          (select max(e.finished_at) from pra.jobs as e where e.run_id = r.id) end, statement_timestamp())
        - r.started_at)::bigint as seconds
    from unnest($1::bigint[]) with ordinality as p (id, place)
    join pra.runs as r on r.id = p.id
    -- The newest training that has a loss.
    left join lateral (
      select s.job_id as job, s.last_step, s.end_value, s.end_steps from pra.metric_summaries as s
      where s.run_id = r.id and s.name = 'loss' order by s.job_id desc limit 1
    ) as t on true
    left join pra.jobs as j on j.id = t.job
    -- A training that is over has kept its end.
    left join lateral (
      -- Not a part of the join, which would ask for it all the same.
      select n.value, n.steps from pra.metric_end(t.job, 'loss') as n where t.end_value is null offset 0
    ) as f on true
    left join lateral (
      select v.metric, v.value, v.images, v.ruler from pra.evaluations as v
      where v.run_id = r.id and v.scope = 'overall' and (v.metric like 'fid.%' or v.metric like 'frechet.%')
      order by v.metric not like 'fid.%', v.images desc, v.value limit 1
    ) as e on true
    order by p.place
    """

  /// Settings of runs that are not those of their preset. $2: the settings of each preset, as an object.
  static let changes = """
    select r.id as run_id, s.name, s.value #>> '{}' as value,
      $2::jsonb -> (r.configuration #>> '{config,preset}') -> s.name #>> '{}' as preset_value
    from unnest($1::bigint[]) with ordinality as p (id, place)
    join pra.runs as r on r.id = p.id
    cross join lateral (
      select case when jsonb_typeof(a.value) = 'object' then a.key || '.' || b.key else a.key end as name,
        coalesce(b.value, a.value) as value
      from jsonb_each(r.configuration -> 'config') as a
      left join lateral jsonb_each(case jsonb_typeof(a.value) when 'object' then a.value else '{}' end) as b on true
    ) as s
    where s.value is distinct from $2::jsonb -> (r.configuration #>> '{config,preset}') -> s.name
      and jsonb_typeof(s.value) <> 'object' and s.name <> 'preset'
    order by p.place, s.name
    """

  static let spark = """
    select b.mean from pra.metric_bands($1::bigint, 'loss', null, null, 48) as b where b.mean is not null
    """
}
