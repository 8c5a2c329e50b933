create or replace view pra.schema_versions as
select m.version, m.name, encode(m.sha256, 'hex') as sha256, m.applied_at
from pra_store.migrations as m;

grant select on pra.schema_versions to pra_submit, pra_worker, pra_read;

comment on view pra.schema_versions is 'One row per migration that was applied';
comment on column pra.schema_versions.version is 'number of the migration';
comment on column pra.schema_versions.name is 'file name of the migration';
comment on column pra.schema_versions.sha256 is 'SHA-256 of its text when it was applied';
comment on column pra.schema_versions.applied_at is 'time when it was applied';
