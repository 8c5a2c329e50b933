-- The index of the line has all by which waiting jobs are counted, so that 100,000 of them need not be read.

set local role pra_owner;

drop index pra_store.jobs_line;
create index jobs_line on pra_store.jobs (lane_id, place, id) include (array_id, epoch, gang) where state = 'ready' and due;
