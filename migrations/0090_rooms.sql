-- Room on the hosts of workers, and what they hold, so that jobs go where there is room and where their bytes are.

set local role pra_owner;

-- room: bytes that a job may have on the host; null for a worker that does not say. store_places: locations of stores
-- in folders of the host itself. reading_kinds: those of its kinds that read artifacts.
alter table pra_store.workers
  add column room bigint check (room >= 0),
  add column cache_bytes bigint check (cache_bytes >= 0),
  add column cache_quota bigint check (cache_quota >= 0),
  add column store_places text[] not null default '{}',
  add column reading_kinds text[] not null default '{}';

-- Artifacts of more than 1 MiB that a live worker's host keeps.
create table pra_store.held_artifacts (
  worker_id bigint not null references pra_store.workers,
  sha256 bytea not null check (length(sha256) = 32),
  primary key (worker_id, sha256)
);
create index held_artifacts_by_digest on pra_store.held_artifacts (sha256);

-- Arguments of the kind that name what its jobs read: for each the names of outputs, 'checkpoint' or 'artifact'.
alter table pra_store.kinds add column reads jsonb not null default '{}';

-- Bytes of scratch that an attempt of the job has found it to need.
alter table pra_store.jobs add column room_needed bigint check (room_needed >= 0);
