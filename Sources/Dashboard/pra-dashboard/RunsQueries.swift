// Queries of the list of runs.

enum RunsQueries {
  /// The numbers of a page of runs, the newest first or by a figure or setting. $1 states, $2 a part of the name,
  /// $3 to $5 settings, operators and values, $6 the runs that meet the figures or null, $7 the runs by a figure in
  /// their order or null, $8 the setting of the order or null, $9 the run before which the page begins or null, $10 rows
  /// that are passed over, $11 users, $12 tags.
  static let page = """
    select r.id
    from pra.runs as r
    left join unnest($7::bigint[]) with ordinality as o (id, place) on o.id = r.id
    where r.deleted_at is null and r.archived_at is null
      and ($9::bigint is null or r.id < $9::bigint)
      and (cardinality($1::text[]) = 0
        or case when r.lost_at is not null then 'lost' else r.state end = any ($1::text[]))
      -- Indexes find the runs that may have a state that few have.
      and (not $1::text[] <@ '{pending,running,lost,paused}' or cardinality($1::text[]) = 0
        or r.id = any (array(select pra.active_runs())))
      and (not $1::text[] <@ '{failed,cancelled}' or cardinality($1::text[]) = 0 or exists (
        select from pra.jobs as j
        where j.run_id = r.id and j.state in ('failed', 'cancelled', 'quarantined')))
      and ($2::text is null or strpos(lower(r.name), lower($2::text)) > 0)
      and (cardinality($11::text[]) = 0 or r.created_by = any ($11::text[]))
      and r.tags @> $12::text[]
      and ($6::bigint[] is null or r.id = any ($6::bigint[]))
      and (cardinality($3::text[]) = 0 or not exists (
        select from unnest($3::text[], $4::text[], $5::text[]) as w (name, operator, value)
        cross join lateral (select r.configuration #>> string_to_array(w.name, '.') as text) as l
        cross join lateral (
          select
            case when l.text ~ '^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]+)?$' then l.text::double precision end
              as left_side,
            case when w.value ~ '^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]+)?$' then w.value::double precision end
              as right_side
        ) as n
        where not coalesce(
          case
            when n.left_side is not null and n.right_side is not null then case w.operator
              when '<' then n.left_side < n.right_side when '<=' then n.left_side <= n.right_side
              when '>' then n.left_side > n.right_side when '>=' then n.left_side >= n.right_side
              when '=' then n.left_side = n.right_side else n.left_side <> n.right_side end
            when w.operator = '=' then l.text = w.value
            when w.operator = '!=' then l.text is distinct from w.value
          end, false)))
    order by o.place nulls last,
      case when r.configuration #>> string_to_array($8::text, '.') ~ '^[-+]?[0-9.]+([eE][-+]?[0-9]+)?$'
        then (r.configuration #>> string_to_array($8::text, '.'))::double precision end nulls last,
      r.id desc
    offset $10::integer limit 101
    """

  /// Runs that have a figure, the best first; with $2 those whose figure meets a condition.
  static let byFigure = """
    select f.run_id
    from (
      (select distinct on (e.run_id) e.run_id, e.value
       from pra.evaluations as e where e.metric = $1 and e.scope = 'overall' order by e.run_id, e.job_id desc)
      union all
      (select n.run_id, w.value
       from (
         select distinct on (s.run_id) s.run_id, s.job_id
         from pra.metric_summaries as s where s.name = $1 order by s.run_id, s.job_id desc
       ) as n cross join lateral pra.metric_end(n.job_id, $1) as w)
    ) as f
    where case $2::text
      when '<' then f.value < $3::double precision when '<=' then f.value <= $3::double precision
      when '>' then f.value > $3::double precision when '>=' then f.value >= $3::double precision
      when '=' then f.value = $3::double precision when '!=' then f.value <> $3::double precision
      else true end
    order by f.value * case pra.better($1) when 'up' then -1 else 1 end, f.run_id desc
    """

  static let runs = """
    select
      r.id, r.name, case when r.lost_at is not null then 'lost' else r.state end as state,
      array_to_string(r.tags, ' ') as tags, r.created_by, r.created_at,
      t.job, t.last_step, j.state = 'running' as is_training, j.progress_done as done, j.progress_total as total,
      f.value as loss, f.steps as loss_steps,
      e.metric, e.value, e.images, left(coalesce(e.ruler ->> 'reference', e.ruler ->> 'data_set'), 8) as reference,
      extract(epoch from coalesce(r.finished_at, statement_timestamp()) - r.started_at)::bigint as seconds
    from unnest($1::bigint[]) with ordinality as p (id, place)
    join pra.runs as r on r.id = p.id
    -- The newest training that has a loss.
    left join lateral (
      select s.job_id as job, s.last_step from pra.metric_summaries as s
      where s.run_id = r.id and s.name = 'loss' order by s.job_id desc limit 1
    ) as t on true
    left join pra.jobs as j on j.id = t.job
    left join lateral pra.metric_end(t.job, 'loss') as f on true
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

  static let isFigure = """
    select exists (select from pra.evaluations where metric = $1 and scope = 'overall')
      or exists (select from pra.metric_summaries where name = $1) as known
    """

  static let spark = """
    select b.mean from pra.metric_bands($1::bigint, 'loss', null, null, 48) as b where b.mean is not null
    """
}
