-- Workers that leave at a time that they know, so that a claim gives them nothing that cannot have ended by then.

set local role pra_owner;

-- leaves_at: null for a worker that stays.
alter table pra_store.workers add column leaves_at timestamptz;

-- Their parameters change.
drop function if exists pra.register_worker(text, jsonb, text[], text[], integer, interval, text);
drop function if exists pra.work_is_coming(text[], text[], boolean);
