-- The structure of 0.2.0: tables, indexes, constraints and data, from the schema of 0.1.0 (version 9).
--
-- Versions 10 to 66 were steps of development and were never released. A database that stands at 66 has
-- this structure already, and the migrator records this version there in place of those steps.
--
-- Lanes. Ready jobs that any worker would judge alike (one run, queue, kind, requirements, limits) stand
-- in one lane. A claim decides once for each lane whether it may serve it and then reads the heads of
-- those lanes alone: work that is paused, over a limit or for other machines costs one look however much
-- of it waits.
--
-- Place. The job with the lowest place in a lane is its first. The place is the second at which the job
-- was enqueued less 600 for each point of priority. So a point is worth ten minutes of waiting, and
-- nothing starves.
--
-- Arrays. An array is one row of pra_store.jobs, and stands in line as one. A claim cuts the next
-- elements off as rows of their own, which are running from the start. The next cut begins at the end of
-- the last row cut: there is no counter that every claim would rewrite, and a snapshot held open for
-- hours leaves no pile of dead versions to walk over.
--
-- Locks are taken in this order: workers, jobs by id, then the array of a job. Claims skip jobs and other
-- workers that somebody holds, and wait for arrays alone.

set local role pra_owner;

-- Functions and views are made anew from their files, in the same transaction.
do $$
declare
  object text;
begin
  -- In one statement, as they depend on each other. A view of somebody's own that depends on them is named and
  -- kept: it has to be dropped first.
  execute (
    select 'drop view ' || string_agg(format('%I.%I', schemaname, viewname), ', ') from pg_views
    where schemaname in ('pra', 'pra_store') and viewowner = 'pra_owner');
  for object in
    select format('drop function %s', p.oid::regprocedure) from pg_proc as p
    where p.pronamespace in ('pra'::regnamespace, 'pra_store'::regnamespace)
      and p.proowner = 'pra_owner'::regrole
    order by p.oid::regprocedure::text
  loop
    execute object;
  end loop;
end
$$;

-- The queue.

create table pra_store.lanes (
  id integer generated always as identity primary key,
  run_id bigint not null references pra_store.runs,
  queue text not null references pra_store.queues,
  kind text not null,
  requirements jsonb not null,
  limits text[] not null,
  key text not null,
  unique (run_id, queue, kind, key)
);

-- A limit of n is n rows: whoever starts takes one, whoever ends gives it back. Exact at every moment,
-- and it says who holds what.
create table pra_store.limits (
  name text primary key check (name ~ '^[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}$'),
  slots integer not null check (slots between 0 and 100000),
  -- Slots to be taken away when somebody gives one back: the limit was lowered below what runs.
  excess integer not null default 0 check (excess >= 0),
  created_at timestamptz not null default clock_timestamp()
);

create table pra_store.limit_slots (
  limit_name text not null references pra_store.limits,
  ordinal integer not null,
  job_id bigint,
  epoch bigint,
  taken_at timestamptz,
  primary key (limit_name, ordinal),
  check ((job_id is null) = (epoch is null) and (job_id is null) = (taken_at is null))
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- Arguments of elements that have their own, a row for as many as are claimed together.
create table pra_store.element_arguments (
  array_id bigint not null references pra_store.jobs,
  first bigint not null,
  arguments jsonb not null check (jsonb_typeof(arguments) = 'array'),
  primary key (array_id, first)
);

alter table pra_store.runs
  add column weight double precision not null default 1 check (weight > 0 and weight < 1e9);

create table pra_store.users (
  name text primary key,
  weight double precision not null check (weight > 0 and weight < 1e9)
);

alter table pra_store.jobs
  add column lane_id integer,
  add column place double precision not null default 0,
  -- False while run_after is to come: such a job is not in line.
  add column due boolean not null default true,
  add column limits text[] not null default '{}',
  add column deadline timestamptz,
  -- An array: its elements [array_first, array_end), how many are cut at once, and the paths of the
  -- arguments that take a cut's first element and its end.
  add column array_first bigint,
  add column array_end bigint,
  add column pack integer,
  add column first_path text[],
  add column end_path text[],
  add column has_element_arguments boolean not null default false,
  -- The array whose elements this one's follow, each its own.
  add column follows_id bigint,
  -- Elements start all at once, on as many workers as it takes.
  add column gang boolean not null default false,
  -- A cut: elements [element_first, element_end) of an array.
  add column array_id bigint,
  add column element_first bigint,
  add column element_end bigint,
  -- Hosts on which an attempt crashed (by a signal, or out of memory) since the last retry by hand.
  add column crash_hosts text[] not null default '{}';

-- A statement sets up every check of its table before it writes a row: thirty of them cost five times
-- as much as the row itself. A caller's mistakes are found and named by pra.enqueue;
-- the table keeps the one rule that ties the state of a job to its columns.
do $$
declare
  rule text;
begin
  for rule in
    select conname from pg_constraint
    where conrelid = 'pra_store.jobs'::regclass and contype in ('c', 'f')
  loop
    execute format('alter table pra_store.jobs drop constraint %I', rule);
  end loop;
end
$$;

alter table pra_store.jobs add constraint state_fits check (
  -- An array runs on no worker of its own.
  ((state = 'running') = (worker_id is not null) or array_first is not null and worker_id is null)
  and (state in ('succeeded', 'failed', 'cancelled', 'quarantined')) = (finished_at is not null));

insert into pra_store.lanes (run_id, queue, kind, requirements, limits, key)
select distinct run_id, queue, kind, requirements, '{}'::text[],
  case when requirements = '[]' then '' else md5(requirements::text || '{}') end
from pra_store.jobs;

update pra_store.jobs as j
set lane_id = l.id, due = j.run_after <= clock_timestamp(),
    place = extract(epoch from j.created_at) - 600.0 * j.priority
from pra_store.lanes as l
where (l.run_id, l.queue, l.kind, l.requirements) = (j.run_id, j.queue, j.kind, j.requirements);

alter table pra_store.jobs alter column lane_id set not null;

drop index pra_store.jobs_ready;

create index jobs_line on pra_store.jobs (lane_id, place, id) where state = 'ready' and due;

create index jobs_delayed on pra_store.jobs (run_after) where state = 'ready' and not due;

drop index pra_store.jobs_running;

create index jobs_running on pra_store.jobs (worker_id, id) where state = 'running';

create index jobs_cut on pra_store.jobs (array_id, element_end) where array_id is not null;

create index jobs_cut_unfinished on pra_store.jobs (array_id, state)
  where array_id is not null and state <> 'succeeded';

create index jobs_arrays on pra_store.jobs (id) where array_first is not null and state = 'running';

create index jobs_followers on pra_store.jobs (follows_id) where follows_id is not null;

create index jobs_deadlines on pra_store.jobs (deadline)
  where deadline is not null and state in ('blocked', 'ready');

-- Written by the claim alone, which holds what they refer to.
alter table pra_store.attempts drop constraint attempts_job_id_fkey;

alter table pra_store.attempts drop constraint attempts_worker_id_fkey;

-- How the process of an attempt ended.
alter table pra_store.attempts
  add column cause text;

-- Members of a gang that their workers have not fetched yet.
create table pra_store.gang_members (
  worker_id bigint not null,
  job_id bigint not null,
  epoch bigint not null,
  placed_at timestamptz not null default clock_timestamp(),
  primary key (worker_id, job_id)
);

-- A request to give way, from the asking to the end.
create table pra_store.preemptions (
  id bigint generated always as identity primary key,
  job_id bigint not null references pra_store.jobs,
  epoch bigint not null,
  reason text,
  requested_at timestamptz not null default clock_timestamp(),
  requested_by text not null default session_user,
  deadline timestamptz not null,
  acknowledged_at timestamptz,
  checkpoint_step bigint,
  checkpoint_at timestamptz,
  released_at timestamptz,
  outcome pra.attempt_outcome,
  unique (job_id, epoch)
);

create index preemptions_open on pra_store.preemptions (deadline) where released_at is null;

-- Hosts on which jobs crash, one after the other: their workers get no more until the time is over.
create table pra_store.blamed_hosts (
  host text primary key,
  blamed_at timestamptz not null default clock_timestamp(),
  until timestamptz not null,
  reason text not null
);

-- Set by an operator; the worker claims nothing more and its jobs are asked to give way.
alter table pra_store.workers add column drain_requested_at timestamptz;

-- A heartbeat changes nothing of this index.
create index workers_live on pra_store.workers (id) where stopped_at is null;

-- Jobs that are enqueued again and again at times of the calendar of a time zone.
create table pra_store.schedules (
  name text primary key check (name ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$'),
  cron text not null,
  time_zone text not null,
  run_id bigint not null references pra_store.runs,
  kind text not null,
  arguments jsonb not null,
  queue text not null,
  priority integer not null,
  -- The times that passed while nobody looked: all of them are made up for, the last one, or none.
  catch_up text not null check (catch_up in ('all', 'last', 'none')),
  next_at timestamptz not null,
  last_at timestamptz,
  last_job bigint,
  paused_at timestamptz,
  created_at timestamptz not null default clock_timestamp(),
  created_by text not null default session_user
);

-- The JSON schema of a kind's arguments: workers/<kind>/contract.json, which `pra migrate` writes here. A
-- kind without a row takes any object.
create table pra_store.kinds (
  kind text primary key check (kind ~ '^[a-z][a-z0-9-]{0,62}$'),
  arguments jsonb not null check (jsonb_typeof(arguments) = 'object'),
  -- Bytes of the arguments as text.
  bytes_limit integer not null check (bytes_limit between 2 and 1048576),
  set_at timestamptz not null default clock_timestamp()
);

-- The variant and the seed of a job, in a run that compares variants.
create table pra_store.variants (
  job_id bigint primary key references pra_store.jobs (id) on delete cascade,
  variant text not null,
  seed bigint not null
);

-- The finish of many jobs at once does for each of them what the trigger after_attempt does for others, and
-- writes one event for all.
alter table pra_store.jobs add column batched boolean not null default false;
alter table pra_store.attempts add column batched boolean not null default false;

-- The second version of an attempt finds room on its page, and no index holds what a finish changes: so
-- it writes the row and nothing else.
alter table pra_store.attempts set (fillfactor = 50);
create index attempts_of_worker on pra_store.attempts (worker_id, started_at);

-- Attempts that ended by a signal or for want of memory, which their host is blamed for.
create table pra_store.crashes (
  worker_id bigint not null,
  at timestamptz not null default clock_timestamp(),
  job_id bigint not null,
  epoch bigint not null,
  primary key (worker_id, at, job_id)
);

-- The login, for events that are told from the rows of attempts.
alter table pra_store.workers add column login text;
alter table pra_store.workers alter column login set default session_user;

-- Slots in the order in which they became free: a slot that is given back goes to the end. While a snapshot
-- is held open the versions that cannot be cleaned lie at the beginning.
create sequence pra_store.slot_order as bigint start 1000000;
alter table pra_store.limit_slots
  drop constraint limit_slots_pkey,
  alter column ordinal type bigint,
  alter column ordinal set default nextval('pra_store.slot_order');
-- Each index has its half of the slots, so that what is written once is entered once. A job has one of each limit.
create unique index limit_slots_free on pra_store.limit_slots (limit_name, ordinal) where job_id is null;
create unique index limit_slots_held on pra_store.limit_slots (job_id, limit_name) where job_id is not null;

-- Events, partitioned by month: they are dropped and not deleted. That a job was enqueued or claimed is told by
-- the rows of jobs and attempts.
alter table pra_store.events rename to events_before;
alter table pra_store.events_before rename constraint events_pkey to events_before_pkey;
alter index pra_store.events_by_job rename to events_before_by_job;
alter index pra_store.events_by_run rename to events_before_by_run;
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
do $$
declare
  first timestamptz;
  name text;
begin
  for first in
    select date_trunc('month', e.at at time zone 'UTC') at time zone 'UTC' from pra_store.events_before as e
    union
    select date_trunc('month', m at time zone 'UTC') at time zone 'UTC'
    from (values (now()), (now() + interval '7 days')) as soon (m)
  loop
    name := 'events_' || to_char(first at time zone 'UTC', 'YYYYMM');
    execute format('create table pra_store.%I (like pra_store.events including defaults)', name);
    execute format(
      'alter table pra_store.events attach partition pra_store.%I for values from (%L) to (%L)',
      name, first, (first at time zone 'UTC' + interval '1 month') at time zone 'UTC');
  end loop;
end
$$;
insert into pra_store.events (id, at, kind, run_id, job_id, epoch, worker_id, actor, detail)
overriding system value
select e.id, e.at, e.kind, e.run_id, e.job_id, e.epoch, e.worker_id, e.actor, e.detail
from pra_store.events_before as e
where e.kind not in ('job.enqueued', 'job.claimed');
select setval(
  pg_get_serial_sequence('pra_store.events', 'id'),
  (select coalesce(max(e.id), 0) + 1 from pra_store.events_before as e), false);
drop table pra_store.events_before;

-- Metrics.

-- Workers COPY a batch here, and pra.absorb_metrics moves it on in the same transaction. One row holds a
-- batch's points of one series, in the order in which they were recorded: a point costs its sixteen bytes
-- here, not a row. Unlogged: what was not absorbed was never acknowledged.
drop table pra_store.metric_staging;
create unlogged table pra_store.metric_staging (
  job_id bigint not null,
  epoch bigint not null,
  batch bigint not null,
  name text not null,
  steps bigint[] not null,
  "values" double precision[] not null,
  check (cardinality(steps) = cardinality("values") and cardinality(steps) > 0)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
create index metric_staging_by_attempt on pra_store.metric_staging (job_id, epoch, batch);
-- Floating-point numbers do not compress; do not try.
alter table pra_store.metric_staging alter column steps set storage external;
alter table pra_store.metric_staging alter column "values" set storage external;
grant insert on pra_store.metric_staging to pra_worker;

-- The figures most often asked of a series, over its surviving points. NaN is neither least nor greatest.
create table pra_store.metric_summaries (
  job_id bigint not null references pra_store.jobs,
  name_id integer not null references pra_store.metric_names,
  points bigint not null,
  not_finite bigint not null,
  last_step bigint not null,
  last_value double precision not null,
  min_step bigint,
  min_value double precision,
  max_step bigint,
  max_value double precision,
  updated_at timestamptz not null default clock_timestamp(),
  primary key (job_id, name_id)
) with (fillfactor = 50);

-- Which way a series is better, as pra_store.better judged when this was written.
alter table pra_store.metric_names add column better text;
update pra_store.metric_names set better = case
  when name ~* '(^|[._/-])(psnr|ssim|accuracy|acc|top1|top5|precision|recall|coverage|density|inception|is)([._/-]|$)'
    then 'up'
  else 'down'
end;
alter table pra_store.metric_names alter column better set not null;

-- Summaries of series that were recorded before.
insert into pra_store.metric_summaries (
  job_id, name_id, points, not_finite, last_step, last_value, min_step, min_value, max_step, max_value)
select
  m.job_id, m.name_id, count(*),
  count(*) filter (where m.value in ('NaN', 'Infinity', '-Infinity')),
  max(m.step), (array_agg(m.value order by m.step desc))[1],
  (array_agg(m.step order by m.value, m.step) filter (where m.value <> 'NaN'))[1],
  min(m.value) filter (where m.value <> 'NaN'),
  (array_agg(m.step order by m.value desc, m.step) filter (where m.value <> 'NaN'))[1],
  max(m.value) filter (where m.value <> 'NaN')
from pra_store.metrics as m
join pra_store.metric_ranges as r
  on r.job_id = m.job_id and r.epoch = m.epoch and m.step >= r.from_step and m.step < r.to_step
group by m.job_id, m.name_id;

-- Artifacts.

-- Places for large artifacts besides the database: file:/folder, or s3://bucket/prefix. New ones go to the
-- current store, or into the database where none is current; old ones stay where they are.
create table pra_store.stores (
  id integer generated always as identity primary key,
  location text not null unique check (location ~ '^(file:/|s3://[a-z0-9])'),
  is_current boolean not null default false,
  created_at timestamptz not null default clock_timestamp()
);
create unique index one_store_is_current on pra_store.stores (is_current) where is_current;

alter table pra_store.artifacts add column store_id integer references pra_store.stores;
-- When somebody last stored or asked to store these bytes: garbage is older than a grace period.
alter table pra_store.artifacts
  add column touched_at timestamptz not null default clock_timestamp();
alter table pra_store.artifacts drop constraint artifacts_check;
alter table pra_store.artifacts
  add constraint bytes_lie_in_one_place check (num_nonnulls(bytes, upload_id, store_id) = 1);
create index artifacts_of_size on pra_store.artifacts (size);

-- Every object that may be in a store. The row is there before the first byte is written and goes after
-- the last one is, so that a crash leaves no object that nobody knows of.
--   uploading  somebody writes it, or died while doing so
--   stored     an artifact refers to it
--   deleting   garbage: nobody may count on its bytes
create table pra_store.objects (
  store_id integer not null references pra_store.stores,
  sha256 bytea not null check (length(sha256) = 32),
  state text not null check (state in ('uploading', 'stored', 'deleting')),
  size bigint not null check (size >= 0),
  touched_at timestamptz not null default clock_timestamp(),
  primary key (store_id, sha256)
);
create index objects_in_work on pra_store.objects (state) where state <> 'stored';

-- Lanes in which arrays stand: the claim takes all others as they come.
create index jobs_arrays_in_line on pra_store.jobs (lane_id, place)
  where state = 'ready' and due and array_first is not null;

-- Workers that wait for a job.
create unlogged table pra_store.waiting_workers (
  worker_id bigint primary key,
  queues text[] not null,
  kinds text[] not null,
  channel text not null,
  above bigint not null,
  busy real not null,
  since timestamptz not null default clock_timestamp()
);
create index waiting_workers_line on pra_store.waiting_workers (busy, since);
comment on table pra_store.waiting_workers is 'Workers to which the next job may be handed';
