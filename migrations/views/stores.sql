create or replace view pra.stores as
select
  s.location, s.is_current, count(a.sha256) as artifacts, coalesce(sum(a.size), 0)::bigint as bytes,
  s.created_at
from pra_store.stores as s left join pra_store.artifacts as a on a.store_id = s.id
group by s.id
union all
select
  'database', not exists (select from pra_store.stores where is_current), count(*),
  coalesce(sum(size), 0)::bigint, null
from pra_store.artifacts where store_id is null;

grant select on pra.stores to pra_submit, pra_worker, pra_read;

comment on view pra.stores is 'One row per store of artifacts, the database among them';
comment on column pra.stores.location is 'database, file:/folder or s3://bucket/prefix';
comment on column pra.stores.is_current is 'true for the store that new large artifacts go to';
comment on column pra.stores.artifacts is 'number of artifacts';
comment on column pra.stores.bytes is 'total size of the artifacts in bytes';
comment on column pra.stores.created_at is 'time when it was first chosen; null for the database';
