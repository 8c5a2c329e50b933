-- Keeps why a schedule made no job at its last time.

set local role pra_owner;

alter table pra_store.schedules add column last_error text;
