-- Drawn images as one packed set for each sampling job, and results of data sets that are computed once.

set local role pra_owner;

-- The images that one job has drawn: pixels of [side, side, channels] bytes one after the other in an artifact, from
-- place on. Element i of each array is that of image first + i. A digest is the first eight bytes of the SHA-256 of an
-- image's pixels, as an integer: whoever reads one image checks it without reading the others.
create table pra_store.image_sets (
  job_id bigint primary key references pra_store.jobs,
  epoch bigint not null,
  first bigint not null check (first >= 0),
  seed numeric(20) not null check (seed between 0 and 18446744073709551615),
  sha256 bytea not null references pra_store.artifacts,
  place bigint not null check (place >= 0),
  side integer not null check (side > 0),
  channels integer not null check (channels in (1, 3)),
  labels integer[] not null,
  class_names text[] not null,
  digests bigint[] not null,
  check (cardinality(labels) = cardinality(class_names) and cardinality(labels) = cardinality(digests))
);
create index image_sets_by_artifact on pra_store.image_sets (sha256);

-- A result that depends on an artifact and on the words of `what` alone, such as features of a data set: computed by
-- the first job that needs it. Garbage collection forgets it with the artifact.
create table pra_store.kept_results (
  source bytea not null,
  what text not null check (length(what) between 1 and 500),
  sha256 bytea not null references pra_store.artifacts,
  job_id bigint not null,
  kept_at timestamptz not null default clock_timestamp(),
  primary key (source, what)
);
create index kept_results_by_artifact on pra_store.kept_results (sha256);
