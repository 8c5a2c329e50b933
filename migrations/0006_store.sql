-- Functions of a running attempt: progress, metrics, logs, artifacts, checkpoints, the finish. All
-- take (job, epoch) and raise PR001 when stale (0005). Further errors:
--   PR005 the bytes are not what their SHA-256 or size says

set local role pra_owner;

create function pra.progress(job bigint, epoch bigint, done bigint, total bigint, unit text)
returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  perform pra_store.hold(job, epoch, false);
  insert into pra_store.progress as p (job_id, epoch, done, total, unit)
  values (progress.job, progress.epoch, progress.done, progress.total, left(progress.unit, 40))
  on conflict (job_id) do update
  set epoch = excluded.epoch, done = excluded.done, total = excluded.total, unit = excluded.unit,
      updated_at = clock_timestamp();
end
$$;

-- Makes the partition of a month. Attached, not created as one: that needs no lock against inserts.
create function pra_store.ensure_metric_partition(at timestamptz) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  month timestamp := date_trunc('month', at at time zone 'UTC');
  name text := 'metrics_' || to_char(month, 'YYYYMM');
begin
  if to_regclass('pra_store.' || name) is not null then
    return;
  end if;
  perform pg_advisory_xact_lock(hashtext('pra_store.metrics partitions'));
  if to_regclass('pra_store.' || name) is not null then
    return;
  end if;
  execute format('create table pra_store.%I (like pra_store.metrics including defaults)', name);
  execute format(
    'alter table pra_store.metrics attach partition pra_store.%I for values from (%L) to (%L)',
    name, month || '+00', (month + interval '1 month') || '+00');
end
$$;
select pra_store.ensure_metric_partition(now());
select pra_store.ensure_metric_partition(now() + interval '7 days');

-- The steps that survive, following an attempt back through what it continues.
create function pra_store.write_ranges(job bigint, head bigint) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  delete from pra_store.metric_ranges where job_id = job;
  insert into pra_store.metric_ranges (job_id, epoch, from_step, to_step)
  with recursive chain (epoch, continues_epoch, from_step, to_step) as (
    select a.epoch, a.continues_epoch, a.from_step, 9223372036854775807
    from pra_store.attempts as a
    where a.job_id = job and a.epoch = head
    union all
    select a.epoch, a.continues_epoch, a.from_step, least(c.from_step, c.to_step)
    from chain as c
    join pra_store.attempts as a on a.job_id = job and a.epoch = c.continues_epoch
  )
  select job, epoch, from_step, to_step from chain where from_step < to_step;
end
$$;

-- Declares that this attempt's series starts at a step, before it the series of an earlier attempt.
-- Without an earlier attempt it starts from scratch. Once per attempt, before its first metric.
create function pra.continue_from(
  job bigint, epoch bigint, from_epoch bigint default null, step bigint default 0
) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  mine pra_store.attempts;
begin
  perform pra_store.hold(job, epoch, false);
  select * into mine from pra_store.attempts as a
  where a.job_id = job and a.epoch = continue_from.epoch for no key update;
  if mine.from_step is not null then
    if (mine.from_step, mine.continues_epoch) is not distinct from (step, from_epoch) then
      return;
    end if;
    raise exception 'attempt % of job % has declared step %, or has metrics, already',
      epoch, job, mine.from_step using errcode = 'PR004';
  end if;
  if from_epoch is not null and not exists (
    select from pra_store.attempts as a
    where a.job_id = job and a.epoch = from_epoch and a.epoch < mine.epoch
      and a.from_step is not null
  ) then
    raise exception 'from_epoch: job % has no earlier attempt % with a series', job, from_epoch
      using errcode = 'PR002';
  end if;
  if step is null or step < 0 then
    raise exception 'step: %, must be 0 or more', step using errcode = 'PR003';
  end if;
  update pra_store.attempts as a
  set from_step = step, continues_epoch = from_epoch
  where a.job_id = job and a.epoch = continue_from.epoch;
  perform pra_store.write_ranges(job, continue_from.epoch);
end
$$;

-- Moves a staged batch to the series. Batches of an attempt are numbered upwards from 1; one that
-- was absorbed before is dropped, so a sender that did not hear the answer sends it again. Returns the
-- number of points taken. Best in one transaction with the COPY that staged it.
create function pra.absorb_metrics(job bigint, epoch bigint, batch bigint) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  mine pra_store.attempts;
  arrived timestamptz := clock_timestamp();
  taken bigint;
  highest bigint;
begin
  perform pra_store.hold(job, epoch, false);
  select * into mine from pra_store.attempts as a
  where a.job_id = job and a.epoch = absorb_metrics.epoch for no key update;
  if batch is null or batch <= mine.metric_batch then
    delete from pra_store.metric_staging as s
    where s.job_id = job and s.epoch = absorb_metrics.epoch and s.batch = absorb_metrics.batch;
    return 0;
  end if;
  if mine.from_step is null then
    update pra_store.attempts as a set from_step = 0
    where a.job_id = job and a.epoch = absorb_metrics.epoch;
    perform pra_store.write_ranges(job, mine.epoch);
  end if;

  insert into pra_store.metric_names (name)
  select distinct s.name from pra_store.metric_staging as s
  where s.job_id = job and s.epoch = absorb_metrics.epoch and s.batch = absorb_metrics.batch
    and not exists (select from pra_store.metric_names as n where n.name = s.name)
  order by s.name
  on conflict do nothing;

  perform pra_store.ensure_metric_partition(arrived);
  with moved as (
    delete from pra_store.metric_staging as s
    where s.job_id = job and s.epoch = absorb_metrics.epoch and s.batch = absorb_metrics.batch
    returning s.name, s.step, s.value
  ), stored as (
    insert into pra_store.metrics (recorded_at, job_id, epoch, name_id, step, value)
    select arrived, job, mine.epoch, n.id, m.step, m.value
    from moved as m join pra_store.metric_names as n on n.name = m.name
    returning step
  )
  select count(*), max(step) into taken, highest from stored;

  update pra_store.attempts as a
  set metric_batch = absorb_metrics.batch,
      metric_high_water = greatest(a.metric_high_water, highest)
  where a.job_id = job and a.epoch = absorb_metrics.epoch;
  return taken;
end
$$;

-- Appends what a stage printed; sent again under the same ordinal it counts once. The one write
-- that is also allowed within a minute after its attempt ended in order, for the last lines are read
-- when the stage has gone: but only while it is the job's latest attempt and its worker is alive.
create function pra.append_log(job bigint, epoch bigint, ordinal integer, bytes bytea)
returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  perform from pra_store.jobs as j where j.id = job for share;
  if not exists (
    select
    from pra_store.attempts as a
    join pra_store.jobs as j on j.id = a.job_id and j.epoch = a.epoch
    join pra_store.workers as w on w.id = a.worker_id
    where a.job_id = job and a.epoch = append_log.epoch
      and (a.ended_at is null or (
        a.outcome <> 'lost' and a.ended_at > clock_timestamp() - interval '1 minute'))
      and w.stopped_at is null
      and pra_store.lease_end(w.lease_expires_at, w.lease) > clock_timestamp()
  ) then
    raise exception 'lease lost: attempt % of job % may write no more', epoch, job
      using errcode = 'PR001';
  end if;
  insert into pra_store.log_chunks (job_id, epoch, ordinal, bytes)
  values (append_log.job, append_log.epoch, append_log.ordinal, append_log.bytes)
  on conflict do nothing;
end
$$;

-- Artifacts. The same bytes are stored once; workers and submitters share the inner functions.

create function pra_store.digest(sha256 text) returns bytea
language plpgsql immutable security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if sha256 is null or sha256 !~ '^[0-9a-f]{64}$' then
    raise exception 'sha256: "%" is not 64 lower-case hexadecimal digits', sha256
      using errcode = 'PR003';
  end if;
  return decode(sha256, 'hex');
end
$$;

create function pra_store.put_inline(sha256 text, media_type text, bytes bytea) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  if bytes is null or length(bytes) > 1048576 then
    raise exception 'bytes: % is more than the 1048576 that lie inline; upload in chunks',
      length(bytes) using errcode = 'PR003';
  end if;
  if pg_catalog.sha256(bytes) <> pra_store.digest(sha256) then
    raise exception 'bytes: their sha256 is %, not %',
      encode(pg_catalog.sha256(bytes), 'hex'), sha256 using errcode = 'PR005';
  end if;
  insert into pra_store.artifacts (sha256, size, media_type, bytes)
  values (pra_store.digest(put_inline.sha256), length(put_inline.bytes), put_inline.media_type,
          put_inline.bytes)
  on conflict do nothing;
end
$$;

create function pra_store.begin_upload(
  job bigint, epoch bigint, sha256 text, size bigint, media_type text
) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  made bigint;
begin
  if exists (
    select from pra_store.artifacts as a
    where a.sha256 = pra_store.digest(begin_upload.sha256)
  ) then
    return null;
  end if;
  insert into pra_store.uploads (sha256, size, media_type, job_id, epoch)
  values (pra_store.digest(begin_upload.sha256), begin_upload.size, begin_upload.media_type,
          begin_upload.job, begin_upload.epoch)
  returning id into made;
  return made;
end
$$;

create function pra_store.put_chunk(
  upload bigint, job bigint, epoch bigint, ordinal integer, bytes bytea
) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  target pra_store.uploads;
  expected bigint;
begin
  select * into target from pra_store.uploads as u
  where u.id = upload and (u.job_id, u.epoch) is not distinct from (put_chunk.job, put_chunk.epoch);
  if not found then
    raise exception 'there is no upload % of this attempt', upload using errcode = 'PR002';
  end if;
  if exists (select from pra_store.artifacts as a where a.upload_id = upload) then
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

-- Up to 64 MiB the server checks the hash itself; beyond that the size, and every reader checks.
create function pra_store.commit_upload(upload bigint, job bigint, epoch bigint) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  target pra_store.uploads;
  got bigint;
begin
  select * into target from pra_store.uploads as u
  where u.id = upload
    and (u.job_id, u.epoch) is not distinct from (commit_upload.job, commit_upload.epoch)
  for no key update;
  if not found then
    raise exception 'there is no upload % of this attempt', upload using errcode = 'PR002';
  end if;
  select coalesce(sum(length(c.bytes)), 0) into got
  from pra_store.artifact_chunks as c where c.upload_id = upload;
  if got <> target.size then
    raise exception 'upload % has % bytes, not %', upload, got, target.size using errcode = 'PR005';
  end if;
  if target.size <= 67108864 and target.sha256 <> (
    select pg_catalog.sha256(coalesce(string_agg(c.bytes, '' order by c.ordinal), ''))
    from pra_store.artifact_chunks as c where c.upload_id = upload
  ) then
    raise exception 'upload %: the sha256 of its bytes is not %', upload,
      encode(target.sha256, 'hex') using errcode = 'PR005';
  end if;
  insert into pra_store.artifacts (sha256, size, media_type, upload_id)
  values (target.sha256, target.size, target.media_type, upload)
  on conflict (sha256) do nothing;
  if not found and not exists (select from pra_store.artifacts as a where a.upload_id = upload) then
    -- Somebody stored the same bytes first.
    delete from pra_store.artifact_chunks as c where c.upload_id = upload;
  end if;
end
$$;

create function pra.put_artifact(
  job bigint, epoch bigint, sha256 text, media_type text, bytes bytea
) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform pra_store.hold(job, epoch, false);
  perform pra_store.put_inline(sha256, media_type, bytes);
end
$$;

-- Starts an upload; null when the store has these bytes already.
create function pra.begin_artifact(
  job bigint, epoch bigint, sha256 text, size bigint, media_type text
) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform pra_store.hold(job, epoch, false);
  return pra_store.begin_upload(job, epoch, sha256, size, media_type);
end
$$;

create function pra.put_artifact_chunk(
  job bigint, epoch bigint, upload bigint, ordinal integer, bytes bytea
) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform pra_store.hold(job, epoch, false);
  perform pra_store.put_chunk(upload, job, epoch, ordinal, bytes);
end
$$;

create function pra.commit_artifact(job bigint, epoch bigint, upload bigint) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform pra_store.hold(job, epoch, false);
  perform pra_store.commit_upload(upload, job, epoch);
end
$$;

create function pra.submit_artifact(sha256 text, media_type text, bytes bytea) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$ begin perform pra_store.put_inline(sha256, media_type, bytes); end $$;

create function pra.begin_submission(sha256 text, size bigint, media_type text) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$ begin return pra_store.begin_upload(null, null, sha256, size, media_type); end $$;

create function pra.submit_chunk(upload bigint, ordinal integer, bytes bytea) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$ begin perform pra_store.put_chunk(upload, null, null, ordinal, bytes); end $$;

create function pra.commit_submission(upload bigint) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$ begin perform pra_store.commit_upload(upload, null, null); end $$;

-- The bytes [ordinal * 1048576, ...) of an artifact; null past its end.
create function pra.artifact_chunk(sha256 text, ordinal integer) returns bytea
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  kept pra_store.artifacts;
begin
  select * into kept from pra_store.artifacts as a
  where a.sha256 = pra_store.digest(artifact_chunk.sha256);
  if not found then
    raise exception 'there is no artifact %', artifact_chunk.sha256 using errcode = 'PR002';
  end if;
  if kept.upload_id is null then
    return case when ordinal = 0 then kept.bytes end;
  end if;
  return (
    select c.bytes from pra_store.artifact_chunks as c
    where c.upload_id = kept.upload_id and c.ordinal = artifact_chunk.ordinal);
end
$$;

-- What an attempt printed: its chunks after an ordinal; without an epoch, of the latest attempt.
create function pra.read_log(job bigint, epoch bigint default null, after integer default -1)
returns table (epoch bigint, ordinal integer, at timestamptz, bytes bytea)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select c.epoch, c.ordinal, c.at, c.bytes
  from pra_store.log_chunks as c
  where c.job_id = read_log.job
    and c.epoch = coalesce(
      read_log.epoch, (select j.epoch from pra_store.jobs as j where j.id = read_log.job))
    and c.ordinal > read_log.after
  order by c.ordinal;
$$;

grant execute on function pra.progress, pra.continue_from, pra.absorb_metrics, pra.append_log,
  pra.put_artifact, pra.begin_artifact, pra.put_artifact_chunk, pra.commit_artifact to pra_worker;
grant execute on function pra.submit_artifact, pra.begin_submission, pra.submit_chunk,
  pra.commit_submission to pra_submit;
grant execute on function pra.artifact_chunk, pra.read_log to pra_submit, pra_worker, pra_read;
