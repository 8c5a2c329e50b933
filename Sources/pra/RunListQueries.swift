// Queries of `pra runs`.

enum RunListQueries {
  static let table = """
    select
      r.id, r.name,
      case when r.lost_at is not null then 'lost since ' || to_char(r.lost_at, 'HH24:MI')
        -- Begun, and nothing at work: for what it waits is said by `pra why`.
        when r.state = 'running' and r.running = 0 then 'waiting' else r.state end as state,
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
}
