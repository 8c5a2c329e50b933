-- Checkpoints and the finish of an attempt.

set local role pra_owner;

-- The digest of a stored artifact, or PR002 that names what refers to it.
create function pra_store.stored_artifact(sha256 text, referrer text) returns bytea
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
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

-- Files are [{"name": ..., "sha256": ...}]; they must be stored. A checkpoint exists when this is
-- committed. Registered again by the same attempt it must be the same, and counts once.
create function pra.register_checkpoint(job bigint, epoch bigint, step bigint, files jsonb)
returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  held pra_store.jobs := pra_store.hold(job, epoch, false);
  made bigint;
begin
  if jsonb_typeof(files) is distinct from 'array' or jsonb_array_length(files) = 0 then
    raise exception 'files: a checkpoint has at least one' using errcode = 'PR003';
  end if;
  insert into pra_store.checkpoints (job_id, epoch, step)
  values (register_checkpoint.job, register_checkpoint.epoch, register_checkpoint.step)
  on conflict do nothing
  returning id into made;
  if made is null then
    select c.id into made from pra_store.checkpoints as c
    where c.job_id = job and c.epoch = register_checkpoint.epoch
      and c.step = register_checkpoint.step;
    if exists (
      (select f.name::text, encode(f.sha256, 'hex')
       from pra_store.checkpoint_files as f where f.checkpoint_id = made)
      except
      (select f ->> 'name', f ->> 'sha256' from jsonb_array_elements(files) as f)
    ) then
      raise exception 'step: attempt % of job % has registered another checkpoint at step %',
        epoch, job, step using errcode = 'PR004';
    end if;
    return made;
  end if;
  insert into pra_store.checkpoint_files (checkpoint_id, name, sha256)
  select made, f ->> 'name', pra_store.stored_artifact(f ->> 'sha256', 'files: ' || (f ->> 'name'))
  from jsonb_array_elements(files) as f;
  perform pra_store.record_event(
    'checkpoint.registered', held.run_id, job, epoch, held.worker_id,
    jsonb_build_object('step', step));
  return made;
end
$$;

-- Commits an attempt: outputs, images, evaluations, result, the mark up to which its metrics are
-- in, the status, and the release of its dependents, all or nothing.
--   outputs      [{"name", "sha256", "media_type"}]
--   images       [{"number", "label", "class", "seed", "sha256"}]
--   evaluations  [{"metric", "scope", "value", "images", "details"}]; a value that is no number in
--                JSON ("NaN", "Infinity") is a string
--   metric_batch number of the last metric batch sent; PR004 if it was not absorbed
-- True when this call committed it, false when an earlier call of the same attempt had.
create function pra.finish(
  job bigint, epoch bigint, outputs jsonb default '[]', images jsonb default '[]',
  evaluations jsonb default '[]', result jsonb default '{}', metric_batch bigint default 0
) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  held pra_store.jobs;
  absorbed bigint;
  released bigint;
begin
  if exists (
    select from pra_store.jobs as j
    join pra_store.attempts as a on a.job_id = j.id and a.epoch = j.epoch
    where j.id = job and j.epoch = finish.epoch and j.state = 'succeeded'
      and a.outcome = 'succeeded'
  ) then
    return false;
  end if;
  held := pra_store.hold(job, epoch, true);
  select a.metric_batch into absorbed
  from pra_store.attempts as a where a.job_id = job and a.epoch = finish.epoch;
  if absorbed <> finish.metric_batch then
    raise exception 'metric_batch: the last batch absorbed is %, not %', absorbed,
      finish.metric_batch using errcode = 'PR004';
  end if;

  insert into pra_store.job_outputs (job_id, name, epoch, sha256, media_type)
  select held.id, o ->> 'name', held.epoch,
    pra_store.stored_artifact(o ->> 'sha256', 'outputs: ' || (o ->> 'name')), o ->> 'media_type'
  from jsonb_array_elements(finish.outputs) as o;
  insert into pra_store.images (job_id, number, epoch, label, class_name, seed, sha256)
  select held.id, (i ->> 'number')::bigint, held.epoch, (i ->> 'label')::integer, i ->> 'class',
    (i ->> 'seed')::numeric,
    pra_store.stored_artifact(i ->> 'sha256', 'images: number ' || (i ->> 'number'))
  from jsonb_array_elements(finish.images) as i;
  insert into pra_store.evaluations (job_id, metric, scope, epoch, value, images, details)
  select held.id, e ->> 'metric', e ->> 'scope', held.epoch, (e ->> 'value')::double precision,
    (e ->> 'images')::bigint, coalesce(e -> 'details', '{}')
  from jsonb_array_elements(finish.evaluations) as e;

  update pra_store.attempts as a
  set ended_at = clock_timestamp(), outcome = 'succeeded', exit_code = 0
  where a.job_id = held.id and a.epoch = held.epoch;
  update pra_store.jobs as j
  set state = 'succeeded', worker_id = null, finished_at = clock_timestamp(), message = null,
      result = finish.result, preempt_requested_at = null, cancel_requested_at = null
  where j.id = held.id;
  perform pra_store.record_event(
    'attempt.succeeded', held.run_id, held.id, held.epoch, held.worker_id,
    jsonb_build_object('metric_batch', absorbed));

  -- In the order of ids, as everybody locks.
  perform from pra_store.jobs as j
  where j.id in (select d.job_id from pra_store.job_dependencies as d where d.parent_id = held.id)
  order by j.id for no key update;
  with freed as (
    update pra_store.jobs as j
    set unmet = j.unmet - 1,
        state = case when j.state = 'blocked' and j.unmet = 1 then 'ready' else j.state end
    from pra_store.job_dependencies as d
    where d.parent_id = held.id and d.job_id = j.id and j.unmet > 0
    returning j.state
  )
  select count(*) into released from freed where state = 'ready';
  if released > 0 then
    perform pg_notify('pra_ready', '');
  end if;
  return true;
end
$$;

grant execute on function pra.register_checkpoint, pra.finish to pra_worker;
