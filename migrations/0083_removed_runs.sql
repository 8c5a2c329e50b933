-- Records which results of a run `pra rm` has taken.

set local role pra_owner;

-- Words among checkpoints, images and data.
alter table pra_store.runs add column removed text[] not null default '{}';
