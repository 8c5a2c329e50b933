-- What a job costs beside itself: its events, the indexes of its tables.
--
-- A claim wrote an event for each job and a finish another, each a row with four index entries that said
-- what the attempt's row says. They are told by pra.events from there now. What is left of the events is
-- partitioned by month, so that it is dropped and not deleted (0038).

set local role pra_owner;

alter table pra_store.events rename to events_before;
alter table pra_store.events_before rename constraint events_pkey to events_before_pkey;
alter index pra_store.events_by_job rename to events_before_by_job;
alter index pra_store.events_by_run rename to events_before_by_run;
drop index pra_store.events_of_worker;

create table pra_store.events (
  id bigint generated always as identity,
  at timestamptz not null default clock_timestamp(),
  kind text not null,
  run_id bigint,
  job_id bigint,
  epoch bigint,
  worker_id bigint,
  actor text not null default session_user,
  detail jsonb not null default '{}',
  primary key (id, at)
) partition by range (at);
create index events_by_job on pra_store.events (job_id, id);
create index events_by_run on pra_store.events (run_id, id);
create index events_of_worker on pra_store.events (worker_id, at)
  where kind in ('attempt.succeeded', 'batch.succeeded');
-- An event must not be lost because nobody has made the partition of its month.
create table pra_store.events_other partition of pra_store.events default;

-- Makes the partition of a month. Attached, not created as one: that needs no lock against inserts. What
-- had come before it was made is moved over.
create function pra_store.ensure_event_partition(at timestamptz) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
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
  perform pg_advisory_xact_lock(hashtext('pra_store.events partitions'));
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

select pra_store.ensure_event_partition(months.at)
from (
  select distinct date_trunc('month', e.at at time zone 'UTC') at time zone 'UTC' as at
  from pra_store.events_before as e
  union
  select m from (values (now()), (now() + interval '7 days')) as soon (m)
) as months;
insert into pra_store.events (id, at, kind, run_id, job_id, epoch, worker_id, actor, detail)
overriding system value
select e.id, e.at, e.kind, e.run_id, e.job_id, e.epoch, e.worker_id, e.actor, e.detail
from pra_store.events_before as e
where e.kind not in ('job.enqueued', 'job.claimed');
select setval(
  pg_get_serial_sequence('pra_store.events', 'id'),
  (select coalesce(max(e.id), 0) + 1 from pra_store.events_before as e), false);

-- A finish of many jobs at once writes one event; each attempt says that it was of one.
alter table pra_store.attempts add column batched boolean not null default false;
alter table pra_store.workers add column login text;
alter table pra_store.workers alter column login set default session_user;

-- The second version of an attempt finds room on its page, and no index holds what a finish changes: so it
-- writes the row and nothing else.
alter table pra_store.attempts set (fillfactor = 50);
drop index pra_store.attempts_crashed;
create index attempts_of_worker on pra_store.attempts (worker_id, started_at);

-- Attempts that ended by a signal or for want of memory: what a host is blamed for.
create table pra_store.crashes (
  worker_id bigint not null,
  at timestamptz not null default clock_timestamp(),
  job_id bigint not null,
  epoch bigint not null,
  primary key (worker_id, at, job_id)
);
insert into pra_store.crashes (worker_id, at, job_id, epoch)
select t.worker_id, t.ended_at, t.job_id, t.epoch
from pra_store.attempts as t
where t.cause in ('signal', 'out-of-memory') and t.outcome = 'fault'
  and t.ended_at > clock_timestamp() - interval '1 hour';

create or replace function pra_store.blame(host text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  here bigint[];
  crashed bigint;
begin
  select array_agg(w.id) into here
  from pra_store.workers as w where pra_store.host(w.labels, w.name) = blame.host;
  select count(distinct c.job_id) into crashed
  from pra_store.crashes as c
  where c.worker_id = any(here)
    and c.at > clock_timestamp() - interval '1 hour'
    and c.at > coalesce((
      select max(e.at) from pra_store.events as e
      where e.worker_id = any(here) and e.kind in ('attempt.succeeded', 'batch.succeeded')
        and e.at > clock_timestamp() - interval '1 hour'), '-infinity');
  if crashed >= 3 and exists (
    select from pra_store.workers as w
    where w.stopped_at is null and pra_store.host(w.labels, w.name) <> blame.host
      and pra_store.lease_end(w.lease_expires_at, w.lease) > clock_timestamp()
  ) then
    insert into pra_store.blamed_hosts as b (host, until, reason)
    values (blame.host, clock_timestamp() + interval '1 hour',
            format('%s jobs crashed there one after the other', crashed))
    on conflict (host) do update
    set until = excluded.until, reason = excluded.reason, blamed_at = clock_timestamp();
    perform pra_store.record_event('host.blamed', null, null, null, null,
      jsonb_build_object('host', blame.host, 'jobs', crashed));
  end if;
end
$$;

-- An attempt that ends by a crash is noted for its host; blame() reads it afterwards.
create function pra_store.note_crash() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  insert into pra_store.crashes (worker_id, job_id, epoch)
  values (new.worker_id, new.job_id, new.epoch);
  return null;
end
$$;
create trigger note_crash after update on pra_store.attempts for each row
when (new.outcome = 'fault' and new.cause in ('signal', 'out-of-memory'))
execute function pra_store.note_crash();

-- Lanes in which arrays stand: the claim takes all others as they come.
create index jobs_arrays_in_line on pra_store.jobs (lane_id, place)
  where state = 'ready' and due and array_first is not null;

create or replace view pra.events as
select e.id, e.at, e.kind, e.run_id, e.job_id, e.epoch, e.worker_id, e.actor, e.detail
from pra_store.events as e
where e.kind not in ('job.enqueued', 'job.claimed')
union all
select null, j.created_at, 'job.enqueued', j.run_id, j.id, null, null, j.created_by, '{}'
from pra_store.jobs as j
where j.array_id is null
union all
select null, a.started_at, 'job.claimed', j.run_id, a.job_id, a.epoch, a.worker_id, w.login, '{}'
from pra_store.attempts as a
join pra_store.jobs as j on j.id = a.job_id
join pra_store.workers as w on w.id = a.worker_id
union all
select null, a.ended_at, 'attempt.succeeded', j.run_id, a.job_id, a.epoch, a.worker_id, w.login, '{}'
from pra_store.attempts as a
join pra_store.jobs as j on j.id = a.job_id
join pra_store.workers as w on w.id = a.worker_id
where a.batched and a.outcome = 'succeeded';
comment on column pra.events.id is
  'number of the event; none of a job.enqueued, of a job.claimed and of an attempt.succeeded in a batch';
comment on column pra.events.actor is
  'login of the session that did it, where that is known';

drop table pra_store.events_before;
