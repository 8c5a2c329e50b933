-- The ends of series and the logins of jobs, by which lists of runs and jobs are sorted and filtered, are stored: they
-- need not be computed for all of them.

set local role pra_owner;

-- The mean of a series at its end (pra.metric_end), kept while no attempt writes to it; null while one may.
alter table pra_store.metric_summaries
  add column end_value double precision,
  add column end_steps bigint check (end_steps >= 1),
  add check ((end_value is null) = (end_steps is null));

create index jobs_by_user on pra_store.jobs (created_by, id);
