-- A job that finds a worker waiting is handed to it.
--
-- Enqueuing told all workers that wait, and each of them claimed: with 48 of them a job cost the server 18 ms and
-- started after 9. Now a worker that found nothing may say that it waits. The enqueue of a job that needs nothing
-- special takes one of those, writes the job as running there, with its attempt, and notifies that worker alone, on a
-- channel that only it knows; the notification carries all that a claim would have returned.

set local role pra_owner;

-- Who waits, and for what. Nothing of it outlives a server, whose sessions are gone with it.
create unlogged table pra_store.waiting_workers (
  worker_id bigint primary key,
  queues text[] not null,
  kinds text[] not null,
  channel text not null,
  -- The highest number of a job when it began to wait. It knows of none above, and so it lets the server count what
  -- runs there from the lowest of those it knows.
  above bigint not null,
  -- Which part of its places was taken then. Who has most of them free is the next, and of those alike who waits longest.
  busy real not null,
  since timestamptz not null default clock_timestamp()
);
create index waiting_workers_line on pra_store.waiting_workers (busy, since);
comment on table pra_store.waiting_workers is 'Workers to which the next job may be handed';

-- As pra.claim with three parameters. A worker that comes back with less than it asked for may from now on get a job
-- by a notification, until its next claim:
--   channel  to which its session listens: pra_handed_ and 32 digits that it has drawn by chance. Every session of the
--            database may notify and listen, so whoever knew the name could give orders and read.
--   payload  three lines: job, epoch, run, kind and queue, with one space between; the arguments; the run's name
create function pra.claim(worker bigint, count integer, oldest bigint, channel text)
returns table (
  job bigint, epoch bigint, run bigint, run_name text, kind text, queue text, arguments jsonb,
  priority integer, time_limit interval, array_job bigint, element_first bigint, element_end bigint
)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  found_here integer;
begin
  if channel is null or channel !~ '^pra_handed_[0-9a-f]{32}$' then
    raise exception 'channel: "%" is not pra_handed_ and 32 digits of 0-9 and a-f', channel
      using errcode = 'PR003';
  end if;
  return query select * from pra.claim(claim.worker, claim.count, claim.oldest);
  get diagnostics found_here = row_count;
  if found_here >= claim.count then
    return;
  end if;
  -- Held until the session ends, which is how others see that it has.
  if current_setting('pra.waits', true) is distinct from worker::text
    and pg_try_advisory_lock_shared(1886549867, (worker & 2147483647)::integer) then
    perform set_config('pra.waits', worker::text, false);
  end if;
  insert into pra_store.waiting_workers (worker_id, queues, kinds, channel, above, busy)
  select w.id, w.queues, w.kinds, claim.channel, coalesce(pg_sequence_last_value('pra_store.jobs_id_seq'), 0),
    r.running::real / w.slots
  from pra_store.workers as w
  cross join lateral (
    select count(*) as running from pra_store.jobs as j
    where j.worker_id = worker and j.state = 'running' and j.id >= coalesce(claim.oldest, 0)
  ) as r
  where w.id = worker and not w.draining and w.drain_requested_at is null and r.running < w.slots
    -- It is there still while a job is handed over; to insert it would be to wait for that.
    and not exists (select from pra_store.waiting_workers as i where i.worker_id = worker);
end
$$;

-- Nothing is handed to a worker after this; what was is among what runs there.
create function pra.stop_waiting(worker bigint) returns void
language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
  delete from pra_store.waiting_workers as w where w.worker_id = stop_waiting.worker;
end;

revoke execute on function pra.stop_waiting from public;
revoke execute on function pra.claim(bigint, integer, bigint, text) from public;
grant execute on function pra.stop_waiting to pra_worker;
grant execute on function pra.claim(bigint, integer, bigint, text) to pra_worker;

-- Whether a job is being handed to a worker at this moment, by a transaction that has not ended. Otherwise it waits
-- no more.
create function pra_store.is_handed_a_job(worker bigint) returns boolean
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

-- A worker that waits for such a job, where nothing else is in line; it waits no more. It may get work, has beaten in
-- the first half of its lease, and its session is there.
create function pra_store.waiting_worker(
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
create function pra_store.hand_over(made bigint) returns boolean
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

revoke execute on function
  pra_store.is_handed_a_job, pra_store.waiting_worker, pra_store.hand_over
  from public, pra_submit, pra_worker, pra_read;

-- Writes a function anew, with each second text in place of the first before it, which stands there once.
create function pra_store.patch(name regprocedure, variadic texts text[]) returns void
language plpgsql
as $$
declare
  code text := pg_get_functiondef(name);
begin
  for i in 1..cardinality(texts) by 2 loop
    assert cardinality(string_to_array(code, texts[i])) = 2,
      format('%s: not once there: %s', name, texts[i]);
    code := replace(code, texts[i], texts[i + 1]);
  end loop;
  execute code;
end
$$;

-- While its transaction is open, the worker keeps a place free. So it is the first that a transaction writes, which
-- has begun a moment ago: it is likely to be all, and nobody sits before it and thinks.
select pra_store.patch(
  (select p.oid::regprocedure from pg_proc as p
   where p.pronamespace = 'pra'::regnamespace and p.proname = 'enqueue'),
  '  schema jsonb;
begin', '  schema jsonb;
  is_awaited boolean;
  chosen record;
begin',
  'select l.id, k.arguments into lane, schema
', 'select l.id, k.arguments,
      exists (select from pra_store.waiting_workers) and pg_current_xact_id_if_assigned() is null
        and statement_timestamp() - transaction_timestamp() < interval ''100 ms''
    into lane, schema, is_awaited
',
  '      end if;
      insert', '      end if;
      -- A notification has 8000 bytes at most.
      if is_awaited and octet_length(enqueue.arguments::text) <= 7000 then
        chosen := pra_store.waiting_worker(enqueue.kind, enqueue.queue, enqueue.run, ''[]'', null);
        if chosen.worker is not null then
          insert into pra_store.jobs (
            run_id, kind, queue, arguments, priority, state, run_after, epoch, worker_id, started_at,
            time_limit, fault_retries, lost_retries, timeout_retries, lane_id, place)
          values (
            run, enqueue.kind, enqueue.queue, enqueue.arguments, enqueue.priority, ''running'',
            clock_timestamp(), 1, chosen.worker, clock_timestamp(), enqueue.time_limit,
            enqueue.fault_retries, enqueue.lost_retries, enqueue.timeout_retries, lane,
            extract(epoch from clock_timestamp())::double precision - 600 * enqueue.priority)
          returning id into made;
          insert into pra_store.attempts (job_id, epoch, worker_id) values (made, 1, chosen.worker);
          perform pg_notify(
            chosen.channel,
            concat_ws('' '', made, 1, run, enqueue.kind, enqueue.queue) || E''\n'' || enqueue.arguments
              || E''\n'' || chosen.run_name);
          return made;
        end if;
      end if;
      insert');

select pra_store.patch(
  (select p.oid::regprocedure from pg_proc as p
   where p.pronamespace = 'pra_store'::regnamespace and p.proname = 'enqueue'),
  '  own_limit text;
begin', '  own_limit text;
  is_alone boolean := pg_current_xact_id_if_assigned() is null
    and statement_timestamp() - transaction_timestamp() < interval ''100 ms'';
begin',
  '  if unmet_parents = 0 and enqueue.delay <= interval ''0'' then
    perform', '  if unmet_parents = 0 and enqueue.delay <= interval ''0'' and not (
    is_alone and array_first is null and named = ''{}'' and pra_store.hand_over(made))
  then
    perform');

select pra_store.patch('pra.claim(bigint, integer, bigint)',
  '  assigned bigint[];
', '  -- To this worker, by a transaction that has not ended.
  handed integer := 0;
  assigned bigint[];
',
  'as has_members,
', 'as has_members,
    exists (select from pra_store.waiting_workers as i where i.worker_id = worker) as is_waiting,
',
  '  free := least(claim.count, me.slots - facts.running);
', '  if facts.is_waiting and pra_store.is_handed_a_job(worker) then
    handed := 1;
  end if;
  free := least(claim.count, me.slots - facts.running - handed);
',
  'least(claim.count, me.slots - count(*)) into free',
  'least(claim.count, me.slots - count(*) - handed) into free');

select pra_store.patch('pra_store.place_gang(bigint, pra_store.workers, integer)',
  '    if open_places > 0 then
', '    if exists (select from pra_store.waiting_workers as i where i.worker_id = other.id)
      and pra_store.is_handed_a_job(other.id) then
      open_places := open_places - 1;
    end if;
    if open_places > 0 then
');

select pra_store.patch('pra.reap()',
  '  loop
    for held in
', '  loop
    continue when exists (select from pra_store.waiting_workers as i where i.worker_id = dead.id)
      and pra_store.is_handed_a_job(dead.id);
    for held in
');

select pra_store.patch('pra.deregister_worker(bigint)',
  'perform pra_store.hold_worker(worker);
', 'perform pra_store.hold_worker(worker);
  perform pra.stop_waiting(worker);
');

select pra_store.patch('pra.drain(bigint, interval)',
  '  for held in
', '  perform pra.stop_waiting(worker);
  for held in
');

drop function pra_store.patch;
