create or replace view pra.kinds as
select k.kind, k.arguments, k.bytes_limit, k.set_at from pra_store.kinds as k;

grant select on pra.kinds to pra_submit, pra_worker, pra_read;

comment on view pra.kinds is 'One row per kind of job whose arguments the database checks';
comment on column pra.kinds.kind is 'kind of job';
comment on column pra.kinds.arguments is 'JSON schema of its arguments';
comment on column pra.kinds.bytes_limit is 'largest size of its arguments as text, in bytes';
comment on column pra.kinds.set_at is 'time of the latest change';
