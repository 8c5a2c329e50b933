create or replace view pra.artifacts as
select
  encode(a.sha256, 'hex') as sha256, a.size, a.media_type,
  case
    when a.store_id is not null then split_part(s.location, ':', 1)
    when a.upload_id is null then 'inline'
    else 'chunks'
  end as storage,
  case
    when a.store_id is not null then 0
    when a.upload_id is null then 1
    else (a.size + 1048575) / 1048576
  end as chunks,
  a.created_at, s.location, a.touched_at
from pra_store.artifacts as a
left join pra_store.stores as s on s.id = a.store_id;

grant select on pra.artifacts to pra_submit, pra_worker, pra_read;

comment on view pra.artifacts is 'One row per stored content';
comment on column pra.artifacts.sha256 is 'SHA-256 of the bytes, in hexadecimal: its name';
comment on column pra.artifacts.size is 'bytes';
comment on column pra.artifacts.media_type is 'media type under which it was first stored';
comment on column pra.artifacts.storage is 'inline, chunks, file or s3';
comment on column pra.artifacts.chunks is
  'number of chunks to ask pra.artifact_chunk for; 0 outside the database';
comment on column pra.artifacts.created_at is 'when it was stored';
comment on column pra.artifacts.location is 'store outside the database; null inside';
comment on column pra.artifacts.touched_at is 'when somebody last stored these bytes';
