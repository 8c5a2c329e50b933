-- Roles, schemas, types.
--
-- Schema pra is the public surface: views and functions. Schema pra_store holds the tables and is
-- private. Everything belongs to pra_owner. Roles are groups without a login; a session connects as
-- whoever it is and says `set role pra_worker`. Roles belong to the server, not to the database, so
-- that another database of the same server may have made them already.

do $$
declare
  name text;
begin
  foreach name in array array['pra_owner', 'pra_submit', 'pra_worker', 'pra_read'] loop
    begin
      execute format('create role %I nologin', name);
    exception
      -- unique_violation: two migrations of two databases at the same moment.
      when duplicate_object or unique_violation then null;
    end;
    -- A migrating login that is no superuser must be a member to create objects of the role.
    if not pg_has_role(current_user, name, 'member') then
      execute format('grant %I to current_user', name);
    end if;
  end loop;
end
$$;

create schema pra authorization pra_owner;
create schema pra_store authorization pra_owner;

set local role pra_owner;

-- PUBLIC may execute functions unless the owner says otherwise, and a schema cannot take back what
-- the global default gives: so the default is revoked without naming a schema.
alter default privileges for role pra_owner revoke execute on functions from public;
alter default privileges for role pra_owner revoke usage on types from public;

grant usage on schema pra to pra_submit, pra_worker, pra_read;
-- For the metric staging table alone; no other object of the schema carries a grant.
grant usage on schema pra_store to pra_worker;

comment on schema pra is 'PRA Pipeline: views and functions, the public surface';
comment on schema pra_store is 'PRA Pipeline: tables, private';

-- Who moves a job in and out of each state:
--   blocked      enqueue with unfinished parents, retry; left when the last parent succeeds
--   ready        enqueue, the last parent, retry, an attempt that ended and may be repeated
--   running      claim
--   succeeded    finish
--   failed       report_exit: a permanent error, or the budget of faults or time-outs is spent
--   cancelled    cancel; of a running job, when its attempt ends
--   quarantined  the budget of lost machines is spent: the job may be what kills them
create type pra.job_state as enum (
  'blocked', 'ready', 'running', 'succeeded', 'failed', 'cancelled', 'quarantined'
);

-- How an attempt ended:
--   succeeded  finish was committed
--   fault      the stage failed; spends the budget of faults
--   permanent  the stage refused its input; no retry
--   lost       the worker's lease ran out; spends the budget of lost machines
--   timeout    the time limit of the attempt was over; spends the budget of time-outs
--   preempted  stopped for other work; spends the budget of preemptions, by default without limit
--   released   given back by a draining worker; spends nothing
--   cancelled  stopped because somebody cancelled the job
create type pra.attempt_outcome as enum (
  'succeeded', 'fault', 'permanent', 'lost', 'timeout', 'preempted', 'released', 'cancelled'
);

grant usage on type pra.job_state, pra.attempt_outcome to pra_submit, pra_worker, pra_read;

-- What was applied; the migrator writes a row in the transaction of each migration.
create table pra_store.migrations (
  version integer primary key,
  name text not null,
  sha256 bytea not null,
  applied_at timestamptz not null default clock_timestamp(),
  applied_by text not null default session_user
);
