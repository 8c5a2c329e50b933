// Queries that find runs and say what people say of them.

enum RunQueries {
  static let byNumber = """
    select name, deleted_at is not null as deleted from pra.runs where id = $1::bigint
    """
  /// Runs of a name, the newest first, and whether they have contents of a kind.
  static let byName = """
    select id, name,
      case $2::text
        when 'images' then exists (select from pra.images as i where i.run_id = r.id)
        when 'evaluations' then exists (select from pra.evaluations as e where e.run_id = r.id)
        when 'metrics' then exists (select from pra.metric_summaries as s where s.run_id = r.id)
        when 'checkpoints' then exists (select from pra.checkpoints as c where c.run_id = r.id)
        when 'weights' then exists (select from pra.checkpoints as c where c.run_id = r.id)
          or exists (
            select from pra.jobs as j
            where j.run_id = r.id and j.kind = 'train' and j.state in ('blocked', 'ready', 'running'))
        when 'comparison' then exists (
          select from pra.outputs as o where o.run_id = r.id and o.kind = 'compare')
        else true end as has
    from pra.runs as r where name = $1 and deleted_at is null order by id desc limit 100
    """
  static let sweepByName = """
    select id, keys from pra.sweeps where name = $1 order by id desc limit 1
    """
  static let runsOfSweep = """
    select r.id, r.name from pra.sweeps as s cross join unnest(s.runs) as m (id) join pra.runs as r on r.id = m.id
    where s.id = $1::bigint order by r.id
    """
  static let openByName = """
    select id from pra.runs where name = $1 and deleted_at is null and state <> 'cancelled' order by id desc limit 1
    """
  static let isCancelled = """
    select state = 'cancelled' or deleted_at is not null as cancelled from pra.runs where id = $1::bigint
    """

  static let rename = "select pra.rename_run(run => $1, name => $2)"
  static let tag = """
    select array_to_string(pra.tag_run(run => $1, add => $2::text[], remove => $3::text[]), ' ') as tags
    """
  static let tags = """
    select array_to_string(tags, ' ') as tags from pra.runs where id = $1::bigint
    """
  static let setNote = "select pra.note_run(run => $1, note => $2)"
  static let note = "select note from pra.runs where id = $1::bigint"
  static let archive = "select pra.archive_run(run => $1, archived => $2)"
  /// Runs that began with weights of others.
  static let begunWith = """
    select distinct r.id, r.name from pra.lineage as l join pra.runs as r on r.id = l.run_id
    where l.from_run = any ($1::bigint[]) and r.id <> all ($1::bigint[]) and r.deleted_at is null
    order by r.id
    """
  static let undelete = "select pra.undelete_run(run => $1)"
  static let deletedByName = """
    select id, name from pra.runs where name = $1 and deleted_at is not null order by id desc limit 1
    """
  static let deletedOfSweep = """
    select unnest(s.deleted_runs) as id
    from (select deleted_runs from pra.sweeps where name = $1 order by id desc limit 1) as s
    order by 1
    """
  static let createSweep = """
    select pra.create_sweep(name => $1, keys => $2::text[], runs => $3::bigint[]) as id
    """

  static let sweepKeys = """
    select k.key from pra.sweeps as s cross join unnest(s.keys) with ordinality as k (key, place)
    where s.id = $1::bigint order by k.place
    """
  /// The distance that most runs of a sweep have.
  static let sweepFigure = """
    select e.metric
    from pra.sweeps as s cross join unnest(s.runs) as m (id)
    join pra.evaluations as e on e.run_id = m.id and e.scope = 'overall'
    where s.id = $1::bigint and (e.metric like 'fid.%' or e.metric like 'frechet.%')
    group by e.metric order by count(distinct e.run_id) desc, e.metric not like 'fid.%', e.metric limit 1
    """
  /// The values of the settings in which the runs differ, in the order of the settings.
  static let sweepSettings = """
    select r.id as run_id,
      case jsonb_typeof(v.value) when 'number' then trim_scale((v.value #>> '{}')::numeric)::text
        else v.value #>> '{}' end as value
    from pra.sweeps as s cross join unnest(s.runs) as m (id)
    join pra.runs as r on r.id = m.id
    cross join unnest(s.keys) with ordinality as k (key, place)
    cross join lateral (
      select coalesce(
        r.configuration -> 'config' #> string_to_array(k.key, '.'),
        r.configuration #> string_to_array(k.key, '.')) as value) as v
    where s.id = $1::bigint order by r.id, k.place
    """
  static let sweepMembers = """
    select r.id, r.name, case when r.lost_at is not null then 'lost' else r.state end as state, f.figure,
      pra.better($2) is not distinct from 'up' as greater_is_better
    from pra.sweeps as s cross join unnest(s.runs) as m (id)
    join pra.runs as r on r.id = m.id
    cross join lateral (select pra.run_figure(r.id, $2) as figure) as f
    where s.id = $1::bigint
    order by f.figure * case pra.better($2) when 'up' then -1 else 1 end nulls last, r.id
    """
}
