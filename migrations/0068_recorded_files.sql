-- The record of what the migrator executed last: the current files of functions and views, and the objects that
-- they made.
--
-- `pra migrate verify` compares the objects that are there with those recorded here, and these files with
-- the program's.

set local role pra_owner;

create table pra_store.schema_files (
  path text primary key,
  sha256 bytea not null check (length(sha256) = 32),
  applied_at timestamptz not null default clock_timestamp()
);

-- The digest of an object's definition, owner, grants and comments as the catalogs of this server's version
-- give them.
create table pra_store.schema_objects (
  object text primary key,
  sha256 bytea not null check (length(sha256) = 32),
  server_version integer not null
);
