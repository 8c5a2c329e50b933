-- Tables of the store: metrics, artifacts, checkpoints, images, evaluations, logs.

set local role pra_owner;

create table pra_store.metric_names (
  id integer generated always as identity primary key,
  name text not null unique check (name ~ '^[A-Za-z0-9][A-Za-z0-9_./-]{0,199}$')
);

-- Where workers COPY a batch; pra.absorb_metrics moves it on in the same transaction. A crash
-- of the server may empty it: what was not absorbed was never acknowledged.
create unlogged table pra_store.metric_staging (
  job_id bigint not null,
  epoch bigint not null,
  batch bigint not null,
  name text not null,
  step bigint not null,
  value double precision not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);
create index metric_staging_by_attempt on pra_store.metric_staging (job_id, epoch, batch);
grant insert on pra_store.metric_staging to pra_worker;

-- Partitioned by the month of arrival, on the clock of the database, so that history is dropped and
-- not deleted. There is no default partition: pra_store.ensure_metric_partition makes the month's.
create table pra_store.metrics (
  recorded_at timestamptz not null,
  job_id bigint not null,
  epoch bigint not null,
  name_id integer not null,
  step bigint not null,
  value double precision not null
) partition by range (recorded_at);
create index metrics_by_series on pra_store.metrics (job_id, name_id, step);

-- The surviving series of a job: of each attempt the steps [from_step, to_step). Written anew when
-- an attempt declares its lineage.
create table pra_store.metric_ranges (
  job_id bigint not null references pra_store.jobs,
  epoch bigint not null,
  from_step bigint not null,
  to_step bigint not null default 9223372036854775807,
  primary key (job_id, epoch),
  check (from_step < to_step)
);

-- An artifact is its content: the SHA-256 is the name. Small ones lie inline, larger ones in chunks
-- of 1 MiB, chunk i holding the bytes from i * 1048576.
create table pra_store.uploads (
  id bigint generated always as identity primary key,
  sha256 bytea not null check (length(sha256) = 32),
  size bigint not null check (size >= 0),
  media_type text not null check (media_type ~ '^[a-z0-9.+-]+/[a-z0-9.+-]+$'),
  job_id bigint references pra_store.jobs,
  epoch bigint,
  created_at timestamptz not null default clock_timestamp(),
  check ((job_id is null) = (epoch is null))
);
create table pra_store.artifacts (
  sha256 bytea primary key check (length(sha256) = 32),
  size bigint not null check (size >= 0),
  media_type text not null check (media_type ~ '^[a-z0-9.+-]+/[a-z0-9.+-]+$'),
  bytes bytea,
  upload_id bigint references pra_store.uploads,
  created_at timestamptz not null default clock_timestamp(),
  check ((bytes is null) <> (upload_id is null)),
  check (bytes is null or length(bytes) = size)
);
create table pra_store.artifact_chunks (
  upload_id bigint not null references pra_store.uploads,
  ordinal integer not null check (ordinal >= 0),
  bytes bytea not null check (length(bytes) between 1 and 1048576),
  primary key (upload_id, ordinal)
);
-- Images and weights do not compress; do not try.
alter table pra_store.artifact_chunks alter column bytes set storage external;
alter table pra_store.artifacts alter column bytes set storage external;

-- Logical names are a column, never a path.
create domain pra_store.logical_name as text
  check (value ~ '^[A-Za-z0-9][A-Za-z0-9_.@+-]{0,199}$' and position('..' in value) = 0);

create table pra_store.job_outputs (
  job_id bigint not null references pra_store.jobs,
  name pra_store.logical_name not null,
  epoch bigint not null,
  sha256 bytea not null references pra_store.artifacts,
  media_type text not null check (media_type ~ '^[a-z0-9.+-]+/[a-z0-9.+-]+$'),
  primary key (job_id, name)
);
create table pra_store.checkpoints (
  id bigint generated always as identity primary key,
  job_id bigint not null references pra_store.jobs,
  epoch bigint not null,
  step bigint not null check (step >= 0),
  registered_at timestamptz not null default clock_timestamp(),
  unique (job_id, step, epoch)
);
create table pra_store.checkpoint_files (
  checkpoint_id bigint not null references pra_store.checkpoints,
  name pra_store.logical_name not null,
  sha256 bytea not null references pra_store.artifacts,
  primary key (checkpoint_id, name)
);
create table pra_store.images (
  job_id bigint not null references pra_store.jobs,
  number bigint not null check (number >= 0),
  epoch bigint not null,
  label integer not null check (label >= 0),
  class_name text not null,
  seed numeric(20) not null check (seed between 0 and 18446744073709551615),
  sha256 bytea not null references pra_store.artifacts,
  primary key (job_id, number)
);
create table pra_store.evaluations (
  job_id bigint not null references pra_store.jobs,
  metric text not null,
  scope text not null,
  epoch bigint not null,
  value double precision not null,
  images bigint not null check (images >= 0),
  details jsonb not null default '{}',
  primary key (job_id, metric, scope)
);

-- The references that garbage collection counts.
create index job_outputs_by_artifact on pra_store.job_outputs (sha256);
create index checkpoint_files_by_artifact on pra_store.checkpoint_files (sha256);
create index images_by_artifact on pra_store.images (sha256);

-- What a stage printed, in order; TOAST compresses a chunk of 2 kB or more.
create table pra_store.log_chunks (
  job_id bigint not null,
  epoch bigint not null,
  ordinal integer not null check (ordinal >= 0),
  at timestamptz not null default clock_timestamp(),
  bytes bytea not null check (length(bytes) between 1 and 1048576),
  primary key (job_id, epoch, ordinal),
  foreign key (job_id, epoch) references pra_store.attempts (job_id, epoch)
);
