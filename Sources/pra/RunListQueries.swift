// Queries of `pra runs`.

enum RunListQueries {
  /// The numbers of a page of runs, in its order. $7 to $9: settings, operators and values of --where; $10: the
  /// runs that meet its figures, or null for all; $11: the order of those that have the figure of --sort, or null;
  /// $12: the setting of --sort, or null. States ($3) are looked at here only as far as indexes know them: the jobs of a
  /// run are not counted for it to be left out.
  static let page = """
    select r.id
    from pra.runs as r
    left join unnest($11::bigint[]) with ordinality as o (id, place) on o.id = r.id
    where (r.deleted_at is not null) = $2::boolean and ($1::boolean or $2::boolean or r.archived_at is null)
      -- Indexes find the runs that may have a state that few have.
      and (not $3::text[] <@ '{pending,running,lost,paused}' or cardinality($3::text[]) = 0
        or r.id = any (array(select pra.active_runs())))
      and (not $3::text[] <@ '{failed,cancelled}' or cardinality($3::text[]) = 0 or exists (
        select from pra.jobs as j
        where j.run_id = r.id and j.state in ('failed', 'cancelled', 'quarantined')))
      and ($4::text is null or strpos(lower(r.name), lower($4::text)) > 0)
      and (cardinality($5::text[]) = 0 or r.created_by = any ($5::text[]))
      and r.tags @> $6::text[]
      and ($10::bigint[] is null or r.id = any ($10::bigint[]))
      and (cardinality($7::text[]) = 0 or not exists (
        select from unnest($7::text[], $8::text[], $9::text[]) as w (name, operator, value)
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
      case when r.configuration #>> string_to_array($12::text, '.') ~ '^[-+]?[0-9.]+([eE][-+]?[0-9]+)?$'
        then (r.configuration #>> string_to_array($12::text, '.'))::double precision end nulls last,
      r.id desc
    limit $13::integer
    """

  /// Those of some runs that are in some states, in their order.
  static let ofStates = """
    select r.id
    from (
      select p.id, p.place from unnest($1::bigint[]) with ordinality as p (id, place) order by p.place
    ) as p
    join pra.runs as r on r.id = p.id
    where case when r.lost_at is not null then 'lost' else r.state end = any ($2::text[])
    order by p.place limit $3::integer
    """

  /// Runs that have a figure, the best first; with $2 those whose figure meets a condition.
  static let runsByFigure = """
    select f.run as run_id
    from pra.run_figures(name => $1) as f
    where f.value is not null and case $2::text
      when '<' then f.value < $3::double precision when '<=' then f.value <= $3::double precision
      when '>' then f.value > $3::double precision when '>=' then f.value >= $3::double precision
      when '=' then f.value = $3::double precision when '!=' then f.value <> $3::double precision
      else true end
    order by f.value * case pra.better($1) when 'up' then -1 else 1 end, f.run desc
    """

  static let table = """
    select
      r.id, r.name,
      case when r.lost_at is not null then 'lost since ' || to_char(r.lost_at, 'HH24:MI') else r.state end as state,
      r.jobs, r.succeeded, r.running, r.ready + r.blocked as waiting,
      r.failed + r.cancelled + r.quarantined as ended_badly,
      trim_scale(round(f.value::numeric, 4)) as loss,
      case when e.metric is not null then format('%s %s (%s)', trim_scale(round(e.value::numeric, 3)), e.metric,
        concat_ws(', ', e.images || ' images', left(coalesce(e.ruler ->> 'reference', e.ruler ->> 'data_set'), 8))) end
        as evaluation,
      round(t.images_per_second::numeric, 1) as "images/s", r.created_by as "user",
      array_to_string(r.tags, ' ') as tags, case when r.archived_at is not null then 'yes' end as archived,
      to_char(r.created_at, 'YYYY-MM-DD HH24:MI') as "created (UTC)",
      date_trunc('second', coalesce(r.finished_at, now()) - r.started_at)::text as time
    from unnest($1::bigint[]) with ordinality as p (id, place)
    join pra.runs as r on r.id = p.id
    -- The training; several of one run have no common figure.
    left join lateral (
      select min(s.job_id) filter (where s.name = 'loss') as job,
        count(*) filter (where s.name = 'loss') = 1 as is_one,
        max(s.last_value) filter (where s.name = 'images_per_second') as images_per_second
      from pra.metric_summaries as s where s.run_id = r.id and s.name in ('loss', 'images_per_second')
    ) as t on true
    left join lateral pra.metric_end(t.job, 'loss') as f on t.is_one
    left join lateral (
      select v.metric, v.value, v.images, v.ruler from pra.evaluations as v
      where v.run_id = r.id and v.scope = 'overall' and (v.metric like 'fid.%' or v.metric like 'frechet.%')
      order by v.metric not like 'fid.%', v.images desc, v.value limit 1
    ) as e on true
    order by p.place
    """

  /// The rows of --json: those of the public view, without the configuration, and the figures.
  static let rows = """
    select r.id, r.name, r.state, r.jobs, r.blocked, r.ready, r.running, r.succeeded, r.failed, r.cancelled,
      r.quarantined, r.code_version, r.data_fingerprint, r.idempotency_key, r.created_at, r.created_by, r.paused_at,
      r.started_at, r.finished_at, r.weight, r.removed, r.tags, r.note, r.archived_at, r.deleted_at, r.lost_at,
      (
        select jsonb_object_agg(s.name, s.last_value order by s.name) from pra.metric_summaries as s
        where s.run_id = r.id and s.name in ('loss', 'images_per_second')
      ) as last_values,
      (
        select jsonb_agg(
          jsonb_build_object(
            'job', e.job_id, 'metric', e.metric, 'value', e.value, 'images', e.images, 'ruler', e.ruler)
          order by e.metric, e.job_id)
        from pra.evaluations as e where e.run_id = r.id and e.scope = 'overall'
      ) as evaluations
    from unnest($1::bigint[]) with ordinality as p (id, place)
    join pra.runs as r on r.id = p.id
    order by p.place
    """

  /// Names of figures that a run has, for a message.
  static let figureNames = "select name from pra.figure_names() as f (name) order by 1"
  static let isFigure = "select $1 in (select pra.figure_names()) as known"
}
