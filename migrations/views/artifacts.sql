create or replace view pra.artifacts as
select
  encode(a.sha256, 'hex') as sha256, a.size, a.media_type,
  case
    when a.store_id is not null then split_part(s.location, ':', 1)
    when a.upload_id is not null then 'chunks'
    when a.bytes is not null then 'inline'
    else 'lost'
  end as storage,
  case
    when a.upload_id is not null then (a.size + 1048575) / 1048576
    when a.bytes is not null then 1
    else 0
  end as chunks,
  a.created_at, s.location, a.touched_at, not a.unverified as verified, a.suspect_at, a.suspicion
from pra_store.artifacts as a
left join pra_store.stores as s on s.id = a.store_id;

grant select on pra.artifacts to pra_submit, pra_worker, pra_read;

comment on view pra.artifacts is 'One row per artifact: stored bytes, named by their SHA-256';
comment on column pra.artifacts.sha256 is 'SHA-256 of the bytes, in hexadecimal';
comment on column pra.artifacts.size is 'size in bytes';
comment on column pra.artifacts.media_type is 'media type under which the bytes were first stored';
comment on column pra.artifacts.storage is 'inline or chunks (in the database), file or s3; lost when its store was forgotten';
comment on column pra.artifacts.chunks is
  'number of chunks that pra.artifact_chunk returns; 0 outside the database';
comment on column pra.artifacts.created_at is 'time when the bytes were first stored';
comment on column pra.artifacts.location is
  'location of the store outside the database; null inside';
comment on column pra.artifacts.touched_at is
  'time when the bytes were last stored or asked for by a writer';
comment on column pra.artifacts.verified is
  'whether the server or a reader has checked the SHA-256; until then the bytes count for their owner alone';
comment on column pra.artifacts.suspect_at is
  'time when a reader found the bytes damaged or missing; stored again, or read again rightly, it is null';
comment on column pra.artifacts.suspicion is 'what that reader found';
