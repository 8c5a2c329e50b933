-- The session in which a worker claims, so that a claim of an earlier one, which nobody hears, takes nothing.

set local role pra_owner;

-- claiming_pid: process of the server that has called pra.release_unheard last; null before the first call.
alter table pra_store.workers add column claiming_pid integer;
