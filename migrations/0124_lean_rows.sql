-- An index of jobs had an entry for every version of every row, and each start and end of a job makes a version: the jobs
-- of a user are found through the newest jobs.

set local role pra_owner;

drop index pra_store.jobs_by_user;

-- Arrays are looked for in two states: one index has both.
drop index pra_store.jobs_arrays_in_line;
drop index pra_store.jobs_arrays;
create index jobs_arrays on pra_store.jobs (id) where array_first is not null and state in ('ready', 'running');

-- Runs in a state that few have are found through their jobs in it: blocked ones, too.
drop index pra_store.jobs_ended_badly;
create index jobs_not_passed on pra_store.jobs (run_id, id)
where state in ('blocked', 'failed', 'cancelled', 'quarantined');

-- More images a second are better: the best of them was the least.
update pra_store.metric_names set better = 'up' where name = 'images_per_second';
