create or replace view pra.schema_files as
select f.path, encode(f.sha256, 'hex') as sha256, f.applied_at
from pra_store.schema_files as f;

grant select on pra.schema_files to pra_submit, pra_worker, pra_read;

comment on view pra.schema_files is 'Current files of functions and views, as they were applied last';
comment on column pra.schema_files.path is 'path of the file below migrations/';
comment on column pra.schema_files.sha256 is 'SHA-256 of its text when it was applied';
comment on column pra.schema_files.applied_at is 'when it was applied';
