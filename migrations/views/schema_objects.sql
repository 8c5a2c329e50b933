create or replace view pra.schema_objects as
select o.object, encode(o.sha256, 'hex') as sha256, o.server_version
from pra_store.schema_objects as o;

grant select on pra.schema_objects to pra_submit, pra_worker, pra_read;

comment on view pra.schema_objects is
  'Functions, views and triggers as they were when the current files were applied';
comment on column pra.schema_objects.object is 'kind and name, such as function pra.reap()';
comment on column pra.schema_objects.sha256 is
  'SHA-256 of its definition, owner, grants and comments';
comment on column pra.schema_objects.server_version is
  'major version of the server that gave the definition';
