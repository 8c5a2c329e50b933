-- Finds the few jobs in line of which an attempt has found that they need more room, so that a claim need not look at
-- all of them.

set local role pra_owner;

create index jobs_needing_room on pra_store.jobs (lane_id) where room_needed is not null and state = 'ready';
