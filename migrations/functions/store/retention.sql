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
