-- Records what people say of a run: tags, a note, that it is archived or deleted; and sweeps, which are groups of runs.

set local role pra_owner;

alter table pra_store.runs
  add column tags text[] not null default '{}',
  add column note text check (length(note) between 1 and 10000),
  add column archived_at timestamptz,
  add column deleted_at timestamptz,
  add column deleted_by text,
  -- The rows of a deleted run are gone, but for jobs that other runs read.
  add column purged_at timestamptz,
  add check ((deleted_at is null) = (deleted_by is null)),
  add check (purged_at is null or deleted_at is not null);
create index runs_deleted on pra_store.runs (deleted_at) where deleted_at is not null;

create table pra_store.sweeps (
  id bigint generated always as identity primary key,
  name text not null check (length(name) between 1 and 200),
  -- The settings of which the runs have different values.
  keys text[] not null,
  created_at timestamptz not null default clock_timestamp(),
  created_by text not null default session_user
);
create index sweeps_by_name on pra_store.sweeps (name);

create table pra_store.sweep_runs (
  sweep_id bigint not null references pra_store.sweeps on delete cascade,
  run_id bigint not null references pra_store.runs,
  primary key (sweep_id, run_id)
);
create index sweep_runs_by_run on pra_store.sweep_runs (run_id);

-- Data sets are few among very many jobs.
create index jobs_data_sets on pra_store.jobs (id) where kind = 'ingest' and state = 'succeeded';

-- Gangs in line, whatever their limits; and arrays of which no element has started.
drop index pra_store.jobs_gangs;
create index jobs_gangs on pra_store.jobs (place, id) where gang and state = 'ready' and due;
create index jobs_arrays_in_line on pra_store.jobs (id) where array_first is not null and state = 'ready';

-- These have other parameters or columns now.
drop function if exists pra_store.named_artifacts();
drop function if exists pra_store.share_of(pra_store.jobs, integer);
drop function if exists pra_store.work_ahead(pra_store.jobs);
drop function if exists pra_store.reasons_of_room(pra_store.jobs);
