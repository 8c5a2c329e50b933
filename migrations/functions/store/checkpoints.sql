-- Checkpoints: registration and retention.

create or replace function pra.register_checkpoint(
  job bigint, epoch bigint, step bigint, files jsonb, token uuid default null
) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  held pra_store.jobs := pra_store.hold(job, epoch, false, token);
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

grant execute on function pra.register_checkpoint to pra_worker;

comment on function pra.register_checkpoint is
'Registers a checkpoint of an attempt, whose files are stored already, and returns its number. Registered
again by the same attempt with the same files, it counts once.
step: steps made, 0 or more. files: [{"name": ..., "sha256": ...}], at least one.
Raises PR001 when the attempt has lost its lease, PR003 for no files, PR002 when one of them is not
stored, PR004 when the attempt has registered other files at this step.';

create or replace function pra.retain_checkpoints(
  run bigint, keep_last integer default 1, keep_best integer default 0, metric text default 'loss',
  keep_every bigint default null, dry boolean default false
) returns table (job_id bigint, epoch bigint, step bigint, kept boolean, reason text)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  if keep_last is null or keep_last < 1 then
    raise exception 'keep_last: %, must be 1 or more: a job goes on from its newest', keep_last
      using errcode = 'PR003';
  end if;
  if keep_best < 0 or keep_every < 1 then
    raise exception 'keep_best and keep_every: % and %, must be 0 or more and 1 or more',
      keep_best, keep_every using errcode = 'PR003';
  end if;
  create temp table if not exists verdicts (
    id bigint, job_id bigint, epoch bigint, step bigint, reason text) on commit drop;
  delete from pg_temp.verdicts;
  insert into pg_temp.verdicts (id, job_id, epoch, step, reason)
  select r.id, r.job_id, r.epoch, r.step,
    case
      when r.suspect then 'suspect'
      when r.age <= keep_last then 'last'
      when r.rank <= keep_best and r.value is not null then 'best'
      when keep_every is not null and r.step % keep_every = 0 then 'every'
    end
  from pra_store.rated_checkpoints(run, metric) as r;
  if not dry then
    delete from pra_store.checkpoint_files as f using pg_temp.verdicts as v
    where f.checkpoint_id = v.id and v.reason is null;
    delete from pra_store.checkpoints as c using pg_temp.verdicts as v
    where c.id = v.id and v.reason is null;
  end if;
  return query
    select v.job_id, v.epoch, v.step, v.reason is not null, v.reason
    from pg_temp.verdicts as v order by v.job_id, v.epoch, v.step;
end
$$;

comment on function pra.retain_checkpoints is
'Deletes checkpoints of a run, of all runs for null, and returns a row for each with the reason to keep
it: last, best, every or suspect. dry: only returns the rows. The bytes go with pra.collect_garbage.
Of each job these stay: the keep_last newest (1 or more; a job goes on from its newest), the keep_best
best by the mean of the metric since the checkpoint before, and those at multiples of keep_every steps.
Those that a reader found damaged stay, and count for none of these. A checkpoint of a series that was
abandoned is never among the best. Granted to no role but pra_owner.
Raises PR003 for a number out of range.';

-- Checkpoints of a run, of all runs for null: age and rank by a metric within the job, each from 1. The
-- value is the mean of the surviving series since the surviving checkpoint before, whichever attempts
-- wrote them; null for a checkpoint that no attempt continued from.
create or replace function pra_store.rated_checkpoints(run bigint, metric text)
returns table (
  id bigint, job_id bigint, epoch bigint, step bigint, age bigint, rank bigint, value double precision,
  suspect boolean)
language plpgsql stable
as $$
#variable_conflict use_column
declare
  up boolean := pra_store.better(metric) = 'up';
begin
  return query
    with found as (
      select c.*, exists (
        select from pra_store.checkpoint_files as f join pra_store.artifacts as a on a.sha256 = f.sha256
        where f.checkpoint_id = c.id and a.suspect_at is not null) as suspect
      from pra_store.checkpoints as c
    ), lasting as (
      select c.id, c.job_id, c.epoch, c.step, c.suspect,
        row_number() over (partition by c.job_id order by c.suspect, c.epoch desc, c.step desc) as age,
        not exists (select from pra_store.metric_ranges as r where r.job_id = c.job_id) or exists (
          select from pra_store.metric_ranges as r
          where r.job_id = c.job_id and r.epoch = c.epoch and c.step > r.from_step
            and c.step <= r.to_step) as survives
      from found as c
      join pra_store.jobs as j on j.id = c.job_id
      where run is null or j.run_id = run
    ), ranged as (
      select l.*,
        coalesce(lag(l.step) over (partition by l.job_id, l.survives order by l.step), 0) as since
      from lasting as l
    ), ranked as (
      select r.*,
        (select avg(m.value)
         from pra_store.metrics as m
         join pra_store.metric_names as n on n.id = m.name_id and n.name = metric
         join pra_store.metric_ranges as s
           on s.job_id = m.job_id and s.epoch = m.epoch and m.step >= s.from_step
             and m.step < s.to_step
         where m.job_id = r.job_id and m.value <> 'NaN' and m.step < r.step and m.step >= r.since
           and r.survives
        ) as value
      from ranged as r
    )
    select r.id, r.job_id, r.epoch, r.step, r.age,
      row_number() over (
        partition by r.job_id
        order by r.suspect, case when up then -r.value else r.value end nulls last, r.step),
      r.value, r.suspect
    from ranked as r;
end
$$;
