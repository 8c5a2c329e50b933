-- Keys of locks, whose rows are seen by nobody (pra_store.lock_key), and the folder of a private database.

set local role pra_owner;

create table pra_store.keys (key text primary key);

-- Null for a database whose server was not started by pra.
alter table pra_store.identity add column folder text;
