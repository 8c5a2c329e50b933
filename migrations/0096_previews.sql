-- Previews: images that a training has drawn at its checkpoints, by jobs of their own.

set local role pra_owner;

-- preview_of: the training whose checkpoint the job draws from; null for every other job.
alter table pra_store.jobs add column preview_of bigint;

create index jobs_previews on pra_store.jobs (run_id) where preview_of is not null;
