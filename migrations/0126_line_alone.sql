-- What waits is counted by the index of the line alone, without a look at 100,000 jobs.

set local role pra_owner;

drop index pra_store.jobs_line;
create index jobs_line on pra_store.jobs (lane_id, place, id) include (array_id, epoch, gang) where state = 'ready' and due;
