-- Success: one attempt, or many at once.

-- Locks a running job for a write of its attempt until the transaction ends: the reaper skips it.
-- Exclusive when the write ends the attempt, shared otherwise.
--
-- The token tells attempts apart that have the same job and epoch: of one after a restore from a backup, with
-- which epochs go back, and of a caller who knows job and epoch alone. An attempt of a worker that registered under
-- 0.1.0, which has no token, needs none.
create or replace function pra_store.hold(
  job bigint, epoch bigint, exclusive boolean, token uuid default null
) returns pra_store.jobs
language plpgsql
as $$
#variable_conflict use_column
declare
  held pra_store.jobs;
begin
  if exclusive then
    select * into held from pra_store.jobs where id = job for no key update;
  else
    select * into held from pra_store.jobs where id = job for share;
  end if;
  if held.gang and held.state = 'running' then
    held := pra_store.held_gang(held, hold.token);
  end if;
  if held.id is null or held.state <> 'running' or held.epoch <> hold.epoch or not exists (
    select from pra_store.workers as w
    where w.id = held.worker_id and w.stopped_at is null
      and (w.token is null or held.token = hold.token)
      and pra_store.lease_end(w.lease_expires_at, w.lease) > clock_timestamp()
  ) then
    raise exception 'lease lost: attempt % of job % may write no more', hold.epoch, job
      using errcode = 'PR001';
  end if;
  return held;
end
$$;

-- Releases the jobs that wait for a job that has succeeded.
create or replace function pra_store.release_dependents(parent bigint) returns void
language plpgsql
as $$
#variable_conflict use_column
declare
  released bigint;
begin
  if not exists (select from pra_store.job_dependencies where parent_id = parent) then
    return;
  end if;
  -- In the order of ids, as everybody locks.
  perform from pra_store.jobs as j
  where j.id in (select d.job_id from pra_store.job_dependencies as d where d.parent_id = parent)
  order by j.id for no key update;
  with freed as (
    update pra_store.jobs as j
    set unmet = j.unmet - 1,
        -- All elements of an array that follows its parent are cut already.
        state = case
          when j.state = 'blocked' and j.unmet = 1 and j.follows_id is not null then 'running'
          when j.state = 'blocked' and j.unmet = 1 then 'ready'
          else j.state end,
        -- Since then it waits for a worker.
        run_after = case
          when j.state = 'blocked' and j.unmet = 1 then greatest(j.run_after, clock_timestamp()) else j.run_after end
    from pra_store.job_dependencies as d
    where d.parent_id = parent and d.job_id = j.id and j.unmet > 0
    returning j.state
  )
  select count(*) into released from freed where state = 'ready';
  perform pra_store.settle_array(j.id)
  from pra_store.jobs as j where j.follows_id = parent and j.state = 'running';
  if released > 0 then
    perform pg_notify('pra_ready', '');
  end if;
end
$$;

-- After a job has left its attempt or ended: gives its slots back and looks after its array.
create or replace function pra_store.after_attempt() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  a pra_store.jobs;
begin
  if old.state = 'running' and new.limits <> '{}' and new.array_first is null then
    perform pra_store.give_slots(array[new.id]);
  end if;
  if new.array_id is null then
    return null;
  end if;
  select * into a from pra_store.jobs where id = new.array_id;
  if a.gang then
    -- A member that ends badly takes the others with it, be it that they all wait for their start.
    select * into a from pra_store.jobs where id = new.array_id for no key update;
    if a.state = 'running' or a.state in ('ready', 'blocked') and old.state <> 'running' then
      perform pra_store.settle_gang(a, new);
    elsif old.state = 'running' then
      perform pra_store.end_start(a.id);
    end if;
    return null;
  end if;
  if new.state = 'succeeded' then
    if pra_store.follow_cut(a.id, new.id, new.element_first, new.element_end) then
      perform pg_notify('pra_ready', '');
    end if;
  end if;
  -- Before all of it is cut there are elements left. The call of pra.reap that follows settles what
  -- two last elements at the same moment leave to each other.
  if a.state = 'running' then
    perform pra_store.settle_array(a.id);
  end if;
  return null;
end
$$;

create or replace trigger after_attempt after update on pra_store.jobs for each row
when (
  old.state is distinct from new.state
  and (old.state = 'running' and new.limits <> '{}'
    or new.array_id is not null and (
      old.state = 'running' or new.state in ('failed', 'cancelled', 'quarantined')))
  and not (new.batched and new.state = 'succeeded')
) execute function pra_store.after_attempt();

-- After jobs have succeeded together that were cut off some arrays: looks after the arrays.
create or replace function pra_store.after_batch(done bigint[], arrays bigint[]) returns void
language plpgsql
as $$
#variable_conflict use_column
declare
  a pra_store.jobs;
  touched bigint;
  member pra_store.jobs;
begin
  foreach touched in array arrays loop
    select * into a from pra_store.jobs where id = touched;
    if a.gang then
      select * into a from pra_store.jobs where id = touched for no key update;
      if a.state = 'running' then
        select * into member from pra_store.jobs as j
        where j.id = any(done) and j.array_id = touched limit 1;
        perform pra_store.settle_gang(a, member);
      end if;
      continue;
    end if;
    if exists (select from pra_store.jobs where follows_id = touched) then
      for member in
        select * from pra_store.jobs as j
        where j.id = any(done) and j.array_id = touched order by j.element_first
      loop
        if not pra_store.follow_cut(touched, member.id, member.element_first, member.element_end) then
          exit;
        end if;
      end loop;
      perform pg_notify('pra_ready', '');
    end if;
    if a.state = 'running' then
      perform pra_store.settle_array(touched);
    end if;
  end loop;
end
$$;

create or replace function pra.finish(
  job bigint, epoch bigint, outputs jsonb default '[]', images jsonb default '[]',
  evaluations jsonb default '[]', result jsonb default '{}', metric_batch bigint default 0,
  token uuid default null
) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  held pra_store.jobs;
  absorbed bigint;
begin
  if exists (
    select from pra_store.jobs as j
    join pra_store.attempts as a on a.job_id = j.id and a.epoch = j.epoch
    join pra_store.workers as w on w.id = a.worker_id
    where j.id = job and j.epoch = finish.epoch and j.state = 'succeeded'
      and a.outcome = 'succeeded' and (w.token is null or j.token = finish.token)
  ) then
    return false;
  end if;
  held := pra_store.hold(job, epoch, true, finish.token);
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
  if finish.images <> '[]' then
    insert into pra_store.images (job_id, number, epoch, label, class_name, seed, sha256)
    select held.id, (i ->> 'number')::bigint, held.epoch, (i ->> 'label')::integer, i ->> 'class',
      (i ->> 'seed')::numeric,
      pra_store.stored_artifact(i ->> 'sha256', 'images: number ' || (i ->> 'number'))
    from jsonb_array_elements(finish.images) as i
    where not i ? 'labels';
    insert into pra_store.image_sets (
      job_id, epoch, first, seed, sha256, place, side, channels, labels, class_names, digests)
    select held.id, held.epoch, (i ->> 'first')::bigint, (i ->> 'seed')::numeric,
      pra_store.stored_artifact(i ->> 'sha256', 'images: set from number ' || (i ->> 'first')),
      (i ->> 'place')::bigint, (i ->> 'side')::integer, (i ->> 'channels')::integer,
      array(select e::integer from jsonb_array_elements_text(i -> 'labels') with ordinality as t (e, n) order by n),
      array(select e from jsonb_array_elements_text(i -> 'classes') with ordinality as t (e, n) order by n),
      array(select e::bigint from jsonb_array_elements_text(i -> 'digests') with ordinality as t (e, n) order by n)
    from jsonb_array_elements(finish.images) as i
    where i ? 'labels';
  end if;
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
  insert into pra_store.count_steps (queue, kind, outcome, number) values (held.queue, held.kind, 'succeeded', 1);
  perform pra_store.record_event(
    'attempt.succeeded', held.run_id, held.id, held.epoch, held.worker_id,
    jsonb_build_object('metric_batch', absorbed));

  perform pra_store.settle_series(held.id);
  perform pra_store.release_dependents(held.id);
  return true;
end
$$;

grant execute on function pra.finish to pra_worker;

comment on function pra.finish is
  'Commits an attempt: outputs, images, evaluations, result, the mark up to which its metrics are in, the state '
  'and the release of its dependents, all or nothing. outputs: [{name, sha256, media_type}]. images: [{number, '
  'label, class, seed, sha256}] for PNGs, or one set [{first, seed, sha256, place, side, channels, labels, classes, '
  'digests}] as pra_store.image_sets has it. evaluations: [{metric, scope, value, images, details}], a value that is no '
  'number in JSON as a string ("NaN"). metric_batch: the number of the last metric batch sent. Returns true '
  'when this call committed it, false when an earlier call of the same attempt had. Errors: PR001 for a stale '
  'attempt, PR002 for an artifact that is not stored, PR004 for a metric batch that was not absorbed.';

-- Makes a job of its own of each element that failed in a cut whose other elements have succeeded: it is
-- retried as far as its budget of faults goes. Jobs that are no longer the worker's are left out.
create or replace function pra_store.cut_failures(
  me pra_store.workers, jobs bigint[], epochs bigint[], tokens uuid[], failures jsonb
) returns void
language plpgsql
as $$
declare
  accepted bigint[];
  failure record;
  made bigint;
begin
  accepted := array(
    select j.id
    from unnest(jobs, epochs, tokens) as m (job, epoch, token)
    join pra_store.jobs as j on j.id = m.job
    where j.epoch = m.epoch and j.state = 'running' and j.worker_id = me.id
      and (me.token is null or j.token = m.token)
      and j.cancel_requested_at is null
    order by j.id
    for no key update of j);
  for failure in
    -- An element that is named twice has failed once.
    select distinct on (p.id, (f ->> 'element')::bigint)
      p.*, f ->> 'message' as said, (f ->> 'element')::bigint as element
    from jsonb_array_elements(failures) as f
    join pra_store.jobs as p on p.id = (f ->> 'job')::bigint
    where p.id = any(accepted)
  loop
    if failure.element is null or failure.array_id is null
      or failure.element not between failure.element_first and failure.element_end - 1 then
      raise exception 'failures: job % has no element %', failure.id, failure.element
        using errcode = 'PR003';
    end if;
    made := nextval('pra_store.jobs_id_seq');
    perform pra_store.cut(
      a, made, failure.element, failure.element + 1, 'ready', null, failure.epoch, pra_store.backoff(1))
    from pra_store.jobs as a where a.id = failure.array_id;
    update pra_store.jobs
    set faults = failure.faults + 1, message = left(failure.said, 4000),
        state = case when failure.faults + 1 > fault_retries then 'failed' else state end,
        finished_at = case when failure.faults + 1 > fault_retries then clock_timestamp() end
    where id = made;
    perform pra_store.record_event(
      'element.fault', failure.run_id, made, failure.epoch, me.id,
      jsonb_build_object('element', failure.element, 'message', left(failure.said, 4000)));
  end loop;
end
$$;

create or replace function pra.finish_many(
  worker bigint, jobs bigint[], epochs bigint[], failures jsonb default '[]',
  tokens uuid[] default null, worker_token uuid default null
) returns setof bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_mergejoin = off
set enable_hashjoin = off
set jit = off
as $$
#variable_conflict use_column
declare
  me pra_store.workers;
  accepted bigint[];
  limited bigint[];
  arrays bigint[];
  parents bigint[];
begin
  if coalesce(cardinality(jobs), 0) <> coalesce(cardinality(epochs), 0) then
    raise exception 'epochs: % epochs for % jobs', cardinality(epochs), cardinality(jobs)
      using errcode = 'PR003';
  end if;
  me := pra_store.live_worker(worker, worker_token, locks => false);
  if failures <> '[]' then
    perform pra_store.cut_failures(me, jobs, epochs, tokens, failures);
  end if;

  -- In the order of ids, as everybody locks.
  with mine as materialized (
    select m.job, m.epoch, m.token from unnest(jobs, epochs, tokens) as m (job, epoch, token) order by m.job
  ),
  done as (
    update pra_store.jobs as j
    set state = 'succeeded', worker_id = null, finished_at = clock_timestamp(), message = null,
        result = '{}', preempt_requested_at = null, batched = true
    from mine as m
    -- A job with a worker is running. To ask for the state as well would suggest the index of what runs,
    -- all of which would be read once for each of them.
    where j.id = m.job and j.epoch = m.epoch and j.worker_id + 0 = worker
      and (me.token is null or j.token = m.token) and j.cancel_requested_at is null
    returning j.id, j.epoch, j.array_id, j.limits, j.queue, j.kind
  ),
  counted as (
    insert into pra_store.count_steps (queue, kind, outcome, number)
    select d.queue, d.kind, 'succeeded', count(*) from done as d group by 1, 2
  ),
  ended as (
    update pra_store.attempts as t
    set ended_at = clock_timestamp(), outcome = 'succeeded', exit_code = 0, cause = 'exit-code',
        batched = true
    from done as d
    where t.job_id = d.id and t.epoch = d.epoch
  )
  select coalesce(array_agg(d.id), '{}'), array_agg(d.id) filter (where d.limits <> '{}'),
    array_agg(distinct d.array_id) filter (where d.array_id is not null)
  into accepted, limited, arrays
  from done as d;
  if accepted = '{}' then
    return;
  end if;
  insert into pra_store.events (kind, worker_id, detail)
  values ('batch.succeeded', worker, jsonb_build_object('jobs', cardinality(accepted)));
  if limited is not null then
    perform pra_store.give_slots(limited);
  end if;
  if arrays is not null then
    perform pra_store.after_batch(accepted, arrays);
  end if;
  parents := array(
    select distinct parent_id from pra_store.job_dependencies where parent_id = any(accepted)
    order by parent_id);
  if parents <> '{}' then
    perform pra_store.release_dependents(parent) from unnest(parents) as parent;
  end if;
  return query select unnest(accepted);
end
$$;

grant execute on function pra.finish_many to pra_worker;

comment on function pra.finish_many is
  'Commits attempts that have nothing to store but that they are done, in one statement; best for many short '
  'ones. Returns the jobs that were accepted: an attempt that is no longer the job''s is left out, and nothing '
  'of it is stored. failures: [{job, element, message}], elements of a part of an array that did not succeed; '
  'each is retried by itself as far as its budget of faults goes. tokens: those of the attempts. Errors: PR001 '
  'when the worker''s lease is over, or worker_token is not the worker''s.';
