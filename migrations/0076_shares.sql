-- Turns of shares, limits in the entries of the line, and schedules that say what they do when they cannot fire.

set local role pra_owner;

-- Limits of an entry, so that a claim passes over those that it cannot serve.
alter type pra_store.line_entry add attribute limits text[];

-- A gang that waits, as a barrier to those behind its place: to all of them, or to those that want some limits. With
-- the moment from which it can start.
create type pra_store.barrier as (
  blocks boolean, limits text[], starts timestamptz, place double precision);

-- Starts, counted where several lanes are in line, and by whom: a share that holds no place is owed one the more, the
-- longer ago it had its turn. Rows are only added and deleted, since one row that every claim rewrites would be a
-- chain of dead versions beside a snapshot that is held open. After a crash of the server all shares begin anew.
create sequence pra_store.turn_numbers as bigint;
create unlogged table pra_store.turns (
  number bigint primary key,
  run_id bigint not null,
  owner text not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);
create index turns_of_run on pra_store.turns (run_id, number);
create index turns_of_owner on pra_store.turns (owner, number);

-- Jobs that ended badly are few and looked for among very many.
create index jobs_ended_badly on pra_store.jobs (run_id, id)
  where state in ('failed', 'cancelled', 'quarantined');

-- Gangs in line that want slots: every claim of a job that wants some looks for them.
create index jobs_gangs on pra_store.jobs (place, id) where gang and state = 'ready' and due and limits <> '{}';

-- Written by pra.enqueue_many alone, which holds the array.
alter table pra_store.element_arguments drop constraint element_arguments_array_id_fkey;

-- overlap: what a time does while a job of the schedule has not ended. last_error: why the last time made no job.
alter table pra_store.schedules
  add column overlap text not null default 'queue' check (overlap in ('skip', 'queue')),
  add column last_error text,
  add column last_error_at timestamptz;

-- Other results and parameters.
drop function if exists pra_store.fair_order(pra_store.line_view, integer, integer);
drop function if exists pra_store.gang_ahead(pra_store.jobs);
drop function if exists pra_store.gang_barrier(bigint);
drop function if exists pra_store.workers_serving(pra_store.jobs);
drop function if exists pra.schedule(
  text, text, bigint, text, jsonb, text, text, text, integer);
