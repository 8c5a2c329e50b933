-- What `pra rm` has taken from a run.

set local role pra_owner;

-- Of checkpoints, images and data.
alter table pra_store.runs add column removed text[] not null default '{}';
