-- A job that finds a worker waiting is handed to it.

-- A worker that waits for such a job, where nothing else is in line; it waits no more. It may get work, has beaten in
-- the first half of its lease, and its session is there.
create or replace function pra_store.waiting_worker(
  kind text, queue text, run bigint, requirements jsonb, made bigint, out worker bigint, out channel text,
  out run_name text
)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_sort = off
set enable_material = off
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
#variable_conflict use_column
begin
  -- In the order of their index, so that the first that fits is the last that is looked at.
  select i.worker_id, i.channel, r.name into worker, channel, run_name
  from pra_store.waiting_workers as i
  join pra_store.workers as w on w.id = i.worker_id
  join pra_store.runs as r on r.id = run
  where waiting_worker.kind = any(i.kinds) and waiting_worker.queue = any(i.queues)
    and w.stopped_at is null and not w.draining and w.drain_requested_at is null
    and w.beat_at > clock_timestamp() - w.lease / 2
    and (requirements = '[]' or pra_store.satisfies(w.labels, requirements))
    and not exists (
      select from pra_store.blamed_hosts as b
      where b.host = pra_store.host(w.labels, w.name) and b.until > clock_timestamp())
    and r.paused_at is null
    and not exists (
      select from pra_store.queues as q
      where q.name = waiting_worker.queue and q.paused_at is not null)
    and not exists (
      select from pra_store.jobs as j
      where j.state = 'ready' and j.due and j.id is distinct from made)
    and (made > i.above) is not false
  order by i.busy, i.since
  limit 1
  for update of i skip locked;
  if worker is null then
    return;
  end if;
  delete from pra_store.waiting_workers as i where i.worker_id = worker;
  if pg_try_advisory_xact_lock(1886549867, (worker & 2147483647)::integer) then
    worker := null;
  end if;
end
$$;

-- Hands over a job that is in line since a moment ago. Returns whether there was a worker for it.
create or replace function pra_store.hand_over(made bigint) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  job pra_store.jobs;
  chosen record;
begin
  select * into job from pra_store.jobs where id = made;
  if octet_length(job.arguments::text) > 7000 then
    return false;
  end if;
  chosen := pra_store.waiting_worker(job.kind, job.queue, job.run_id, job.requirements, made);
  if chosen.worker is null then
    return false;
  end if;
  update pra_store.jobs
  set state = 'running', epoch = 1, worker_id = chosen.worker, started_at = clock_timestamp()
  where id = made;
  insert into pra_store.attempts (job_id, epoch, worker_id) values (made, 1, chosen.worker);
  perform pg_notify(
    chosen.channel,
    concat_ws(' ', made, 1, job.run_id, job.kind, job.queue) || E'\n' || job.arguments || E'\n'
      || chosen.run_name);
  return true;
end
$$;

-- Whether a job is being handed to a worker at this moment, by a transaction that has not ended. Otherwise it waits
-- no more.
create or replace function pra_store.is_handed_a_job(worker bigint) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  delete from pra_store.waiting_workers as w
  where w.worker_id = (
    select i.worker_id from pra_store.waiting_workers as i
    where i.worker_id = is_handed_a_job.worker
    for update skip locked);
  return not found;
end
$$;

-- Nothing is handed to a worker after this; what was is among what runs there.
create or replace function pra.stop_waiting(worker bigint) returns void
language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
  delete from pra_store.waiting_workers as w where w.worker_id = stop_waiting.worker;
end;

grant execute on function pra.stop_waiting to pra_worker;
