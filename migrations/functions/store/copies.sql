-- Copies of artifacts whose bytes are in doubt: who wrote them, what readers found, which one counts.
--
-- No doubt loses bytes: a suspect copy stays until a reader has checked another one.

-- Makes bytes that were written an artifact, or a further copy where an artifact in doubt has that name.
-- checked: whether the server has computed their SHA-256.
create or replace function pra_store.settle(
  sha256 bytea, size bigint, media_type text, upload bigint, store integer, copy integer, checked boolean
) returns void
language plpgsql
as $$
#variable_conflict use_column
declare
  kept record;
begin
  loop
    insert into pra_store.artifacts as a (sha256, size, media_type, upload_id, store_id, copy, unverified)
    values (settle.sha256, settle.size, settle.media_type, upload, store, settle.copy, not checked)
    on conflict (sha256) do nothing;
    exit when found;
    update pra_store.artifacts as a set touched_at = clock_timestamp()
    where a.sha256 = settle.sha256
    returning a.bytes is not null as is_inline, a.unverified, a.suspect_at is not null as is_suspect into kept;
    continue when not found;  -- garbage collection has deleted it meanwhile
    -- Others' bytes that are right stay, and of two in doubt the first one, until somebody has read it.
    if checked and (kept.unverified or kept.is_suspect) or kept.is_suspect and not kept.is_inline then
      update pra_store.artifacts as a set
        size = settle.size, bytes = null, upload_id = upload, store_id = store, copy = settle.copy,
        unverified = not checked, suspect_at = null, suspicion = null
      where a.sha256 = settle.sha256;
    end if;
    exit;
  end loop;
end
$$;

create or replace function pra.artifact_copies(sha256 text)
returns table (
  upload bigint, store integer, location text, object text, copy integer, size bigint, chunks bigint,
  certain boolean, mark text)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  with kept as (
    select a.sha256, a.size, a.upload_id, a.store_id, a.copy, a.bytes is not null as is_inline,
      not a.unverified and a.suspect_at is null as certain
    from pra_store.artifacts as a where a.sha256 = pra_store.digest(artifact_copies.sha256)
  ), copies as (
    select k.upload_id, k.store_id, k.copy, k.size, k.is_inline, k.certain, 0 as rank, null::bigint as age
    from kept as k where k.is_inline or k.upload_id is not null or k.store_id is not null
    union all
    select u.id, null, null, u.size, false, false, 1 + (u.suspect_at is not null)::integer, -u.id
    from kept as k join pra_store.uploads as u on u.sha256 = k.sha256
    where not k.certain and u.committed_at is not null and u.id is distinct from k.upload_id
    union all
    select null, o.store_id, o.copy, o.size, false, false, 1 + (o.suspect_at is not null)::integer, -o.copy
    from kept as k join pra_store.objects as o on o.sha256 = k.sha256
    where not k.certain and o.state = 'stored' and (o.store_id, o.copy) is distinct from (k.store_id, k.copy)
  )
  select c.upload_id, c.store_id, s.location,
    pra_store.object_name(pra_store.digest(artifact_copies.sha256), c.copy), c.copy, c.size,
    case when c.is_inline then 1 when c.upload_id is not null then (c.size + 1048575) / 1048576 else 0 end,
    c.certain, case when s.marked_at is not null then s.mark::text end
  from copies as c left join pra_store.stores as s on s.id = c.store_id
  order by c.rank, c.age;
$$;

grant execute on function pra.artifact_copies to pra_submit, pra_worker, pra_read;

comment on function pra.artifact_copies is
'Returns the places of an artifact, the one that counts first; more than one only while its bytes are in doubt: a
reader takes the first that has the right SHA-256. certain: whether the server or a reader has checked the bytes
and nobody has found them damaged since. mark: the id that lies in the store, where it is known to.
No row for an artifact that is lost, and where there is none. Raises PR003 for a bad sha256.';

-- Marks a copy as damaged or missing. What the server can check at once it does.
create or replace function pra_store.doubt(
  sha256 bytea, upload bigint, store integer, copy integer, reason text
) returns void
language plpgsql
as $$
#variable_conflict use_column
declare
  kept record;
begin
  if upload is not null then
    update pra_store.uploads as u set suspect_at = clock_timestamp()
    where u.id = upload and u.sha256 = doubt.sha256 and u.committed_at is not null
      and (u.size > 67108864 or u.sha256 is distinct from (
        select pg_catalog.sha256(string_agg(c.bytes, '' order by c.ordinal))
        from pra_store.artifact_chunks as c where c.upload_id = upload));
  elsif store is not null then
    update pra_store.objects as o set suspect_at = clock_timestamp()
    where o.store_id = store and o.sha256 = doubt.sha256 and o.copy = doubt.copy and o.state = 'stored';
  else
    perform from pra_store.artifacts as a
    where a.sha256 = doubt.sha256 and pg_catalog.sha256(a.bytes) <> a.sha256;
  end if;
  if not found then
    return;
  end if;
  update pra_store.artifacts as a set
    suspect_at = clock_timestamp(),
    suspicion = left(regexp_replace(reason, '[[:cntrl:]]', ' ', 'g'), 500)
  where a.sha256 = doubt.sha256 and a.suspect_at is null
    and (a.upload_id, a.store_id, a.copy) is not distinct from (doubt.upload, doubt.store, doubt.copy)
  returning a.size, a.suspicion into kept;
  if found then
    perform pra_store.record_event(
      'artifact.suspect', null, null, null, null,
      jsonb_build_object('sha256', encode(doubt.sha256, 'hex'), 'reason', kept.suspicion));
  end if;
end
$$;

-- Makes a copy that a reader has checked the one that counts. Garbage collection deletes the others.
create or replace function pra_store.confirm(sha256 bytea, upload bigint, store integer, copy integer) returns void
language plpgsql
as $$
#variable_conflict use_column
declare
  checked bigint;
begin
  if upload is not null then
    update pra_store.uploads as u set suspect_at = null
    where u.id = upload and u.sha256 = confirm.sha256 and u.committed_at is not null
      and (u.size > 67108864 or u.sha256 = (
        select pg_catalog.sha256(string_agg(c.bytes, '' order by c.ordinal))
        from pra_store.artifact_chunks as c where c.upload_id = upload))
    returning u.size into checked;
  elsif store is not null then
    update pra_store.objects as o set suspect_at = null
    where o.store_id = store and o.sha256 = confirm.sha256 and o.copy = confirm.copy and o.state = 'stored'
    returning o.size into checked;
  else
    select a.size into checked from pra_store.artifacts as a
    where a.sha256 = confirm.sha256 and pg_catalog.sha256(a.bytes) = a.sha256;
  end if;
  update pra_store.artifacts as a set
    size = checked, upload_id = confirm.upload, store_id = confirm.store, copy = confirm.copy,
    bytes = case when confirm.upload is null and confirm.store is null then a.bytes end,
    unverified = false, suspect_at = null, suspicion = null
  where a.sha256 = confirm.sha256 and checked is not null and (a.unverified or a.suspect_at is not null);
end
$$;

create or replace function pra.doubt_artifact(
  job bigint, epoch bigint, sha256 text, upload bigint, store integer, copy integer, reason text,
  token uuid default null
) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform pra_store.hold(job, epoch, false, token);
  perform pra_store.doubt(pra_store.digest(sha256), upload, store, copy, reason);
end
$$;

grant execute on function pra.doubt_artifact to pra_worker;

comment on function pra.doubt_artifact is
'Marks a copy of an artifact (pra.artifact_copies) as damaged or missing, for an attempt that has read it. Whoever has
the bytes stores them again; nothing is deleted. Without effect on bytes that the server finds to be right.
Raises PR001 when the attempt has lost its lease, PR003 for a bad sha256.';

create or replace function pra.submit_doubt(
  sha256 text, upload bigint, store integer, copy integer, reason text
) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$ select pra_store.doubt(pra_store.digest(sha256), upload, store, copy, reason); $$;

grant execute on function pra.submit_doubt to pra_submit;

comment on function pra.submit_doubt is
'Marks a copy of an artifact as damaged or missing, outside any attempt: pra.doubt_artifact for submitters. The next
reader of an attempt who finds the bytes right takes the mark away. Raises PR003 for a bad sha256.';

-- Whether a login would answer for its own copy while another copy is there, which garbage collection deleted then.
create or replace function pra_store.is_own_word(sha256 bytea, upload bigint, store integer, copy integer)
returns boolean
language sql stable
as $$
  select coalesce(pra_store.owner_of(upload, store, sha256, copy) = session_user::text, false) and (
    exists (
      select from pra_store.uploads as u
      where u.sha256 = is_own_word.sha256 and u.committed_at is not null and u.id is distinct from upload)
    or exists (
      select from pra_store.objects as o
      where o.sha256 = is_own_word.sha256 and o.state = 'stored'
        and (o.store_id, o.copy) is distinct from (store, is_own_word.copy)));
$$;

create or replace function pra.confirm_artifact(
  job bigint, epoch bigint, sha256 text, upload bigint, store integer, copy integer, token uuid default null
) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform pra_store.hold(job, epoch, false, token);
  if not pra_store.is_own_word(pra_store.digest(sha256), upload, store, copy) then
    perform pra_store.confirm(pra_store.digest(sha256), upload, store, copy);
  end if;
end
$$;

grant execute on function pra.confirm_artifact to pra_worker;

comment on function pra.confirm_artifact is
'Records that an attempt has read a copy of an artifact and found its SHA-256 right: from then on it counts for
everybody. Without effect on a copy of one''s own while there is another one: that is for another login, or for pra
store verify. Raises PR001 when the attempt has lost its lease, PR003 for a bad sha256.';

create or replace function pra.confirm_stored(sha256 text, upload bigint, store integer, copy integer) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$ select pra_store.confirm(pra_store.digest(sha256), upload, store, copy); $$;

comment on function pra.confirm_stored is
'Records that a copy of an artifact was read and is right: pra.confirm_artifact outside any attempt. Granted to no role
but pra_owner. Raises PR003 for a bad sha256.';

create or replace function pra.check_inline(after text default '')
returns table (sha256 text, number bigint)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  one record;
begin
  for one in
    select a.digest, count(*) over () as number, pg_catalog.sha256(a.bytes) <> a.digest as is_bad
    from (
      select a.sha256 as digest, a.bytes from pra_store.artifacts as a
      where a.bytes is not null and a.sha256 > decode(check_inline.after, 'hex')
      order by a.sha256 limit 1000) as a
    order by a.digest
  loop
    if one.is_bad then
      perform pra_store.doubt(one.digest, null, null, null, 'the SHA-256 of its bytes is another');
    end if;
    sha256 := encode(one.digest, 'hex');
    number := one.number;
  end loop;
  if sha256 is not null then
    return next;
  end if;
end
$$;

comment on function pra.check_inline is
'Computes the SHA-256 of the next thousand artifacts that lie in their rows, marks wrong ones as suspect, and returns the
last one with the number of those checked; no row at the end. Granted to no role but pra_owner.';

create or replace function pra.artifact_uses(sha256 text)
returns table (run bigint, job bigint, kind text, use text)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  with uses as (
    select o.job_id, 'output ' || o.name as use from pra_store.job_outputs as o
    where o.sha256 = pra_store.digest(artifact_uses.sha256)
    union all
    select c.job_id, format('%s of the checkpoint at step %s', f.name, c.step)
    from pra_store.checkpoint_files as f join pra_store.checkpoints as c on c.id = f.checkpoint_id
    where f.sha256 = pra_store.digest(artifact_uses.sha256)
    union all
    select i.job_id, 'image ' || i.number from pra_store.images as i
    where i.sha256 = pra_store.digest(artifact_uses.sha256)
    union all
    select i.job_id, format('images from %s to %s', i.first, i.first + cardinality(i.labels) - 1)
    from pra_store.image_sets as i
    where i.sha256 = pra_store.digest(artifact_uses.sha256)
    union all
    select k.job_id, 'kept result: ' || k.what from pra_store.kept_results as k
    where k.sha256 = pra_store.digest(artifact_uses.sha256)
    union all
    select j.id, 'input' from pra_store.jobs as j
    where j.arguments::text like '%' || artifact_uses.sha256 || '%'
    union all
    select e.array_id, 'input of an element' from pra_store.element_arguments as e
    where e.arguments::text like '%' || artifact_uses.sha256 || '%'
  )
  select distinct j.run_id, u.job_id, j.kind, u.use
  from uses as u join pra_store.jobs as j on j.id = u.job_id
  order by j.run_id, u.job_id, u.use;
$$;

grant execute on function pra.artifact_uses to pra_submit, pra_worker, pra_read;

comment on function pra.artifact_uses is
'Returns what refers to an artifact: outputs, files of checkpoints, images, and arguments of jobs.
Raises PR003 for a bad sha256.';
