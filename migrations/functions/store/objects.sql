-- Objects: artifacts that are written to stores outside the database.

-- Place to write bytes to, or where they lie: `has` tells which. A null location is the database. An object to write
-- has a row from then on, with which garbage collection finds it if the writer is killed;
-- pra_store.commit_object makes it an artifact.
create or replace function pra_store.begin_object(sha256 text, size bigint)
returns table (
  store integer, location text, object text, copy integer, has boolean, database uuid, mark uuid, is_marked boolean)
language plpgsql
as $$
#variable_conflict use_column
declare
  digest bytea := pra_store.digest(begin_object.sha256);
  chosen pra_store.stores;
  number integer;
begin
  if pra_store.has(digest) then
    return query
      select a.store_id, s.location, pra_store.object_name(digest, a.copy), a.copy, true, null::uuid, s.mark,
        s.marked_at is not null
      from pra_store.artifacts as a left join pra_store.stores as s on s.id = a.store_id
      where a.sha256 = digest;
    return;
  end if;
  select * into chosen from pra_store.stores as s where s.is_current;
  if not found then
    return query
      select null::integer, null::text, null::text, null::integer, false, null::uuid, null::uuid, null::boolean;
    return;
  end if;
  -- A writer of this login that was killed has left its object.
  update pra_store.objects as o set touched_at = clock_timestamp(), size = begin_object.size
  where (o.store_id, o.sha256, o.copy) = (
    select p.store_id, p.sha256, p.copy from pra_store.objects as p
    where p.store_id = chosen.id and p.sha256 = digest and p.state = 'uploading' and p.owner = session_user
    order by p.copy limit 1 for update)
  returning o.copy into number;
  while number is null loop
    insert into pra_store.objects as o (store_id, sha256, copy, state, size)
    select chosen.id, digest, coalesce(max(p.copy) + 1, 0), 'uploading', begin_object.size
    from pra_store.objects as p where p.store_id = chosen.id and p.sha256 = digest
    on conflict (store_id, sha256, copy) do nothing
    returning o.copy into number;
  end loop;
  return query
    select chosen.id, chosen.location, pra_store.object_name(digest, number), number, false, pra_store.identity(),
      chosen.mark, chosen.marked_at is not null;
end
$$;

-- Makes an object that was written an artifact, or a further copy of one.
create or replace function pra_store.commit_object(
  store integer, sha256 text, size bigint, media_type text, copy integer, upload text
) returns void
language plpgsql
as $$
#variable_conflict use_column
declare
  digest bytea := pra_store.digest(commit_object.sha256);
begin
  update pra_store.objects as o set state = 'stored', touched_at = clock_timestamp()
  where o.store_id = store and o.sha256 = digest and o.copy = commit_object.copy
    and o.size = commit_object.size and o.owner = session_user and o.state <> 'deleting';
  if not found then
    raise exception 'sha256: the upload of % was given up; begin it again', commit_object.sha256
      using errcode = 'PR004';
  end if;
  delete from pra_store.multipart_uploads as m
  where m.store_id = store and m.sha256 = digest and m.copy = commit_object.copy
    and m.upload = commit_object.upload;
  perform pra_store.settle(
    digest, commit_object.size, commit_object.media_type, null, commit_object.store, commit_object.copy, false);
end
$$;

create or replace function pra.begin_object(
  job bigint, epoch bigint, sha256 text, size bigint, token uuid default null
)
returns table (
  store integer, location text, object text, copy integer, has boolean, database uuid, mark uuid, is_marked boolean)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform pra_store.hold(job, epoch, false, token);
  perform pra_store.await_reference(job, epoch, begin_object.sha256);
  return query select * from pra_store.begin_object(begin_object.sha256, begin_object.size);
end
$$;

grant execute on function pra.begin_object to pra_worker;

comment on function pra.begin_object is
'Returns the place to which an attempt writes bytes: a null location for the database (next:
pra.begin_artifact), else write the object under its name, once the mark in the store holds database and mark,
and call pra.commit_object. has: the bytes lie at that place already, by the word of a reader, of the server or
of the own login; who finds that they do not calls pra.doubt_artifact and begins again.
sha256: 64 lower-case hexadecimal digits. size: bytes.
Raises PR001 when the attempt has lost its lease, PR003 for a bad sha256.';

create or replace function pra.commit_object(
  job bigint, epoch bigint, store integer, sha256 text, size bigint, media_type text, copy integer default 0,
  upload text default null, token uuid default null
) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform pra_store.hold(job, epoch, false, token);
  perform pra_store.commit_object(store, sha256, size, media_type, copy, upload);
end
$$;

grant execute on function pra.commit_object to pra_worker;

comment on function pra.commit_object is
'Makes an object that was written to a store an artifact. May be called again. upload: the number of the upload
in parts by which it was written, if it was. Until a reader has checked the bytes they count for this login alone.
Raises PR001 when the attempt has lost its lease, PR003 for a bad sha256, PR004 when pra.begin_object was
not called or garbage collection has given the object up since: begin again.';

create or replace function pra.begin_submitted_object(sha256 text, size bigint)
returns table (
  store integer, location text, object text, copy integer, has boolean, database uuid, mark uuid, is_marked boolean)
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$ select * from pra_store.begin_object(sha256, size); $$;

grant execute on function pra.begin_submitted_object to pra_submit;

comment on function pra.begin_submitted_object is
'Returns the place to which a submitter writes bytes, outside any attempt: pra.begin_object for submitters. A null
location is the database (next: pra.begin_submission). Raises PR003 for a bad sha256.';

create or replace function pra.commit_submitted_object(
  store integer, sha256 text, size bigint, media_type text, copy integer default 0, upload text default null
) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$ select pra_store.commit_object(store, sha256, size, media_type, copy, upload); $$;

grant execute on function pra.commit_submitted_object to pra_submit;

comment on function pra.commit_submitted_object is
'Makes an object that was written to a store an artifact, outside any attempt. May be called again. Until a reader
has checked the bytes they count for this login alone.
Raises PR003 for a bad sha256, PR004 when pra.begin_submitted_object was not called or garbage collection
has given the object up since: begin again.';

-- Records an upload in parts before the first part is sent.
create or replace function pra_store.note_upload(store integer, sha256 text, copy integer, upload text) returns void
language plpgsql
as $$
#variable_conflict use_column
begin
  insert into pra_store.multipart_uploads (store_id, sha256, copy, upload)
  select o.store_id, o.sha256, o.copy, note_upload.upload
  from pra_store.objects as o
  where o.store_id = store and o.sha256 = pra_store.digest(note_upload.sha256) and o.copy = note_upload.copy
    and o.owner = session_user and o.state <> 'deleting'
  on conflict do nothing;
end
$$;

create or replace function pra.note_upload(
  job bigint, epoch bigint, store integer, sha256 text, copy integer, upload text, token uuid default null
) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform pra_store.hold(job, epoch, false, token);
  perform pra_store.note_upload(store, sha256, copy, upload);
end
$$;

grant execute on function pra.note_upload to pra_worker;

comment on function pra.note_upload is
'Records the number that a bucket gave to an upload in parts, of an object that this attempt has begun. Garbage
collection aborts those that are left. Raises PR001 when the attempt has lost its lease, PR003 for a bad sha256.';

create or replace function pra.note_submitted_upload(store integer, sha256 text, copy integer, upload text)
returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$ select pra_store.note_upload(store, sha256, copy, upload); $$;

grant execute on function pra.note_submitted_upload to pra_submit;

comment on function pra.note_submitted_upload is
'Records the number that a bucket gave to an upload in parts, outside any attempt. Raises PR003 for a bad sha256.';
