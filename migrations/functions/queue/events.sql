-- Events: the journal of the queue, in monthly partitions.

-- Writes a row of the journal, with the time and the login of the session.
create or replace function pra_store.record_event(
  kind text, run_id bigint, job_id bigint, epoch bigint, worker_id bigint, detail jsonb default '{}'
) returns void
language sql
as $$
  insert into pra_store.events (kind, run_id, job_id, epoch, worker_id, detail)
  values (kind, run_id, job_id, epoch, worker_id, detail);
$$;

-- Makes the partition of the month of a moment, and moves the events over that came before it existed.
-- A table that is attached later, unlike one that is created as a partition, needs no lock against
-- inserts.
create or replace function pra_store.ensure_event_partition(at timestamptz) returns void
language plpgsql
as $$
declare
  month timestamp := date_trunc('month', at at time zone 'UTC');
  first timestamptz := month at time zone 'UTC';
  until timestamptz := (month + interval '1 month') at time zone 'UTC';
  name text := 'events_' || to_char(month, 'YYYYMM');
begin
  if to_regclass('pra_store.' || name) is not null then
    return;
  end if;
  perform pra_store.lock_key('partitions of events');
  if to_regclass('pra_store.' || name) is not null then
    return;
  end if;
  execute format('create table pra_store.%I (like pra_store.events including defaults)', name);
  execute format(
    'with moved as (delete from pra_store.events_other as e where e.at >= $1 and e.at < $2 returning *)
     insert into pra_store.%I select * from moved', name) using first, until;
  execute format(
    'alter table pra_store.events attach partition pra_store.%I for values from (%L) to (%L)',
    name, first, until);
end
$$;

-- Makes the partitions of the coming week whenever a worker registers. Events of a month for which none
-- did lie in events_other until the next one does.
create or replace function pra_store.prepare_events() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform pra_store.ensure_event_partition(clock_timestamp());
  perform pra_store.ensure_event_partition(clock_timestamp() + interval '7 days');
  return null;
end
$$;

create or replace trigger prepare_events after insert on pra_store.workers
for each statement execute function pra_store.prepare_events();
