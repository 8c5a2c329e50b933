-- Data sets that runs share, and where exported weights come from.

set local role pra_owner;

-- data_job: the ingest job whose images the run trains on, perhaps of another run.
alter table pra_store.runs add column data_job bigint references pra_store.jobs on delete set null;
update pra_store.runs as r
set data_job = (
  select max(j.id) from pra_store.jobs as j
  where j.run_id = r.id and j.kind = 'ingest' and j.array_id is null and j.array_first is null);
create index runs_by_data on pra_store.runs (data_job);

-- Ingest jobs by what they read.
create index jobs_ingest on pra_store.jobs ((arguments ->> 'source')) where kind = 'ingest' and array_id is null;

-- Files that pra export checkpoint has written, by their bytes.
create table pra_store.exports (
  sha256 bytea primary key check (length(sha256) = 32),
  job_id bigint not null references pra_store.jobs on delete cascade,
  step bigint not null check (step >= 0),
  exported_at timestamptz not null default clock_timestamp(),
  exported_by text not null default session_user
);
create index exports_by_job on pra_store.exports (job_id);
