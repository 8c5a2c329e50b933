-- Retention: events of past months are dropped with their partition, as metric points are; the best
-- checkpoints are those of the series that survives.

set local role pra_owner;

-- A worker registers now and then, and events of the coming week have their partition by that time; what
-- comes when nobody has registered for long lies in events_other until somebody does.
create function pra_store.prepare_events() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform pra_store.ensure_event_partition(clock_timestamp());
  perform pra_store.ensure_event_partition(clock_timestamp() + interval '7 days');
  return null;
end
$$;
create trigger prepare_events after insert on pra_store.workers
for each statement execute function pra_store.prepare_events();

-- Drops whole months of events that happened before a moment. That a job was enqueued, started and
-- succeeded is still told by its own row.
create function pra.drop_events(before timestamptz, dry boolean default false)
returns table (partition text, bytes bigint)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  part record;
begin
  if not dry then
    perform pra_store.ensure_event_partition(late.at)
    from (
      select distinct date_trunc('month', e.at at time zone 'UTC') at time zone 'UTC' as at
      from pra_store.events_other as e
    ) as late;
  end if;
  for part in
    select c.relname as name, pg_total_relation_size(c.oid) as size
    from pg_inherits as i join pg_class as c on c.oid = i.inhrelid
    where i.inhparent = 'pra_store.events'::regclass and c.relname ~ '^events_[0-9]{6}$'
      and (to_timestamp(right(c.relname, 6) || '01', 'YYYYMMDD')::timestamp + interval '1 month')
        at time zone 'UTC' <= before
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

-- Drops checkpoints of finished and running jobs but the last ones, the best ones by a series, and
-- those at multiples of a step. The newest of each job always stays: it is what a job goes on from.
-- A checkpoint's value is the mean of the surviving series since the surviving checkpoint before it, of
-- whichever attempt either is; one that no attempt went on from is never among the best.
create or replace function pra.retain_checkpoints(
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
  with lasting as (
    select c.id, c.job_id, c.epoch, c.step,
      row_number() over (partition by c.job_id order by c.epoch desc, c.step desc) as age,
      not exists (select from pra_store.metric_ranges as r where r.job_id = c.job_id) or exists (
        select from pra_store.metric_ranges as r
        where r.job_id = c.job_id and r.epoch = c.epoch and c.step > r.from_step
          and c.step <= r.to_step) as survives
    from pra_store.checkpoints as c
    join pra_store.jobs as j on j.id = c.job_id
    where run is null or j.run_id = run
  ), ranged as (
    select l.*,
      coalesce(lag(l.step) over (partition by l.job_id, l.survives order by l.step), 0) as since
    from lasting as l
  ), ranked as (
    select r.*,
      (select avg(m.value)
       from pra_store.metrics as m
       join pra_store.metric_names as n on n.id = m.name_id and n.name = metric
       join pra_store.metric_ranges as s
         on s.job_id = m.job_id and s.epoch = m.epoch and m.step >= s.from_step and m.step < s.to_step
       where m.job_id = r.job_id and m.value <> 'NaN' and m.step < r.step and m.step >= r.since
         and r.survives
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
