-- Workers: registration, leases, heartbeats.

-- A restart of the server does not count against a lease: for a lease's time after it all may beat.
create or replace function pra_store.lease_end(expires_at timestamptz, lease interval)
returns timestamptz
language plpgsql stable
as $$ begin return greatest(expires_at, pg_postmaster_start_time() + lease); end $$;

-- Whether a worker's lease ran out while nobody has taken its jobs back.
create or replace function pra_store.is_lost(worker bigint) returns boolean
language plpgsql stable
as $$
begin
  return exists (
    select from pra_store.workers as w
    where w.id = worker and w.stopped_at is null
      and pra_store.lease_end(w.lease_expires_at, w.lease) <= clock_timestamp());
end
$$;

-- A live worker, its row locked until the transaction ends where the caller asks for it; or PR001: an
-- expired lease is never renewed, even if nobody has reaped it yet. The agent then kills its stages and
-- registers anew.
--
-- The token tells registrations apart that have the same number: of one after a restore from a backup, with
-- which numbers go back, and of a caller who knows the number alone. A worker that registered under 0.1.0 has none.
create or replace function pra_store.live_worker(worker bigint, token uuid, locks boolean)
returns pra_store.workers
language plpgsql
as $$
declare
  live pra_store.workers;
begin
  if locks then
    select * into live from pra_store.workers as w where w.id = worker for no key update;
  else
    select * into live from pra_store.workers as w where w.id = worker;
  end if;
  if live.id is null or live.stopped_at is not null
    or live.token is not null and live.token is distinct from live_worker.token
    or pra_store.lease_end(live.lease_expires_at, live.lease) <= clock_timestamp() then
    raise exception 'lease lost: worker % may do no more', worker using errcode = 'PR001';
  end if;
  return live;
end
$$;

create or replace function pra.register_worker(
  name text, labels jsonb, queues text[], kinds text[], slots integer default 1,
  lease interval default '30 seconds', version text default null, stays interval default null
) returns table (worker bigint, token uuid)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  bad text;
begin
  if coalesce(cardinality(queues), 0) = 0 then
    raise exception 'queues: a worker serves at least one' using errcode = 'PR003';
  end if;
  if coalesce(cardinality(kinds), 0) = 0 then
    raise exception 'kinds: a worker runs at least one' using errcode = 'PR003';
  end if;
  select kind into bad from unnest(kinds) as kind
  where kind is null or kind !~ '^[a-z][a-z0-9-]{0,62}$' limit 1;
  if found then
    raise exception 'kinds: "%" is not a name of lower-case letters, digits and -', bad using errcode = 'PR003';
  end if;
  if slots is null or slots not between 1 and 10000 then
    raise exception 'slots: %, must be from 1 to 10000', slots using errcode = 'PR003';
  end if;
  perform pra_store.check_labels(labels);
  if name is null or length(name) not between 1 and 200 then
    raise exception 'name: a worker has a name of 1 to 200 characters' using errcode = 'PR003';
  end if;
  if lease is null or lease not between interval '1 second' and interval '10 minutes' then
    raise exception 'lease: %, must be from 1 second to 10 minutes', lease using errcode = 'PR003',
      hint = 'A host that is gone keeps its jobs for a lease.';
  end if;
  if stays <= interval '0' then
    raise exception 'stays: %, must be above 0', stays using errcode = 'PR003';
  end if;
  insert into pra_store.workers as w (
    name, labels, queues, kinds, slots, lease, version, lease_expires_at, leaves_at, token)
  values (register_worker.name, register_worker.labels, register_worker.queues,
          register_worker.kinds, register_worker.slots, register_worker.lease,
          register_worker.version, clock_timestamp() + register_worker.lease,
          clock_timestamp() + register_worker.stays, gen_random_uuid())
  returning w.id, w.token into worker, token;
  perform pra_store.record_event('worker.registered', null, null, null, register_worker.worker);
  return next;
end
$$;

grant execute on function pra.register_worker to pra_worker;

comment on function pra.register_worker is
  'Registers an agent process as a worker; returns its number and the token that its further calls must carry. '
  'labels: a JSON object of texts, which requirements are compared with. queues and kinds: those that it serves, '
  'one at least. slots: jobs that it runs at once, 1 to 10000. lease: how long it may stay silent, a second to ten '
  'minutes. stays: time after which it drains, so that it gets no job whose time limit is longer; null if it stays. '
  'Errors: PR003 for an argument that cannot be.';

create or replace function pra.deregister_worker(worker bigint, worker_token uuid default null)
returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  held pra_store.jobs;
begin
  perform pra_store.live_worker(worker, worker_token, locks => true);
  for held in
    select * from pra_store.jobs
    where worker_id = worker and state = 'running' order by id for no key update
  loop
    perform pra_store.end_attempt(held, 'released', 'the worker left', null, null);
  end loop;
  update pra_store.workers
  set stopped_at = clock_timestamp(), stop_reason = 'deregistered' where id = worker;
  perform pra_store.record_event('worker.deregistered', null, null, null, worker);
end
$$;

grant execute on function pra.deregister_worker to pra_worker;

comment on function pra.deregister_worker is
  'Takes a worker out of service for good; what still runs there goes back into line without spending a try. '
  'Errors: PR001 when its lease is over, or the token is not the worker''s.';

create or replace function pra.release_unheard(worker bigint, known uuid[], worker_token uuid default null)
returns table (job bigint, epoch bigint)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  held pra_store.jobs;
begin
  perform pra_store.live_worker(worker, worker_token, locks => true);
  -- The claim of an earlier session may still wait for the lock that this session holds now.
  update pra_store.workers set claiming_pid = pg_backend_pid() where id = worker;
  for held in
    select * from pra_store.jobs as j
    where j.worker_id = worker and j.state = 'running' and j.token <> all(known)
      -- A member of a gang is fetched with the next claim.
      and not exists (select from pra_store.gang_members as g where g.worker_id = worker and g.job_id = j.id)
    order by j.id for no key update
  loop
    perform pra_store.end_attempt(held, 'released', 'the claim was not heard', null, null);
    job := held.id;
    epoch := held.epoch;
    return next;
  end loop;
end
$$;

grant execute on function pra.release_unheard to pra_worker;

comment on function pra.release_unheard is
  'Gives back what a worker claimed and never heard of, since the session of the claim broke: all that runs on it '
  'but the attempts of the known tokens. Returns what it gave back. From now on the worker claims in this session '
  'alone. Errors: PR001 when the worker''s lease is over, or the token is not the worker''s.';

create or replace function pra.heartbeat(
  worker bigint, running_jobs bigint[], running_epochs bigint[], draining boolean default false,
  running_tokens uuid[] default null, worker_token uuid default null
) returns table (job bigint, epoch bigint, ask text, seconds double precision, token uuid)
language plpgsql security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
#variable_conflict use_column
declare
  me pra_store.workers;
begin
  if cardinality(running_jobs) <> cardinality(running_epochs) then
    raise exception 'running_epochs: % epochs for % jobs',
      cardinality(running_epochs), cardinality(running_jobs) using errcode = 'PR003';
  end if;
  me := pra_store.live_worker(worker, worker_token, locks => true);
  update pra_store.workers
  set beat_at = clock_timestamp(), lease_expires_at = clock_timestamp() + lease,
      draining = heartbeat.draining
  where id = worker;
  update pra_store.preemptions as p set acknowledged_at = clock_timestamp()
  from unnest(running_jobs, running_epochs) as mine (job, epoch)
  join pra_store.jobs as j on j.id = mine.job and j.worker_id = worker
  where p.job_id = mine.job and p.epoch = mine.epoch and p.acknowledged_at is null;
  perform pra_store.end_overdue(worker);
  return query
    select asked.job, asked.epoch, asked.ask, asked.seconds, asked.token
    from (
      select
        mine.job, mine.epoch, mine.token,
        case
          when j.id is null or j.state <> 'running' or j.epoch <> mine.epoch
            or j.worker_id <> worker
            or me.token is not null and j.token is distinct from mine.token then 'lost'
          when j.cancel_requested_at is not null then 'cancel'
          when a.started_at + j.time_limit <= clock_timestamp()
            or j.deadline <= clock_timestamp() then 'timeout'
          when j.preempt_requested_at is not null then 'preempt'
        end as ask,
        greatest(0, extract(epoch from p.deadline - clock_timestamp()))::double precision as seconds
      from unnest(running_jobs, running_epochs, running_tokens) as mine (job, epoch, token)
      left join pra_store.jobs as j on j.id = mine.job
      left join pra_store.attempts as a on a.job_id = mine.job and a.epoch = mine.epoch
      left join pra_store.preemptions as p on p.job_id = mine.job and p.epoch = mine.epoch
    ) as asked
    where asked.ask is not null;
end
$$;

grant execute on function pra.heartbeat to pra_worker;

comment on function pra.heartbeat is
  'One beat for all attempts that run on a worker; it renews the lease. Returns those of which something is '
  'asked: ''lost'' (kill it: it belongs to another attempt or nobody), ''cancel'' and ''timeout'' (stop and '
  'report), ''preempt'' (write a checkpoint and release it within so many seconds). draining: the worker claims '
  'nothing more. running_tokens: those of the attempts. Errors: PR001 when the lease is over, or worker_token is '
  'not the worker''s.';

-- Ends attempts of a worker that are over their time limit or deadline and were not stopped when it was asked to.
create or replace function pra_store.end_overdue(worker bigint) returns void
language plpgsql
as $$
declare
  held pra_store.jobs;
begin
  for held in
    select j.* from pra_store.jobs as j
    join pra_store.attempts as a on a.job_id = j.id and a.epoch = j.epoch
    where j.worker_id = end_overdue.worker and j.state = 'running' and j.cancel_requested_at is null
      and (a.started_at + j.time_limit < clock_timestamp() - interval '30 seconds'
        or j.deadline < clock_timestamp() - interval '30 seconds')
    order by j.id for no key update of j skip locked
  loop
    perform pra_store.end_attempt(
      held, 'timeout', 'its time limit was over and its worker did not stop it in time', null, null);
  end loop;
end
$$;

create or replace function pra.worker_lacks(worker bigint, lack text, worker_token uuid default null)
returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  me pra_store.workers := pra_store.live_worker(worker, worker_token, locks => true);
  found_lacking text := nullif(left(worker_lacks.lack, 1000), '');
begin
  update pra_store.workers
  set lack = found_lacking,
      lack_since = case when found_lacking is not null then coalesce(lack_since, clock_timestamp()) end
  where id = worker_lacks.worker;
  if (me.lack is null) <> (found_lacking is null) then
    perform pra_store.record_event(
      case when found_lacking is null then 'worker.able' else 'worker.lacks' end,
      null, null, null, worker_lacks.worker,
      jsonb_strip_nulls(jsonb_build_object('lack', found_lacking)));
  end if;
end
$$;

grant execute on function pra.worker_lacks to pra_worker;

comment on function pra.worker_lacks is
  'Says what the host of a worker lacks (room, a program, the store), for which it gets no jobs; null when it '
  'lacks nothing any more. pra.workers shows it. Errors: PR001 when the lease is over, or the token is not the '
  'worker''s.';

create or replace function pra.drain(worker bigint, grace interval default '60 seconds') returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  held bigint;
  asked integer := 0;
begin
  perform pra_store.require_operator('worker');
  update pra_store.workers
  set drain_requested_at = coalesce(drain_requested_at, clock_timestamp())
  where id = worker and stopped_at is null;
  if not found then
    raise exception 'there is no live worker %', worker using errcode = 'PR002';
  end if;
  for held in
    -- One that ends meanwhile is waited for and passed over.
    select id from pra_store.jobs
    where worker_id = worker and state = 'running' order by id for no key update
  loop
    perform pra_store.preempt_job(held, grace, format('worker %s is drained', worker));
    asked := asked + 1;
  end loop;
  perform pra_store.record_event('worker.drain_requested', null, null, null, worker);
  return asked;
end
$$;

grant execute on function pra.drain to pra_submit;

comment on function pra.drain is
  'Takes a worker out of service: it gets no more jobs and is asked to give back what it runs, each job by a '
  'preemption within the grace time. Returns how many jobs were asked. Errors: PR002 when there is no such live '
  'worker.';

create or replace function pra.declare_dead(worker bigint) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  dead pra_store.workers;
  held pra_store.jobs;
  taken integer := 0;
begin
  perform pra_store.require_operator('worker');
  select * into dead from pra_store.workers where id = worker and stopped_at is null for no key update;
  if not found then
    raise exception 'there is no live worker %', worker using errcode = 'PR002';
  end if;
  for held in
    select * from pra_store.jobs
    where worker_id = worker and state = 'running' order by id for no key update
  loop
    perform pra_store.end_attempt(
      held, 'lost', format('worker %s (%s) was declared dead by %s', dead.id, dead.name, session_user), null, null,
      'host-lost');
    taken := taken + 1;
  end loop;
  update pra_store.workers
  set stopped_at = clock_timestamp(), stop_reason = 'declared dead' where id = worker;
  perform pra_store.record_event('worker.declared_dead', null, null, null, worker);
  return taken;
end
$$;

grant execute on function pra.declare_dead to pra_submit;

comment on function pra.declare_dead is
  'Ends a worker whose host is known to be gone, before its lease does: its attempts are lost and their jobs go back '
  'into line at once. Should it live after all, its writes are refused and it registers anew. Returns how many '
  'attempts were lost. Errors: PR002 when there is no such live worker.';

create or replace function pra.undrain(worker bigint) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  perform pra_store.require_operator('worker');
  update pra_store.workers set drain_requested_at = null where id = worker and stopped_at is null;
  if not found then
    raise exception 'there is no live worker %', worker using errcode = 'PR002';
  end if;
  perform pra_store.record_event('worker.undrained', null, null, null, worker);
  perform pg_notify('pra_ready', '');
end
$$;

grant execute on function pra.undrain to pra_submit;

comment on function pra.undrain is
  'Lets a drained worker get jobs again. Errors: PR002 when there is no such live worker.';

create or replace function pra.work_is_coming(
  queues text[], kinds text[], lacking boolean default false, worker bigint default null
) returns boolean
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  me pra_store.workers;
begin
  select * into me from pra_store.workers as w where w.id = work_is_coming.worker;
  if exists (
    select from pra_store.jobs as j
    where j.state = 'running' and j.array_first is null
      and j.queue = any(work_is_coming.queues) and j.kind = any(work_is_coming.kinds)
      and pra_store.may_ever_run(me, j)
      and not pra_store.is_paused(j)
  ) then
    return true;
  end if;
  return exists (
    -- Jobs that run, or will be due soon, and what waits for them.
    with recursive coming (id) as (
      (
        select j.id from pra_store.jobs as j where j.state = 'running' and j.array_first is null
        union
        select j.id from pra_store.jobs as j
        where j.state = 'ready' and not j.due and j.run_after > clock_timestamp()
          and (j.epoch > 0 or j.run_after <= clock_timestamp() + interval '1 minute')
          and not pra_store.is_paused(j)
        union
        select j.id from pra_store.jobs as j
        where lacking and j.state = 'ready'
          and j.queue = any(work_is_coming.queues) and j.kind = any(work_is_coming.kinds)
          and pra_store.may_ever_run(me, j)
          and not pra_store.is_paused(j)
      )
      union
      select n.id
      from coming as c
      cross join lateral (
        select d.job_id as id from pra_store.job_dependencies as d where d.parent_id = c.id
        union all
        select p.array_id from pra_store.jobs as p where p.id = c.id and p.array_id is not null
      ) as n
    ),
    ours as materialized (
      select j.id from coming as c join pra_store.jobs as j on j.id = c.id
      where j.state in ('blocked', 'ready', 'running')
        and j.queue = any(work_is_coming.queues) and j.kind = any(work_is_coming.kinds)
        and pra_store.may_ever_run(me, j)
        and not pra_store.is_paused(j)
    ),
    -- Jobs that have to succeed first: where one of them has ended without success, nothing comes without a person.
    needed (job, id) as (
      select o.id, o.id from ours as o
      union
      select n.job, d.parent_id
      from needed as n
      join pra_store.job_dependencies as d on d.job_id = n.id
      join pra_store.jobs as p on p.id = d.parent_id and p.state <> 'succeeded'
    )
    select from ours as o
    where not exists (
      select from needed as n join pra_store.jobs as j on j.id = n.id
      where n.job = o.id and j.state in ('failed', 'cancelled', 'quarantined')));
end
$$;

grant execute on function pra.work_is_coming to pra_worker;

comment on function pra.work_is_coming is
'Whether work for these queues and kinds is under way, or will be there without anybody''s doing: a job of
theirs runs, is due within a minute, is tried again after a pause, or waits for such a job and for none that
has ended without success. lacking: ready jobs count as well, since the caller lacks something and does not
claim. worker: only jobs whose requirements its labels meet, and whose time limit ends before it leaves, count. Jobs that are paused, put off for longer or ready but claimed by nobody do not count.';

-- Whether a job would fit a worker, or any where none is named.
create or replace function pra_store.may_ever_run(me pra_store.workers, j pra_store.jobs) returns boolean
language plpgsql stable
as $$
begin
  return me.id is null or pra_store.satisfies(me.labels, j.requirements) and pra_store.stays(me, j.time_limit);
end
$$;

-- Whether the run or the queue of a job is paused.
create or replace function pra_store.is_paused(j pra_store.jobs) returns boolean
language sql stable
as $$
  select exists (select from pra_store.runs as r where r.id = j.run_id and r.paused_at is not null)
    or exists (select from pra_store.queues as q where q.name = j.queue and q.paused_at is not null);
$$;
