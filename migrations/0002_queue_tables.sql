-- Tables of the queue.

set local role pra_owner;

create table pra_store.runs (
  id bigint generated always as identity primary key,
  name text not null check (length(name) between 1 and 200),
  configuration jsonb not null,
  code_version text,
  data_fingerprint text,
  idempotency_key text unique check (length(idempotency_key) between 1 and 500),
  created_at timestamptz not null default clock_timestamp(),
  created_by text not null default session_user,
  paused_at timestamptz
);
create index runs_by_name on pra_store.runs (name);

create table pra_store.queues (
  name text primary key check (name ~ '^[a-z0-9][a-z0-9_.-]{0,62}$'),
  created_at timestamptz not null default clock_timestamp(),
  paused_at timestamptz
);

-- One row per agent process, beaten once per interval. No index but the key, and room in every
-- page: a heartbeat is a HOT update that touches no index and no job.
create table pra_store.workers (
  id bigint generated always as identity primary key,
  name text not null check (length(name) between 1 and 200),
  version text,
  labels jsonb not null check (jsonb_typeof(labels) = 'object'),
  queues text[] not null check (cardinality(queues) > 0),
  kinds text[] not null check (cardinality(kinds) > 0),
  slots integer not null check (slots > 0),
  lease interval not null check (lease >= interval '1 second'),
  lease_expires_at timestamptz not null,
  registered_at timestamptz not null default clock_timestamp(),
  beat_at timestamptz not null default clock_timestamp(),
  draining boolean not null default false,
  stopped_at timestamptz,
  stop_reason text check (stop_reason in ('deregistered', 'lease lost')),
  check ((stopped_at is null) = (stop_reason is null))
) with (fillfactor = 50);

create table pra_store.jobs (
  id bigint generated always as identity primary key,
  run_id bigint not null references pra_store.runs,
  kind text not null check (kind ~ '^[a-z][a-z0-9-]{0,62}$'),
  queue text not null references pra_store.queues,
  arguments jsonb not null check (jsonb_typeof(arguments) = 'object'),
  requirements jsonb not null default '[]' check (jsonb_typeof(requirements) = 'array'),
  priority integer not null default 0,
  idempotency_key text unique check (length(idempotency_key) between 1 and 500),
  state pra.job_state not null,
  run_after timestamptz not null,
  epoch bigint not null default 0,
  unmet integer not null default 0 check (unmet >= 0),
  worker_id bigint references pra_store.workers,
  time_limit interval check (time_limit > interval '0'),

  -- What was spent, and how many repetitions each kind of bad end is worth.
  faults integer not null default 0,
  lost integer not null default 0,
  timeouts integer not null default 0,
  preemptions integer not null default 0,
  fault_retries integer not null check (fault_retries >= 0),
  lost_retries integer not null check (lost_retries >= 0),
  timeout_retries integer not null check (timeout_retries >= 0),
  preemption_retries integer check (preemption_retries >= 0),

  cancel_requested_at timestamptz,
  preempt_requested_at timestamptz,
  message text,
  result jsonb,
  created_at timestamptz not null default clock_timestamp(),
  created_by text not null default session_user,
  started_at timestamptz,
  finished_at timestamptz,

  constraint running_has_worker check ((state = 'running') = (worker_id is not null)),
  constraint blocked_has_parents check (state <> 'blocked' or unmet > 0),
  constraint ready_has_none check (state not in ('ready', 'running', 'succeeded') or unmet = 0),
  constraint finished_has_time check (
    (state in ('succeeded', 'failed', 'cancelled', 'quarantined')) = (finished_at is not null))
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);

-- The line in which claims look. Blocked and finished work is not in it.
create index jobs_ready on pra_store.jobs (queue, priority desc, run_after, id)
  where state = 'ready';
create index jobs_running on pra_store.jobs (worker_id) where state = 'running';
create index jobs_by_run on pra_store.jobs (run_id, id);

create table pra_store.job_dependencies (
  job_id bigint not null references pra_store.jobs,
  parent_id bigint not null references pra_store.jobs,
  primary key (job_id, parent_id),
  check (job_id > parent_id)
);
create index job_dependencies_by_parent on pra_store.job_dependencies (parent_id);

-- Every claim makes one. The lineage says which steps of which earlier attempt it continues.
create table pra_store.attempts (
  job_id bigint not null references pra_store.jobs,
  epoch bigint not null check (epoch > 0),
  worker_id bigint not null references pra_store.workers,
  started_at timestamptz not null default clock_timestamp(),
  ended_at timestamptz,
  outcome pra.attempt_outcome,
  exit_code integer,
  exit_signal integer,
  message text,
  -- First step of this attempt's own series; null until it is declared or a metric arrives.
  from_step bigint check (from_step >= 0),
  continues_epoch bigint,
  -- Number of the last metric batch absorbed: a batch sent twice counts once.
  metric_batch bigint not null default 0,
  metric_high_water bigint,
  primary key (job_id, epoch),
  foreign key (job_id, continues_epoch) references pra_store.attempts (job_id, epoch),
  check ((ended_at is null) = (outcome is null)),
  check (continues_epoch < epoch),
  check (continues_epoch is null or from_step is not null)
) with (fillfactor = 80);

-- Rewritten every few hundred milliseconds by a running stage, so kept off the job row.
create table pra_store.progress (
  job_id bigint primary key references pra_store.jobs,
  epoch bigint not null,
  done bigint not null check (done >= 0),
  total bigint not null check (total >= 0),
  unit text not null check (length(unit) <= 40),
  updated_at timestamptz not null default clock_timestamp()
) with (fillfactor = 50);

create table pra_store.events (
  id bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  kind text not null,
  run_id bigint,
  job_id bigint,
  epoch bigint,
  worker_id bigint,
  actor text not null default session_user,
  detail jsonb not null default '{}'
);
create index events_by_job on pra_store.events (job_id, id);
create index events_by_run on pra_store.events (run_id, id);
