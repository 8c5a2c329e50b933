-- Checkpoints: registration and retention.

create or replace function pra.register_checkpoint(
  job bigint, epoch bigint, step bigint, files jsonb, token uuid default null, keep jsonb default null
) returns table (checkpoint bigint, dropped bigint)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  held pra_store.jobs := pra_store.hold(job, epoch, false, token);
  made bigint;
  since bigint;
begin
  if jsonb_typeof(files) is distinct from 'array' or jsonb_array_length(files) = 0 then
    raise exception 'files: a checkpoint has at least one' using errcode = 'PR003';
  end if;
  insert into pra_store.checkpoints (job_id, epoch, step, since)
  values (
    register_checkpoint.job, register_checkpoint.epoch, register_checkpoint.step,
    coalesce(
      (select max(b.step) from pra_store.checkpoints as b
       where b.job_id = job and b.epoch = register_checkpoint.epoch and b.step < register_checkpoint.step),
      (select a.from_step from pra_store.attempts as a
       where a.job_id = job and a.epoch = register_checkpoint.epoch and a.from_step <= register_checkpoint.step),
      0))
  on conflict do nothing
  returning id, checkpoints.since into made, since;
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
    return query select made, pra_store.dropped_objects(job);
    return;
  end if;
  insert into pra_store.checkpoint_files (checkpoint_id, name, sha256)
  select made, f ->> 'name', pra_store.stored_artifact(f ->> 'sha256', 'files: ' || (f ->> 'name'))
  from jsonb_array_elements(files) as f;
  -- They are referred to from now on.
  delete from pra_store.pending_artifacts as p
  using pra_store.checkpoint_files as f
  where f.checkpoint_id = made and p.job_id = job and p.epoch = register_checkpoint.epoch and p.sha256 = f.sha256;
  perform pra_store.record_event(
    'checkpoint.registered', held.run_id, job, epoch, held.worker_id,
    jsonb_build_object('step', step));
  perform pra_store.draw_preview(held, register_checkpoint.step, since);
  if keep is not null then
    perform pra_store.apply_rule(job, keep);
  end if;
  return query select made, pra_store.dropped_objects(job);
end
$$;

grant execute on function pra.register_checkpoint to pra_worker;

comment on function pra.register_checkpoint is
'Registers a checkpoint of an attempt, whose files are stored already; checkpoint: its number. Registered
again by the same attempt with the same files, it counts once.
step: steps made, 0 or more. files: [{"name": ..., "sha256": ...}], at least one. keep: the rule by which earlier
checkpoints of the job stay, {"last": 1 or more, "best": 0 or more, "metric": name, "every": steps or null}, as
pra.retain_checkpoints reads them; null for all. While best is above 0 and the job has no point of the metric, all stay. Bytes to which nothing refers any more are deleted at once as far as
they lie in the database. dropped: number of objects in other stores that the attempt is to delete (pra.next_dropped).
Raises PR003 for a bad rule, PR001 when the attempt has lost its lease, PR003 for no files, PR002 when one of them is not
stored, PR004 when the attempt has registered other files at this step.';

create or replace function pra.retain_checkpoints(
  run bigint, keep_last integer default 1, keep_best integer default 0, metric text default 'loss',
  keep_every bigint default null, dry boolean default false
) returns table (job_id bigint, epoch bigint, step bigint, kept boolean, reason text)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  unrated bigint[];
begin
  if keep_last is null or keep_last < 0 then
    raise exception 'keep_last: %, must be 0 or more', keep_last using errcode = 'PR003';
  end if;
  if keep_best < 0 or keep_every < 1 then
    raise exception 'keep_best and keep_every: % and %, must be 0 or more and 1 or more',
      keep_best, keep_every using errcode = 'PR003';
  end if;
  if keep_best > 0 then
    unrated := array(
      select j.id from pra_store.jobs as j
      where (run is null or j.run_id = run) and exists (select from pra_store.checkpoints as c where c.job_id = j.id)
        and exists (select from pra_store.metric_summaries as s where s.job_id = j.id)
        and not pra_store.has_series(j.id, metric));
    if run is not null and unrated <> '{}' and not exists (
      select from pra_store.checkpoints as c join pra_store.jobs as j on j.id = c.job_id
      where j.run_id = run and pra_store.has_series(j.id, metric)) then
      raise exception 'run % has no points of the series "%", by which its best checkpoints would be chosen; it has %', run,
        metric, coalesce((
          select string_agg(distinct n.name, ', ' order by n.name)
          from pra_store.metric_summaries as s join pra_store.metric_names as n on n.id = s.name_id
          where s.job_id = any(unrated) and pra_store.has_series(s.job_id, n.name)), 'none')
        using errcode = 'PR003';
    end if;
  end if;
  create temp table if not exists verdicts (
    id bigint, job_id bigint, epoch bigint, step bigint, reason text) on commit drop;
  delete from pg_temp.verdicts;
  insert into pg_temp.verdicts (id, job_id, epoch, step, reason)
  select r.id, r.job_id, r.epoch, r.step,
    case
      when r.suspect then 'suspect'
      when r.age <= keep_last or r.age = 1 and pra_store.may_be_read(r.job_id) then 'last'
      when r.job_id = any(unrated) then 'not rated'
      when r.rank <= keep_best and r.value is not null then 'best'
      when keep_every is not null and r.step / keep_every > r.since / keep_every then 'every'
      when pra_store.is_asked_for(r.job_id, r.step) then 'asked for'
    end
  from pra_store.rated_checkpoints(run, null, metric) as r;
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
it: last, best, every, asked for, suspect or not rated. dry: only returns the rows. The bytes go with pra.collect_garbage.
Of each job these stay: the keep_last newest, the keep_best
best by the mean of the metric since the checkpoint before, and the first one at or after each multiple of
keep_every steps, and those that an unfinished job of the run names. The newest stays in any case while its run, or a job that waits for it, has not ended.
Those that a reader found damaged stay, and count for none of these. A checkpoint of a series that was
abandoned is never among the best. With keep_best, every checkpoint stays of a job that has series, but no point of
the metric: which of them is the best is not known (not rated). Granted to no role but pra_owner.
Raises PR003 for a number out of range, and with keep_best for a run none of whose jobs has a point of the metric.';

-- Whether a job has points of a series: without one, nobody knows which of its checkpoints are the best.
create or replace function pra_store.has_series(job bigint, metric text) returns boolean
language sql stable
as $$
  select exists (
    select from pra_store.metrics as m join pra_store.metric_names as n on n.id = m.name_id
    where m.job_id = job and n.name = metric);
$$;

-- Whether somebody may still go on from the newest checkpoint of a job: itself, a job of its run, or one of another run
-- that waits for it.
create or replace function pra_store.may_be_read(job bigint) returns boolean
language sql stable
as $$
  select exists (
      select from pra_store.jobs as j join pra_store.jobs as o on o.run_id = j.run_id
      where j.id = job and o.state in ('blocked', 'ready', 'running'))
    or exists (
      select from pra_store.job_dependencies as d join pra_store.jobs as c on c.id = d.job_id
      where d.parent_id = job and c.state in ('blocked', 'ready', 'running'));
$$;

-- Whether a job of its run that has not ended names a checkpoint of a training.
create or replace function pra_store.is_asked_for(job bigint, step bigint) returns boolean
language sql stable
as $$
  select exists (
    select from pra_store.jobs as t join pra_store.jobs as o on o.run_id = t.run_id
    where t.id = job and o.state in ('blocked', 'ready', 'running')
      and o.arguments @> jsonb_build_object('train', job, 'step', step));
$$;

-- Number of objects that a job has dropped and nobody has deleted yet.
create or replace function pra_store.dropped_objects(job bigint) returns bigint
language sql stable
as $$
  select count(*) from pra_store.objects as o where o.dropped_by = job and o.state = 'deleting';
$$;

-- Drops the checkpoints of a job that its rule does not keep, and frees the bytes that only they referred to.
create or replace function pra_store.apply_rule(job bigint, keep jsonb) returns void
language plpgsql
as $$
#variable_conflict use_column
declare
  keep_last bigint := (keep ->> 'last')::bigint;
  keep_best bigint := coalesce((keep ->> 'best')::bigint, 0);
  keep_every bigint := (keep ->> 'every')::bigint;
  dropped bigint[];
  digests bytea[];
begin
  if keep_last is null or keep_last < 1 or keep_best < 0 or keep_every < 1 then
    raise exception 'keep: last, best and every are %, % and %, must be 1 or more, 0 or more, and 1 or more',
      keep_last, keep_best, keep_every using errcode = 'PR003';
  end if;
  -- A rule by a series that is not there would drop the best ones.
  if keep_best > 0 and not pra_store.has_series(job, coalesce(keep ->> 'metric', 'loss')) then
    return;
  end if;
  dropped := array(
    select r.id from pra_store.rated_checkpoints(null, job, coalesce(keep ->> 'metric', 'loss')) as r
    where not r.suspect and r.age > keep_last and not (r.rank <= keep_best and r.value is not null)
      and (keep_every is null or r.step / keep_every <= r.since / keep_every)
      and not pra_store.is_asked_for(job, r.step));
  if dropped = '{}' then
    return;
  end if;
  with gone as (
    delete from pra_store.checkpoint_files as f where f.checkpoint_id = any(dropped) returning f.sha256
  )
  select array_agg(distinct g.sha256) into digests from gone as g;
  delete from pra_store.checkpoints as c where c.id = any(dropped);
  perform pra_store.free(job, digests);
end
$$;

-- Deletes artifacts that only a dropped checkpoint of this job referred to. Those that somebody has touched since the
-- job stored them, or that a job enqueued later may name, are left to garbage collection and its grace period, as are
-- all where very many jobs were enqueued since.
create or replace function pra_store.free(job bigint, digests bytea[]) returns void
language plpgsql
as $$
#variable_conflict use_column
declare
  first timestamptz;
  freed bytea[];
begin
  if (select s.last_value from pra_store.jobs_id_seq as s) - job > 200000 then
    return;
  end if;
  -- The bytes are this job's own: nobody had stored them before it began.
  freed := array(
    select a.sha256 from pra_store.artifacts as a
    where a.sha256 = any(digests)
      and a.created_at >= (select min(t.started_at) from pra_store.attempts as t where t.job_id = job)
      and a.touched_at <= a.created_at + interval '10 milliseconds'
      and not pra_store.is_referred_to(a.sha256)
      and not exists (select from pra_store.awaited_artifacts() as w where w.sha256 = a.sha256)
    for update of a skip locked);
  select min(a.created_at) into first from pra_store.artifacts as a where a.sha256 = any(freed);
  freed := array(
    select f.sha256 from unnest(freed) as f (sha256)
    except
    select decode(v #>> '{}', 'hex')
    from (
      select j.arguments from pra_store.jobs as j where j.id > job and j.created_at >= first
      union all
      select e.arguments from pra_store.element_arguments as e where e.array_id > job
      union all
      select s.arguments from pra_store.schedules as s
    ) as n
    cross join jsonb_path_query(
      n.arguments, '$.** ? (@.type() == "string" && @ like_regex "^[0-9a-f]{64}$")') as v);
  delete from pra_store.artifacts as a where a.sha256 = any(freed);
  update pra_store.objects as o set state = 'deleting', dropped_by = job
  where o.sha256 = any(freed) and o.state = 'stored';
  delete from pra_store.artifact_chunks as c using pra_store.uploads as u
  where c.upload_id = u.id and u.sha256 = any(freed) and u.committed_at is not null;
  delete from pra_store.uploads as u where u.sha256 = any(freed) and u.committed_at is not null;
end
$$;

create or replace function pra.next_dropped(job bigint, epoch bigint, token uuid default null)
returns table (
  store integer, location text, database uuid, mark uuid, is_marked boolean, sha256 text, object text, copy integer)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  perform pra_store.hold(job, epoch, false, token);
  return query
    select o.store_id, s.location, pra_store.identity(), s.mark, s.marked_at is not null,
      encode(o.sha256, 'hex'), pra_store.object_name(o.sha256, o.copy), o.copy
    from pra_store.objects as o join pra_store.stores as s on s.id = o.store_id
    where o.dropped_by = job and o.state = 'deleting' and o.owner = session_user
      and not exists (
        select from pra_store.multipart_uploads as m
        where m.store_id = o.store_id and m.sha256 = o.sha256 and m.copy = o.copy)
    order by o.store_id, o.sha256, o.copy
    limit 1
    for update of o skip locked;
end
$$;

grant execute on function pra.next_dropped to pra_worker;

comment on function pra.next_dropped is
'Returns an object that only checkpoints referred to which the rule of this job has dropped, and locks it until the
transaction ends; no row when none is left. Next, in the same transaction: delete the object from its store, once the
mark there holds database and mark, then pra.forget_dropped. Those that an attempt leaves go with pra.collect_garbage.
Raises PR001 when the attempt has lost its lease.';

create or replace function pra.forget_dropped(
  job bigint, epoch bigint, store integer, sha256 text, copy integer, token uuid default null
) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  perform pra_store.hold(job, epoch, false, token);
  delete from pra_store.objects as o
  where o.store_id = store and o.sha256 = pra_store.digest(forget_dropped.sha256) and o.copy = forget_dropped.copy
    and o.dropped_by = job and o.state = 'deleting' and o.owner = session_user;
end
$$;

grant execute on function pra.forget_dropped to pra_worker;

comment on function pra.forget_dropped is
'Removes the row of an object that pra.next_dropped gave out and that was deleted from its store.
Raises PR001 when the attempt has lost its lease, PR003 for a bad sha256.';

-- Checkpoints of one job, of a run, or of all runs: age and rank by a metric within the job, each from 1. The
-- value is the mean of the surviving series since the checkpoint before, whichever attempts wrote them;
-- null for a checkpoint that no attempt continued from.
create or replace function pra_store.rated_checkpoints(run bigint, job bigint, metric text)
returns table (
  id bigint, job_id bigint, epoch bigint, step bigint, since bigint, age bigint, rank bigint, value double precision,
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
      where (job is null or c.job_id = job)
        and (run is null or c.job_id in (select j.id from pra_store.jobs as j where j.run_id = run))
    ), lasting as (
      select c.id, c.job_id, c.epoch, c.step, c.since, c.suspect,
        row_number() over (partition by c.job_id order by c.suspect, c.epoch desc, c.step desc) as age,
        not exists (select from pra_store.metric_ranges as r where r.job_id = c.job_id) or exists (
          select from pra_store.metric_ranges as r
          where r.job_id = c.job_id and r.epoch = c.epoch and c.step > r.from_step
            and c.step <= r.to_step) as survives
      from found as c
    ), ranked as (
      select l.*,
        (select avg(m.value)
         from pra_store.metrics as m
         join pra_store.metric_names as n on n.id = m.name_id and n.name = metric
         join pra_store.metric_ranges as s
           on s.job_id = m.job_id and s.epoch = m.epoch and m.step >= s.from_step
             and m.step < s.to_step
         where m.job_id = l.job_id and m.value <> 'NaN' and m.step < l.step and m.step >= l.since
           and l.survives
        ) as value
      from lasting as l
    )
    select r.id, r.job_id, r.epoch, r.step, r.since, r.age,
      row_number() over (
        partition by r.job_id
        order by r.suspect, case when up then -r.value else r.value end nulls last, r.step),
      r.value, r.suspect
    from ranked as r;
end
$$;

create or replace function pra.rate_checkpoints(run bigint, metric text default null)
returns table (
  id bigint, job_id bigint, epoch bigint, step bigint, registered_at timestamptz, bytes bigint, series text,
  value double precision, rank bigint, age bigint, suspect boolean)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select c.id, c.job_id, c.epoch, c.step, c.registered_at, (
      select coalesce(sum(a.size), 0)::bigint
      from pra_store.checkpoint_files as f join pra_store.artifacts as a on a.sha256 = f.sha256
      where f.checkpoint_id = c.id),
    m.name, r.value, r.rank, r.age, r.suspect
  from pra_store.jobs as j
  cross join lateral (
    select coalesce(
      rate_checkpoints.metric, j.arguments #>> '{config,training,keep,metric}', 'loss') as name) as m
  cross join lateral pra_store.rated_checkpoints(null, j.id, m.name) as r
  join pra_store.checkpoints as c on c.id = r.id
  where j.run_id = rate_checkpoints.run and j.kind = 'train'
  order by c.job_id, c.epoch, c.step
$$;

grant execute on function pra.rate_checkpoints to pra_submit, pra_read;

comment on function pra.rate_checkpoints is
'Checkpoints of the train jobs of a run, with their bytes, and their value by a metric: its mean since the checkpoint
before. rank 1 is the best of its job, age 1 the newest; a value is null where the series was abandoned or has no point.
metric: by default the one of training.keep.metric.';
