-- Artifacts in the database: bytes named by their SHA-256, stored once.

create or replace function pra.put_artifact(
  job bigint, epoch bigint, sha256 text, media_type text, bytes bytea, token uuid default null
) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform pra_store.hold(job, epoch, false, token);
  perform pra_store.await_reference(job, epoch, sha256);
  perform pra_store.put_inline(sha256, media_type, bytes);
end
$$;

grant execute on function pra.put_artifact to pra_worker;

comment on function pra.put_artifact is
'Stores bytes of at most 1 MiB (1048576) in the database, for an attempt. Bytes that are stored already
count as touched.
sha256: 64 lower-case hexadecimal digits. media_type: kept from the first call for these bytes.
Raises PR001 when the attempt has lost its lease, PR003 for more bytes or a bad sha256, PR005 when the
bytes have another sha256.';

create or replace function pra.begin_artifact(
  job bigint, epoch bigint, sha256 text, size bigint, media_type text, token uuid default null
) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform pra_store.hold(job, epoch, false, token);
  perform pra_store.await_reference(job, epoch, sha256);
  return pra_store.begin_upload(job, epoch, sha256, size, media_type);
end
$$;

grant execute on function pra.begin_artifact to pra_worker;

comment on function pra.begin_artifact is
'Starts an upload to the database in chunks of 1 MiB, for an attempt, and returns its number; null when
the bytes are stored already. sha256: 64 lower-case hexadecimal digits. size: bytes.
Next: pra.put_artifact_chunk for each chunk, then pra.commit_artifact.
Raises PR001 when the attempt has lost its lease, PR003 for a bad sha256.';

create or replace function pra.put_artifact_chunk(
  job bigint, epoch bigint, upload bigint, ordinal integer, bytes bytea, token uuid default null
) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform pra_store.hold(job, epoch, false, token);
  perform pra_store.put_chunk(upload, job, epoch, ordinal, bytes);
end
$$;

grant execute on function pra.put_artifact_chunk to pra_worker;

comment on function pra.put_artifact_chunk is
'Stores a chunk of an upload of this attempt; sent again, it replaces the earlier one.
ordinal: from 0. bytes: 1048576, of the last chunk the rest.
Raises PR001 when the attempt has lost its lease, PR002 when it has no such upload, PR004 when the upload
is committed, PR005 for a chunk of another size.';

create or replace function pra.commit_artifact(
  job bigint, epoch bigint, upload bigint, token uuid default null
) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform pra_store.hold(job, epoch, false, token);
  perform pra_store.commit_upload(upload, job, epoch);
end
$$;

grant execute on function pra.commit_artifact to pra_worker;

comment on function pra.commit_artifact is
'Makes a complete upload of this attempt an artifact. May be called again.
The server checks the sha256 of uploads of up to 64 MiB, and the size alone of larger ones, which count for
this login alone until a reader has checked them.
Raises PR001 when the attempt has lost its lease, PR002 when it has no such upload, PR005 when bytes are
missing or have another sha256.';

create or replace function pra.submit_artifact(sha256 text, media_type text, bytes bytea) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$ begin perform pra_store.put_inline(sha256, media_type, bytes); end $$;

grant execute on function pra.submit_artifact to pra_submit;

comment on function pra.submit_artifact is
'Stores bytes of at most 1 MiB in the database, outside any attempt: pra.put_artifact for submitters.
Raises PR003 for more bytes or a bad sha256, PR005 when the bytes have another sha256.';

create or replace function pra.begin_submission(sha256 text, size bigint, media_type text) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$ begin return pra_store.begin_upload(null, null, sha256, size, media_type); end $$;

grant execute on function pra.begin_submission to pra_submit;

comment on function pra.begin_submission is
'Starts an upload to the database in chunks of 1 MiB, outside any attempt, and returns its number; null
when the bytes are stored already. Next: pra.submit_chunk, then pra.commit_submission.
Raises PR003 for a bad sha256.';

create or replace function pra.submit_chunk(upload bigint, ordinal integer, bytes bytea) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$ begin perform pra_store.put_chunk(upload, null, null, ordinal, bytes); end $$;

grant execute on function pra.submit_chunk to pra_submit;

comment on function pra.submit_chunk is
'Stores a chunk of an upload that pra.begin_submission started; sent again, it replaces the earlier one.
ordinal: from 0. bytes: 1048576, of the last chunk the rest.
Raises PR002 when there is no such upload, PR004 when it is committed, PR005 for a chunk of another
size.';

create or replace function pra.commit_submission(upload bigint) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$ begin perform pra_store.commit_upload(upload, null, null); end $$;

grant execute on function pra.commit_submission to pra_submit;

comment on function pra.commit_submission is
'Makes a complete upload that pra.begin_submission started an artifact. May be called again.
Raises PR002 when there is no such upload, PR005 when bytes are missing or have another sha256.';

create or replace function pra.artifact_chunk(sha256 text, ordinal integer, upload bigint default null)
returns bytea
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  kept pra_store.artifacts;
  source bigint;
begin
  select * into kept from pra_store.artifacts as a
  where a.sha256 = pra_store.digest(artifact_chunk.sha256);
  if not found then
    raise exception 'there is no artifact %', artifact_chunk.sha256 using errcode = 'PR002';
  end if;
  source := kept.upload_id;
  if artifact_chunk.upload is not null and artifact_chunk.upload is distinct from source then
    select u.id into source from pra_store.uploads as u
    where u.id = artifact_chunk.upload and u.sha256 = kept.sha256 and u.committed_at is not null;
    if not found then
      return null;
    end if;
  end if;
  if source is null then
    return case when ordinal = 0 then kept.bytes end;
  end if;
  return (
    select c.bytes from pra_store.artifact_chunks as c
    where c.upload_id = source and c.ordinal = artifact_chunk.ordinal);
end
$$;

grant execute on function pra.artifact_chunk to pra_submit, pra_worker, pra_read;

comment on function pra.artifact_chunk is
'Returns bytes of an artifact in the database, from ordinal * 1048576 on, at most 1 MiB; null past its
end and for an artifact in another store. pra.artifacts tells the number of chunks. upload: that of one of
several copies (pra.artifact_copies).
Raises PR002 when there is no such artifact, PR003 for a bad sha256.';

create or replace function pra.artifact_range(sha256 text, place bigint, length bigint)
returns bytea
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  kept pra_store.artifacts;
begin
  if place is null or place < 0 or artifact_range.length is null or artifact_range.length not between 0 and 67108864 then
    raise exception 'place, length: % and %, must be 0 or more and 0 to 67108864', place, artifact_range.length
      using errcode = 'PR003';
  end if;
  select * into kept from pra_store.artifacts as a
  where a.sha256 = pra_store.digest(artifact_range.sha256);
  if not found then
    raise exception 'there is no artifact %', artifact_range.sha256 using errcode = 'PR002';
  end if;
  if kept.bytes is not null then
    return substr(kept.bytes, (least(place, 1048576) + 1)::integer, artifact_range.length::integer);
  end if;
  if kept.upload_id is null then
    return null;
  end if;
  -- The stored bytes are not compressed, so that a part of a chunk is read without the rest of it.
  return (
    select string_agg(
      substr(
        c.bytes, (greatest(place - c.ordinal * 1048576::bigint, 0) + 1)::integer,
        (least(place + artifact_range.length - c.ordinal * 1048576::bigint, 1048576)
          - greatest(place - c.ordinal * 1048576::bigint, 0))::integer),
      '' order by c.ordinal)
    from pra_store.artifact_chunks as c
    where c.upload_id = kept.upload_id and c.ordinal >= place / 1048576
      and c.ordinal < (place + artifact_range.length + 1048575) / 1048576);
end
$$;

grant execute on function pra.artifact_range to pra_submit, pra_worker, pra_read;

comment on function pra.artifact_range is
'Returns bytes of an artifact in the database, length of them from place on, fewer where it ends; null for an artifact
in another store. pra.images tells where in a packed set an image lies.
Raises PR002 when there is no such artifact, PR003 for a bad sha256, a place below 0 or more than 64 MiB.';

-- Digest of 64 lower-case hexadecimal digits, or PR003.
create or replace function pra_store.digest(sha256 text) returns bytea
language plpgsql immutable
as $$
begin
  if sha256 is null or sha256 !~ '^[0-9a-f]{64}$' then
    raise exception 'sha256: "%" is not 64 lower-case hexadecimal digits', sha256
      using errcode = 'PR003';
  end if;
  return decode(sha256, 'hex');
end
$$;

-- Notes that an attempt stores bytes to which nothing refers yet: while it runs they are no garbage.
create or replace function pra_store.await_reference(job bigint, epoch bigint, sha256 text) returns void
language sql
as $$
  insert into pra_store.pending_artifacts (job_id, epoch, sha256)
  values (job, epoch, pra_store.digest(sha256))
  on conflict do nothing;
$$;

-- True when these bytes need not be stored: they are there by the word of the server, of a reader, or of this login,
-- and nobody has found them damaged since. Then garbage collection spares them for its grace period.
create or replace function pra_store.has(sha256 bytea) returns boolean
language plpgsql
as $$
#variable_conflict use_column
declare
  kept record;
begin
  update pra_store.artifacts as a set touched_at = clock_timestamp() where a.sha256 = has.sha256
  returning a.size, a.upload_id, a.unverified, a.suspect_at,
    case when a.unverified then pra_store.owner_of(a.upload_id, a.store_id, a.sha256, a.copy) end as owner
  into kept;
  if not found or kept.suspect_at is not null
    or kept.unverified and kept.owner is distinct from session_user::text
  then
    return false;
  end if;
  if kept.upload_id is not null and kept.size <> (
    select coalesce(sum(length(c.bytes)), 0) from pra_store.artifact_chunks as c where c.upload_id = kept.upload_id
  ) then
    perform pra_store.doubt(has.sha256, kept.upload_id, null, null, 'rows of it are missing in the database');
    return false;
  end if;
  return true;
end
$$;

-- Login that wrote a copy; null when nobody knows.
create or replace function pra_store.owner_of(upload bigint, store integer, sha256 bytea, copy integer) returns text
language sql stable
as $$
  select u.owner from pra_store.uploads as u where u.id = upload
  union all
  select o.owner from pra_store.objects as o
  where o.store_id = store and o.sha256 = owner_of.sha256 and o.copy = owner_of.copy;
$$;

-- Digest of a stored artifact, or PR002 that names the referrer.
create or replace function pra_store.stored_artifact(sha256 text, referrer text) returns bytea
language plpgsql stable
as $$
#variable_conflict use_column
declare
  digest bytea := pra_store.digest(sha256);
begin
  if not exists (select from pra_store.artifacts as a where a.sha256 = digest) then
    raise exception '%: there is no artifact %', referrer, stored_artifact.sha256
      using errcode = 'PR002';
  end if;
  return digest;
end
$$;

-- Stores bytes of at most 1 MiB in the row of the artifact, in place of others that are in doubt.
create or replace function pra_store.put_inline(sha256 text, media_type text, bytes bytea)
returns void
language plpgsql
as $$
#variable_conflict use_column
declare
  is_doubtful boolean;
begin
  if bytes is null or length(bytes) > 1048576 then
    raise exception 'bytes: % is more than the 1048576 that lie inline; upload in chunks',
      length(bytes) using errcode = 'PR003';
  end if;
  if pg_catalog.sha256(bytes) <> pra_store.digest(sha256) then
    raise exception 'bytes: their sha256 is %, not %',
      encode(pg_catalog.sha256(bytes), 'hex'), sha256 using errcode = 'PR005';
  end if;
  insert into pra_store.artifacts as a (sha256, size, media_type, bytes)
  values (pra_store.digest(put_inline.sha256), length(put_inline.bytes), put_inline.media_type,
          put_inline.bytes)
  on conflict (sha256) do update set touched_at = clock_timestamp()
  returning a.unverified or a.suspect_at is not null into is_doubtful;
  if is_doubtful then
    update pra_store.artifacts as a set
      size = length(put_inline.bytes), bytes = put_inline.bytes, upload_id = null, store_id = null, copy = null,
      unverified = false, suspect_at = null, suspicion = null
    where a.sha256 = pra_store.digest(put_inline.sha256);
  end if;
end
$$;

-- Bytes above which no artifact is written to the database, whose backups and log would hold it, too.
create or replace function pra_store.database_limit() returns bigint
language sql immutable
as $$ select 1000000000::bigint; $$;

create or replace function pra.check_artifact_size(size bigint) returns void
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if size > pra_store.database_limit() and not exists (select from pra_store.stores as s where s.is_current) then
    raise exception
      '% do not belong into the database, which takes artifacts of up to %; choose a store for them, as in `pra store file:/srv/pra-artifacts`',
      pra.size_text(size), pra.size_text(pra_store.database_limit()) using errcode = 'PR006';
  end if;
end
$$;

grant execute on function pra.check_artifact_size to pra_submit, pra_worker;

comment on function pra.check_artifact_size is
'Raises PR006 when an artifact of so many bytes has no place: no store is chosen, and it is too large for the database.';

-- Starts an upload in chunks, for an attempt or, with null for both, a submitter. Null when the bytes are
-- stored already.
create or replace function pra_store.begin_upload(
  job bigint, epoch bigint, sha256 text, size bigint, media_type text
) returns bigint
language plpgsql
as $$
#variable_conflict use_column
declare
  made bigint;
begin
  if pra_store.has(pra_store.digest(begin_upload.sha256)) then
    return null;
  end if;
  perform pra.check_artifact_size(begin_upload.size);
  insert into pra_store.uploads (sha256, size, media_type, job_id, epoch)
  values (pra_store.digest(begin_upload.sha256), begin_upload.size, begin_upload.media_type,
          begin_upload.job, begin_upload.epoch)
  returning id into made;
  return made;
end
$$;

-- Stores a chunk of an upload: 1 MiB, the last one less.
create or replace function pra_store.put_chunk(
  upload bigint, job bigint, epoch bigint, ordinal integer, bytes bytea
) returns void
language plpgsql
as $$
#variable_conflict use_column
declare
  target pra_store.uploads;
  expected bigint;
begin
  select * into target from pra_store.uploads as u
  where u.id = upload and (u.job_id, u.epoch) is not distinct from (put_chunk.job, put_chunk.epoch)
    and u.owner = session_user;
  if not found then
    raise exception 'there is no upload % of this attempt', upload using errcode = 'PR002';
  end if;
  if target.committed_at is not null then
    raise exception 'upload % is committed', upload using errcode = 'PR004';
  end if;
  expected := least(1048576, target.size - ordinal::bigint * 1048576);
  if ordinal < 0 or expected <= 0 or length(bytes) <> expected then
    raise exception 'chunk % of upload % has % bytes, not %', ordinal, upload, length(bytes),
      greatest(expected, 0) using errcode = 'PR005';
  end if;
  insert into pra_store.artifact_chunks (upload_id, ordinal, bytes)
  values (put_chunk.upload, put_chunk.ordinal, put_chunk.bytes)
  on conflict (upload_id, ordinal) do update set bytes = excluded.bytes;
end
$$;

-- Makes a complete upload an artifact. Up to 64 MiB the server checks the SHA-256; of larger uploads it
-- checks the size alone, since hashing needs all bytes in one value, and every reader checks.
create or replace function pra_store.commit_upload(upload bigint, job bigint, epoch bigint) returns void
language plpgsql
as $$
#variable_conflict use_column
declare
  target pra_store.uploads;
  got bigint;
  is_checked boolean;
begin
  select * into target from pra_store.uploads as u
  where u.id = upload
    and (u.job_id, u.epoch) is not distinct from (commit_upload.job, commit_upload.epoch)
    and u.owner = session_user
  for no key update;
  if not found then
    raise exception 'there is no upload % of this attempt', upload using errcode = 'PR002';
  end if;
  if target.committed_at is not null then
    return;
  end if;
  select coalesce(sum(length(c.bytes)), 0) into got
  from pra_store.artifact_chunks as c where c.upload_id = upload;
  if got <> target.size then
    raise exception 'upload % has % bytes, not %', upload, got, target.size using errcode = 'PR005';
  end if;
  is_checked := target.size <= 67108864;
  if is_checked and target.sha256 <> (
    select pg_catalog.sha256(coalesce(string_agg(c.bytes, '' order by c.ordinal), ''))
    from pra_store.artifact_chunks as c where c.upload_id = upload
  ) then
    raise exception 'upload %: the sha256 of its bytes is not %', upload,
      encode(target.sha256, 'hex') using errcode = 'PR005';
  end if;
  update pra_store.uploads as u set committed_at = clock_timestamp() where u.id = upload;
  perform pra_store.settle(target.sha256, target.size, target.media_type, upload, null, null, is_checked);
end
$$;
