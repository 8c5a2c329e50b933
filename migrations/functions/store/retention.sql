-- Retention: drops partitions of past months.

create or replace function pra.drop_metrics(before timestamptz, dry boolean default false)
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

comment on function pra.drop_metrics is
'Drops the metric points of whole months that ended before a moment, and returns a row for each
partition with its size. Summaries stay. dry: only returns the rows. Granted to no role but pra_owner.';

create or replace function pra.drop_events(before timestamptz, dry boolean default false)
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

comment on function pra.drop_events is
'Drops the events of whole months (UTC) that ended before a moment, and returns a row for each partition
with its size. dry: only returns the rows. Granted to no role but pra_owner.
Rows of jobs and attempts still tell when they were enqueued, claimed and ended.';

create or replace function pra.thin_metrics(
  run bigint, every bigint, before timestamptz default clock_timestamp(), dry boolean default false
) returns table (job_id bigint, name text, points bigint, kept bigint)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  series record;
begin
  if every is null or every < 2 then
    raise exception 'every: %, must be 2 or more', every using errcode = 'PR003';
  end if;
  for series in
    select s.job_id, s.name_id, n.name, s.last_step
    from pra_store.metric_summaries as s
    join pra_store.metric_names as n on n.id = s.name_id
    join pra_store.jobs as j on j.id = s.job_id
    where (run is null or j.run_id = run)
      -- A job that may still go on makes its rollups anew from points.
      and j.state in ('succeeded', 'failed', 'cancelled', 'quarantined')
    order by s.job_id, n.name
  loop
    if dry then
      select count(*) filter (where m.step % every <> 0 and m.step <> series.last_step) into points
      from pra_store.metrics as m
      where m.job_id = series.job_id and m.name_id = series.name_id and m.recorded_at < before;
    else
      delete from pra_store.metrics as m
      where m.job_id = series.job_id and m.name_id = series.name_id and m.recorded_at < before
        and m.step % every <> 0 and m.step <> series.last_step;
      get diagnostics points = row_count;
    end if;
    select count(*) into kept from pra_store.metrics as m
    where m.job_id = series.job_id and m.name_id = series.name_id;
    if dry then
      kept := kept - points;
    end if;
    job_id := series.job_id;
    name := series.name;
    if points > 0 then
      return next;
    end if;
  end loop;
end
$$;

comment on function pra.thin_metrics is
'Deletes the metric points of a run, of all runs for null, that arrived before a moment, but for every n-th step and the
last one of each series; of finished jobs alone. Rollups and summaries stay, from which plots of long series are drawn. Returns a
row for each series that loses points, with the number that goes and the number that stays. dry: only returns the rows.
Granted to no role but pra_owner. Raises PR003 when every is below 2.';
