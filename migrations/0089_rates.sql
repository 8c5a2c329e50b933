-- Records how fast a job gets on.

set local role pra_owner;

alter table pra_store.progress add column rate double precision check (rate >= 0);

-- Has a parameter more.
drop function if exists pra.progress(bigint, bigint, bigint, bigint, text, uuid);
