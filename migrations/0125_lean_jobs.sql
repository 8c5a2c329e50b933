-- Jobs change twice in their lives, and every constraint and index of their table is asked each time.

set local role pra_owner;

-- Three columns are written by functions that keep their rules themselves: pra.needs_room refuses what is below 0, a count
-- of faults starts at 0 and grows, and a host is avoided until a moment or not at all (end.sql, act.sql).
alter table pra_store.jobs drop constraint jobs_check, drop constraint jobs_host_faults_check,
  drop constraint jobs_room_needed_check;

-- Data sets, and the jobs that pack a source: one index has both.
drop index pra_store.jobs_ingest;
drop index pra_store.jobs_data_sets;
create index jobs_ingest on pra_store.jobs (id, (arguments ->> 'source')) where kind = 'ingest';
