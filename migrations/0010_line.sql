-- The line in which ready work stands, arrays, and limits as slot rows: tables.
--
-- Lanes. Ready jobs that any worker would judge alike (one run, queue, kind, requirements, limits)
-- stand in one lane. A claim asks once per lane whether it may serve it and then reads the heads of
-- those lanes alone: work that is paused, over a limit or for other machines costs one look however
-- much of it waits.
--
-- Place. In a lane the lowest place is first: the second at which the job was enqueued less 600 for
-- each point of priority. So a point is worth ten minutes of waiting, and nothing starves.
--
-- Arrays. An array is one row of pra_store.jobs, and stands in line as one. A claim cuts the next
-- elements off as rows of their own that are running from the start. Where the next cut begins is
-- the end of the last row cut: there is no counter that every claim would rewrite, and a snapshot
-- held open for hours leaves no pile of dead versions to walk over.
--
-- Locks, in this order: workers, jobs by id, then the array of a job. Claims pass by jobs and other
-- workers that somebody holds, and wait for arrays alone.

set local role pra_owner;

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
-- as much as the row itself. What a caller can get wrong is checked by pra.enqueue, which names it;
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
create index attempts_crashed on pra_store.attempts (worker_id, ended_at)
  where cause in ('signal', 'out-of-memory');

-- Set by an operator; the worker claims nothing more and its jobs are asked to give way.
alter table pra_store.workers add column drain_requested_at timestamptz;
-- A heartbeat changes nothing of this index.
create index workers_live on pra_store.workers (id) where stopped_at is null;
