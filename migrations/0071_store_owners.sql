-- Owners of uploads and of stores: further copies of an artifact whose bytes are in doubt, the mark that a store
-- carries, and the numbers by which killed uploads to buckets are found.

set local role pra_owner;

-- They take or return more than before.
drop function if exists pra.store_folder(bigint);
drop function if exists pra.use_store(text);
drop function if exists pra.begin_submitted_object(text, bigint);
drop function if exists pra.commit_submitted_object(integer, text, bigint, text);
drop function if exists pra.begin_object(bigint, bigint, text, bigint);
drop function if exists pra.commit_object(bigint, bigint, integer, text, bigint, text);
drop function if exists pra.next_doomed(text);
drop function if exists pra.forget_object(integer, text);
drop function if exists pra.artifact_chunk(text, integer);
drop function if exists pra_store.begin_object(text, bigint);
drop function if exists pra_store.commit_object(integer, text, bigint, text);

-- The database as its stores know it: one row, made at the first use of a store. A copy of the database, which
-- has another system or another number, gets another id.
create table pra_store.identity (
  is_one boolean primary key default true check (is_one),
  id uuid not null default gen_random_uuid(),
  system_identifier bigint not null,
  database oid not null
);

-- Two texts that denote one store have one place. The mark lies in the store itself, with the database's id;
-- marked_at tells since when it is known to lie there.
alter table pra_store.stores drop constraint stores_location_key;
alter table pra_store.stores
  add column place text,
  add column mark uuid not null default gen_random_uuid(),
  add column marked_at timestamptz;

update pra_store.stores as s set location = n.location, place = n.place
from (
  select g.id,
    'file:' || coalesce(nullif(p.path, ''), '/') as location,
    'file:' || coalesce(nullif(p.path, ''), '/') as place
  from pra_store.stores as g
  cross join lateral (
    select regexp_replace(
      regexp_replace(substr(g.location, 6), '/(\.?/)+', '/', 'g'), '/\.?$', '') as path) as p
  where g.location like 'file:%'
  union all
  select g.id, 's3://' || p.path || coalesce('?' || v.settings, ''),
    's3://' || p.path || coalesce('?endpoint=' || v.endpoint, '')
  from pra_store.stores as g
  cross join lateral (
    select rtrim(regexp_replace(substr(split_part(g.location, '?', 1), 6), '/+', '/', 'g'), '/')
  ) as p(path)
  cross join lateral (
    select string_agg(k.key || '=' || k.value, '&' order by k.key) as settings,
      min(k.value) filter (
        where k.key = 'endpoint' and k.value !~ '^https://s3([.-][a-z0-9-]+)?\.amazonaws\.com$') as endpoint
    from (
      select split_part(t.setting, '=', 1) as key,
        case when split_part(t.setting, '=', 1) = 'endpoint' then
          coalesce(
            regexp_replace(
              regexp_replace(
                lower(substring(rtrim(e.value, '/') from '(?i)^https?://[^/]*'))
                  || regexp_replace(rtrim(e.value, '/'), '(?i)^https?://[^/]*', ''),
                '^(https://[^/]*):443(?=/|$)', '\1'),
              '^(http://[^/]*):80(?=/|$)', '\1'),
            e.value)
        else e.value end as value
      from string_to_table(nullif(substr(g.location, length(split_part(g.location, '?', 1)) + 2), ''), '&')
        as t(setting)
      cross join lateral (select substr(t.setting, length(split_part(t.setting, '=', 1)) + 2)) as e(value)
    ) as k
  ) as v
  where g.location like 's3://%'
) as n
where n.id = s.id;

-- Rows of one place become one, the first, with the text of the current one: its objects are the same files.
create temp table merged on commit drop as
select s.id, first_value(s.id) over (partition by s.place order by s.id) as kept
from pra_store.stores as s;
update pra_store.artifacts as a set store_id = m.kept from merged as m where m.id = a.store_id;
create temp table merged_objects on commit drop as
select distinct on (m.kept, o.sha256) m.kept as store_id, o.sha256, o.state, o.size, o.touched_at
from pra_store.objects as o join merged as m on m.id = o.store_id
order by m.kept, o.sha256, array_position(array['stored', 'uploading', 'deleting'], o.state);
delete from pra_store.objects;
insert into pra_store.objects (store_id, sha256, state, size, touched_at)
select o.store_id, o.sha256, o.state, o.size, o.touched_at from merged_objects as o;
create temp table chosen on commit drop as
select m.kept as id, s.location from pra_store.stores as s join merged as m on m.id = s.id where s.is_current;
update pra_store.stores set is_current = false where is_current;
update pra_store.stores as s set is_current = true, location = c.location from chosen as c where c.id = s.id;
delete from pra_store.stores as s using merged as m where m.id = s.id and m.id <> m.kept;
alter table pra_store.stores alter column place set not null;
alter table pra_store.stores add constraint stores_place_key unique (place);

-- An upload belongs to the login that began it. A committed one that its artifact does not refer to is a further copy.
alter table pra_store.uploads
  add column owner text,
  add column committed_at timestamptz,
  add column suspect_at timestamptz;
alter table pra_store.uploads alter column owner set default session_user;
update pra_store.uploads as u set committed_at = u.created_at
where exists (select from pra_store.artifacts as a where a.upload_id = u.id);
create index uploads_by_artifact on pra_store.uploads (sha256);

-- Each writing of the same bytes has an object of its own: copy 0 is named by the SHA-256, copy n by it and ".n".
alter table pra_store.objects
  add column copy integer not null default 0 check (copy >= 0),
  add column owner text,
  add column suspect_at timestamptz;
alter table pra_store.objects alter column owner set default session_user;
alter table pra_store.objects drop constraint objects_pkey;
alter table pra_store.objects add primary key (store_id, sha256, copy);
create index objects_by_artifact on pra_store.objects (sha256);

-- Uploads in parts to buckets, from before the first part is sent: a killed one is found by its number, and aborted.
create table pra_store.multipart_uploads (
  store_id integer not null,
  sha256 bytea not null,
  copy integer not null,
  upload text not null check (length(upload) between 1 and 2000),
  begun_at timestamptz not null default clock_timestamp(),
  doomed boolean not null default false,
  primary key (store_id, sha256, copy, upload),
  foreign key (store_id, sha256, copy) references pra_store.objects
);

-- Bytes whose SHA-256 neither the server nor a reader has checked are unverified: they count for their owner alone.
-- Suspect ones were found damaged or missing by a reader. An artifact without a place was lost with its store.
alter table pra_store.artifacts
  add column copy integer,
  add column unverified boolean not null default false,
  add column suspect_at timestamptz,
  add column suspicion text;
update pra_store.artifacts set unverified = true, copy = case when store_id is not null then 0 end
where store_id is not null or size > 67108864;
alter table pra_store.artifacts drop constraint bytes_lie_in_one_place;
alter table pra_store.artifacts
  add constraint bytes_lie_in_one_place check (
    num_nonnulls(bytes, upload_id, store_id) = 1
    or num_nonnulls(bytes, upload_id, store_id) = 0 and suspect_at is not null),
  add constraint copy_belongs_to_store check ((store_id is null) = (copy is null));
create index artifacts_suspect on pra_store.artifacts (sha256) where suspect_at is not null;
