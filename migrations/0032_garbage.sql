-- Retention of checkpoints, and collection of what nothing refers to. For the owner alone.

set local role pra_owner;

-- Drops checkpoints of finished and running jobs but the last ones, the best ones by a series, and
-- those at multiples of a step. The newest of each job always stays: it is what a job goes on from.
-- A checkpoint's value is the mean of the series since the one before it.
create function pra.retain_checkpoints(
  run bigint, keep_last integer default 1, keep_best integer default 0, metric text default 'loss',
  keep_every bigint default null, dry boolean default false
) returns table (job_id bigint, epoch bigint, step bigint, kept boolean, reason text)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  up boolean := pra_store.better(metric) = 'up';
begin
  if keep_last is null or keep_last < 1 then
    raise exception 'keep_last: %, must be 1 or more: a job goes on from its newest', keep_last
      using errcode = 'PR003';
  end if;
  if keep_best < 0 or keep_every < 1 then
    raise exception 'keep_best and keep_every: % and %, must be 0 or more and 1 or more',
      keep_best, keep_every using errcode = 'PR003';
  end if;
  create temp table if not exists verdicts (
    id bigint, job_id bigint, epoch bigint, step bigint, reason text) on commit drop;
  delete from pg_temp.verdicts;
  insert into pg_temp.verdicts (id, job_id, epoch, step, reason)
  with ranged as (
    select c.id, c.job_id, c.epoch, c.step,
      row_number() over (partition by c.job_id order by c.epoch desc, c.step desc) as age,
      coalesce(lag(c.step) over (partition by c.job_id, c.epoch order by c.step), 0) as since
    from pra_store.checkpoints as c
    join pra_store.jobs as j on j.id = c.job_id
    where run is null or j.run_id = run
  ), ranked as (
    select r.*,
      (select avg(m.value)
       from pra_store.metrics as m
       join pra_store.metric_names as n on n.id = m.name_id and n.name = metric
       where m.job_id = r.job_id and m.epoch = r.epoch and m.value <> 'NaN' and m.step < r.step
         and m.step >= r.since
      ) as value
    from ranged as r
  ), rated as (
    select r.*,
      row_number() over (
        partition by r.job_id order by case when up then -r.value else r.value end nulls last, r.step
      ) as rank
    from ranked as r
  )
  select r.id, r.job_id, r.epoch, r.step,
    case
      when r.age <= keep_last then 'last'
      when r.rank <= keep_best and r.value is not null then 'best'
      when keep_every is not null and r.step % keep_every = 0 then 'every'
    end
  from rated as r;
  if not dry then
    delete from pra_store.checkpoint_files as f using pg_temp.verdicts as v
    where f.checkpoint_id = v.id and v.reason is null;
    delete from pra_store.checkpoints as c using pg_temp.verdicts as v
    where c.id = v.id and v.reason is null;
  end if;
  return query
    select v.job_id, v.epoch, v.step, v.reason is not null, v.reason
    from pg_temp.verdicts as v order by v.job_id, v.epoch, v.step;
end
$$;

-- Forgets artifacts that nothing refers to and that nobody touched within the grace period, nor since
-- the oldest running attempt began: what an attempt stores is referred to when it finishes. Bytes in
-- the database go at once, objects of other stores are marked: pra.next_doomed gives them out.
-- References are outputs, checkpoints, images, and digests among the arguments of jobs.
create function pra.collect_garbage(grace interval default '1 day', dry boolean default false)
returns table (what text, number bigint, bytes bigint)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  before timestamptz;
begin
  select least(clock_timestamp() - grace, min(a.started_at)) into before
  from pra_store.attempts as a where a.ended_at is null;
  create temp table if not exists garbage (
    sha256 bytea, size bigint, upload_id bigint, store_id integer) on commit drop;
  delete from pg_temp.garbage;
  insert into pg_temp.garbage
  with named as materialized (
    select decode(v #>> '{}', 'hex') as sha256
    from pra_store.jobs as j
    cross join jsonb_path_query(
      j.arguments, '$.** ? (@.type() == "string" && @ like_regex "^[0-9a-f]{64}$")') as v
  )
  select a.sha256, a.size, a.upload_id, a.store_id
  from pra_store.artifacts as a
  where a.touched_at < before
    and not exists (select from pra_store.job_outputs as o where o.sha256 = a.sha256)
    and not exists (select from pra_store.checkpoint_files as f where f.sha256 = a.sha256)
    and not exists (select from pra_store.images as i where i.sha256 = a.sha256)
    and not exists (select from named as n where n.sha256 = a.sha256)
  order by a.sha256
  for update of a skip locked;

  return query
    select 'artifacts', count(*), coalesce(sum(g.size), 0)::bigint from pg_temp.garbage as g;
  return query
    select 'unfinished uploads', count(*), coalesce(sum(u.size), 0)::bigint
    from pra_store.uploads as u
    where u.created_at < before
      and not exists (select from pra_store.artifacts as a where a.upload_id = u.id);
  return query
    select 'unfinished objects', count(*), coalesce(sum(o.size), 0)::bigint
    from pra_store.objects as o where o.state = 'uploading' and o.touched_at < before;
  if dry then
    return;
  end if;

  delete from pra_store.artifacts as a using pg_temp.garbage as g where a.sha256 = g.sha256;
  update pra_store.objects as o set state = 'deleting'
  from pg_temp.garbage as g where o.store_id = g.store_id and o.sha256 = g.sha256;
  update pra_store.objects as o set state = 'deleting'
  where o.state = 'uploading' and o.touched_at < before;
  delete from pra_store.artifact_chunks as c using pra_store.uploads as u
  where c.upload_id = u.id and (u.created_at < before or u.id in (
      select g.upload_id from pg_temp.garbage as g where g.upload_id is not null))
    and not exists (select from pra_store.artifacts as a where a.upload_id = u.id);
  delete from pra_store.uploads as u
  where (u.created_at < before or u.id in (
      select g.upload_id from pg_temp.garbage as g where g.upload_id is not null))
    and not exists (select from pra_store.artifacts as a where a.upload_id = u.id);
end
$$;

-- Locks an object that is to be deleted from its store, until the transaction ends; whoever wants to
-- write the same bytes waits for that. In the same transaction pra.forget_object, after the deletion.
create function pra.next_doomed(after text default '')
returns table (store integer, location text, sha256 text)
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  select o.store_id, s.location, encode(o.sha256, 'hex')
  from pra_store.objects as o join pra_store.stores as s on s.id = o.store_id
  where o.state = 'deleting' and encode(o.sha256, 'hex') > next_doomed.after
  order by o.sha256
  limit 1
  for update of o skip locked;
$$;

create function pra.forget_object(store integer, sha256 text) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  delete from pra_store.objects as o
  where o.store_id = store and o.sha256 = pra_store.digest(forget_object.sha256)
    and o.state = 'deleting';
$$;

-- Drops whole months of metric points that arrived before a moment; summaries stay.
create function pra.drop_metrics(before timestamptz, dry boolean default false)
returns table (partition text, bytes bigint)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  part record;
begin
  for part in
    select c.relname as name, pg_total_relation_size(c.oid) as size
    from pg_inherits as i join pg_class as c on c.oid = i.inhrelid
    where i.inhparent = 'pra_store.metrics'::regclass
      and to_timestamp(right(c.relname, 6) || '01', 'YYYYMMDD') + interval '1 month'
        <= date_trunc('month', before)
    order by c.relname
  loop
    partition := part.name;
    bytes := part.size;
    return next;
    if not dry then
      execute format('drop table pra_store.%I', part.name);
    end if;
  end loop;
end
$$;
