-- Stores outside the database: folders and buckets that hold artifacts as objects.

create or replace function pra.use_store(location text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  if location <> 'database' and location !~ '^(file:/|s3://[a-z0-9])' then
    raise exception 'location: "%" is neither database nor file:/folder nor s3://bucket/prefix',
      location using errcode = 'PR003';
  end if;
  update pra_store.stores set is_current = false where is_current;
  if location <> 'database' then
    insert into pra_store.stores as s (location, is_current) values (use_store.location, true)
    on conflict (location) do update set is_current = true;
  end if;
  perform pra_store.record_event(
    'store.chosen', null, null, null, null, jsonb_build_object('location', location));
end
$$;

comment on function pra.use_store is
'Chooses the store for new artifacts of more than 1 MiB; those that are stored stay where they are.
location: file:/folder, s3://bucket/prefix, or database. Granted to no role but pra_owner.
Raises PR003 for another location.';

create or replace function pra.store_folder(size bigint) returns text
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select substr(s.location, 6) from pra_store.stores as s
  where s.is_current and s.location like 'file:%'
    and not exists (select from pra_store.artifacts as a where a.size = store_folder.size);
$$;

grant execute on function pra.store_folder to pra_submit, pra_worker;

comment on function pra.store_folder is
'Returns the folder of the current store when bytes of this size can be written there at once. Null when
that store is no folder, and when an artifact of this size exists: then the caller computes the SHA-256
first, since the bytes may be stored already.';

-- Store to write bytes to: no row when they are stored already, a null location for the database. The
-- object has a row from then on, with which garbage collection finds it if the writer is killed;
-- pra_store.commit_object makes it an artifact.
create or replace function pra_store.begin_object(sha256 text, size bigint)
returns table (store integer, location text)
language plpgsql
as $$
#variable_conflict use_column
declare
  digest bytea := pra_store.digest(begin_object.sha256);
  chosen pra_store.stores;
begin
  if pra_store.touch(digest) then
    return;
  end if;
  select * into chosen from pra_store.stores as s where s.is_current;
  if not found then
    return query select null::integer, null::text;
    return;
  end if;
  -- Waits for a garbage collection that is deleting the object; afterwards it is written anew.
  insert into pra_store.objects as o (store_id, sha256, state, size)
  values (chosen.id, digest, 'uploading', begin_object.size)
  on conflict (store_id, sha256) do update set state = 'uploading', touched_at = clock_timestamp();
  return query select chosen.id, chosen.location;
end
$$;

-- Makes an object that was written an artifact.
create or replace function pra_store.commit_object(
  store integer, sha256 text, size bigint, media_type text
) returns void
language plpgsql
as $$
#variable_conflict use_column
begin
  update pra_store.objects as o set state = 'stored', touched_at = clock_timestamp()
  where o.store_id = store and o.sha256 = pra_store.digest(commit_object.sha256)
    and o.state <> 'deleting';
  if not found then
    raise exception 'sha256: the upload of % was given up; begin it again', commit_object.sha256
      using errcode = 'PR004';
  end if;
  insert into pra_store.artifacts (sha256, size, media_type, store_id)
  values (pra_store.digest(commit_object.sha256), commit_object.size, commit_object.media_type,
          commit_object.store)
  on conflict (sha256) do update set touched_at = clock_timestamp();
end
$$;

create or replace function pra.begin_object(
  job bigint, epoch bigint, sha256 text, size bigint, token uuid default null
)
returns table (store integer, location text)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform pra_store.hold(job, epoch, false, token);
  return query select * from pra_store.begin_object(begin_object.sha256, begin_object.size);
end
$$;

grant execute on function pra.begin_object to pra_worker;

comment on function pra.begin_object is
'Returns the store to which an attempt writes bytes: a null location for the database (next:
pra.begin_artifact), else write the object and call pra.commit_object. No row when the bytes are
stored already. sha256: 64 lower-case hexadecimal digits. size: bytes.
Raises PR001 when the attempt has lost its lease, PR003 for a bad sha256.';

create or replace function pra.commit_object(
  job bigint, epoch bigint, store integer, sha256 text, size bigint, media_type text,
  token uuid default null
) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform pra_store.hold(job, epoch, false, token);
  perform pra_store.commit_object(store, sha256, size, media_type);
end
$$;

grant execute on function pra.commit_object to pra_worker;

comment on function pra.commit_object is
'Makes an object that was written to a store an artifact. May be called again.
Raises PR001 when the attempt has lost its lease, PR003 for a bad sha256, PR004 when pra.begin_object was
not called or garbage collection has given the object up since: begin again.';

create or replace function pra.begin_submitted_object(sha256 text, size bigint)
returns table (store integer, location text)
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$ select * from pra_store.begin_object(sha256, size); $$;

grant execute on function pra.begin_submitted_object to pra_submit;

comment on function pra.begin_submitted_object is
'Returns the store to which a submitter writes bytes, outside any attempt: a null location for the
database (next: pra.begin_submission), else write the object and call pra.commit_submitted_object. No row
when the bytes are stored already. Raises PR003 for a bad sha256.';

create or replace function pra.commit_submitted_object(
  store integer, sha256 text, size bigint, media_type text
) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$ select pra_store.commit_object(store, sha256, size, media_type); $$;

grant execute on function pra.commit_submitted_object to pra_submit;

comment on function pra.commit_submitted_object is
'Makes an object that was written to a store an artifact, outside any attempt. May be called again.
Raises PR003 for a bad sha256, PR004 when pra.begin_submitted_object was not called or garbage collection
has given the object up since: begin again.';
