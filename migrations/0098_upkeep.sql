-- The garbage collection that workers do by themselves, at times of a calendar.

set local role pra_owner;

-- One row at most: a database has one rule.
create table pra_store.upkeep (
  is_only boolean primary key default true check (is_only),
  cron text not null,
  time_zone text not null,
  -- Age from which artifacts without references, and rows of deleted runs, go.
  grace interval not null check (grace >= '0'),
  -- Null where no checkpoint is dropped.
  keep_last integer check (keep_last >= 0),
  keep_best integer not null default 0 check (keep_best >= 0),
  keep_every bigint check (keep_every >= 1),
  metric text not null default 'loss',
  -- Null where no metric point is deleted.
  thin bigint check (thin >= 2),
  thin_after interval not null default '30 days' check (thin_after >= '0'),
  next_at timestamptz not null,
  -- The worker that deletes objects of stores since begun_at, or did so last.
  worker_id bigint,
  begun_at timestamptz,
  ended_at timestamptz,
  collected jsonb,
  last_error text,
  set_at timestamptz not null default clock_timestamp(),
  set_by text not null default session_user,
  check ((worker_id is null) = (begun_at is null))
);
