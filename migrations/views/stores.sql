create or replace view pra.stores as
select
  s.location, s.is_current, count(a.sha256) as artifacts, coalesce(sum(a.size), 0)::bigint as bytes,
  s.created_at, s.id, s.mark, s.marked_at
from pra_store.stores as s left join pra_store.artifacts as a on a.store_id = s.id
group by s.id
union all
select
  'database', not exists (select from pra_store.stores where is_current), count(*),
  coalesce(sum(size), 0)::bigint, null, null, null, null
from pra_store.artifacts where num_nonnulls(bytes, upload_id) = 1;

grant select on pra.stores to pra_submit, pra_worker, pra_read;

comment on view pra.stores is 'One row per store of artifacts, the database among them';
comment on column pra.stores.location is 'database, file:/folder or s3://bucket/prefix';
comment on column pra.stores.is_current is 'true for the store that new large artifacts go to';
comment on column pra.stores.artifacts is 'number of artifacts';
comment on column pra.stores.bytes is 'total size of the artifacts in bytes';
comment on column pra.stores.created_at is 'time when it was first chosen; null for the database';
comment on column pra.stores.id is 'number of the store; null for the database';
comment on column pra.stores.mark is 'the id that the mark in the store holds, beside the one of the database';
comment on column pra.stores.marked_at is 'time since when the mark is known to lie there; null before';
