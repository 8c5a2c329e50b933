-- Functions of those who submit work. Errors:
--   PR002 no such run, job, queue or artifact
--   PR003 an argument that cannot be: the message names it
--   PR004 the object is in a state, or has a content, that does not allow it

set local role pra_owner;

create function pra_store.record_event(
  kind text, run_id bigint, job_id bigint, epoch bigint, worker_id bigint, detail jsonb default '{}'
) returns void
language sql security definer set search_path = pg_catalog, pg_temp
as $$
  insert into pra_store.events (kind, run_id, job_id, epoch, worker_id, detail)
  values (kind, run_id, job_id, epoch, worker_id, detail);
$$;

-- 'vram_gib>=40' -> {"label": "vram_gib", "op": ">=", "value": "40"}
create function pra_store.parse_requirement(requirement text) returns jsonb
language plpgsql immutable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  part text[] := regexp_match(
    requirement, '^\s*([A-Za-z_][A-Za-z0-9_.-]*)\s*(>=|<=|!=|=|>|<)\s*([^\s<>=!][^<>=!]*?)\s*$');
begin
  if part is null then
    raise exception 'requirement "%" is not of the form label>=value', requirement
      using errcode = 'PR003', hint = 'The comparators are =, !=, >=, <=, > and <.';
  end if;
  if part[2] in ('>=', '<=', '>', '<') and part[3] !~ '^-?[0-9]+(\.[0-9]+)?$' then
    raise exception 'requirement "%" compares with "%", which is not a number', requirement, part[3]
      using errcode = 'PR003';
  end if;
  return jsonb_build_object('label', part[1], 'op', part[2], 'value', part[3]);
end
$$;

-- A label that a worker lacks satisfies != alone. Numbers are compared as numbers.
create function pra_store.satisfies(labels jsonb, requirements jsonb) returns boolean
language sql immutable security definer set search_path = pg_catalog, pg_temp
as $$
  select coalesce(bool_and(
    case
      when has is null then op = '!='
      when has ~ '^-?[0-9]+(\.[0-9]+)?$' and wants ~ '^-?[0-9]+(\.[0-9]+)?$' then
        case op
          when '=' then has::numeric = wants::numeric
          when '!=' then has::numeric <> wants::numeric
          when '>=' then has::numeric >= wants::numeric
          when '<=' then has::numeric <= wants::numeric
          when '>' then has::numeric > wants::numeric
          when '<' then has::numeric < wants::numeric
        end
      when op = '=' then has = wants
      when op = '!=' then has <> wants
      else false
    end), true)
  from (
    select labels ->> (r ->> 'label') as has, r ->> 'op' as op, r ->> 'value' as wants
    from jsonb_array_elements(requirements) as r
  ) as asked;
$$;

create function pra.create_run(
  name text, configuration jsonb default '{}', code_version text default null,
  data_fingerprint text default null, idempotency_key text default null
) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  made bigint;
  found_name text;
begin
  if create_run.name is null or length(create_run.name) not between 1 and 200 then
    raise exception 'name: a run has a name of 1 to 200 characters' using errcode = 'PR003';
  end if;
  insert into pra_store.runs (name, configuration, code_version, data_fingerprint, idempotency_key)
  values (create_run.name, create_run.configuration, create_run.code_version,
          create_run.data_fingerprint, create_run.idempotency_key)
  on conflict (idempotency_key) do nothing
  returning id into made;
  if made is null then
    select id, name into made, found_name
    from pra_store.runs
    where idempotency_key = create_run.idempotency_key;
    if found_name <> create_run.name then
      raise exception 'idempotency_key: "%" is that of run % "%"',
        create_run.idempotency_key, made, found_name using errcode = 'PR004';
    end if;
    return made;
  end if;
  perform pra_store.record_event('run.created', made, null, null, null);
  return made;
end
$$;

create function pra.enqueue(
  kind text, run bigint, arguments jsonb, queue text default 'default',
  priority integer default 0, delay interval default '0', after bigint[] default '{}',
  requirements text[] default '{}', idempotency_key text default null,
  time_limit interval default null, fault_retries integer default 3,
  lost_retries integer default 5, timeout_retries integer default 1,
  preemption_retries integer default null
) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  made bigint;
  earlier pra_store.jobs;
  parents bigint[] := (select coalesce(array_agg(distinct p), '{}') from unnest(after) as p);
  existing bigint[];
  unmet_parents integer;
begin
  if kind is null or kind !~ '^[a-z][a-z0-9-]{0,62}$' then
    raise exception 'kind: "%" is not a name of lower-case letters, digits and -', kind
      using errcode = 'PR003';
  end if;
  if enqueue.queue is null or enqueue.queue !~ '^[a-z0-9][a-z0-9_.-]{0,62}$' then
    raise exception 'queue: "%" is not a name of lower-case letters, digits, _, . and -',
      enqueue.queue using errcode = 'PR003';
  end if;
  if arguments is null or jsonb_typeof(arguments) <> 'object' then
    raise exception 'arguments: must be a JSON object' using errcode = 'PR003';
  end if;
  if octet_length(arguments::text) > 1048576 then
    raise exception 'arguments: % bytes, more than 1048576; store an artifact and name its sha256',
      octet_length(arguments::text) using errcode = 'PR003';
  end if;
  perform from pra_store.runs where id = run;
  if not found then
    raise exception 'run: there is no run %', run using errcode = 'PR002';
  end if;

  -- A parent's success and this count must not pass each other: finish waits for the share lock.
  perform from pra_store.jobs where id = any(parents) order by id for share;
  select coalesce(array_agg(id), '{}'), count(*) filter (where state <> 'succeeded')
  into existing, unmet_parents
  from pra_store.jobs where id = any(parents);
  if cardinality(existing) <> cardinality(parents) then
    raise exception 'after: there is no job %',
      (select min(p) from unnest(parents) as p where p <> all(existing)) using errcode = 'PR002';
  end if;

  insert into pra_store.queues (name) values (enqueue.queue) on conflict do nothing;
  insert into pra_store.jobs (
    run_id, kind, queue, arguments, requirements, priority, idempotency_key, state, run_after,
    unmet, time_limit, fault_retries, lost_retries, timeout_retries, preemption_retries)
  values (
    run, enqueue.kind, enqueue.queue, enqueue.arguments,
    (select coalesce(jsonb_agg(pra_store.parse_requirement(r) order by i), '[]')
     from unnest(enqueue.requirements) with ordinality as u(r, i)),
    enqueue.priority, enqueue.idempotency_key,
    case when unmet_parents > 0 then 'blocked' else 'ready' end::pra.job_state,
    clock_timestamp() + enqueue.delay, unmet_parents, enqueue.time_limit, enqueue.fault_retries,
    enqueue.lost_retries, enqueue.timeout_retries, enqueue.preemption_retries)
  on conflict (idempotency_key) do nothing
  returning id into made;

  if made is null then
    select * into earlier
    from pra_store.jobs where idempotency_key = enqueue.idempotency_key;
    if (earlier.kind, earlier.run_id, earlier.arguments)
      is distinct from (enqueue.kind, enqueue.run, enqueue.arguments) then
      raise exception
        'idempotency_key: "%" is that of job %, which has another kind, run or arguments',
        enqueue.idempotency_key, earlier.id using errcode = 'PR004';
    end if;
    return earlier.id;
  end if;

  insert into pra_store.job_dependencies (job_id, parent_id)
  select made, p from unnest(parents) as p;
  perform pra_store.record_event('job.enqueued', run, made, null, null);
  if unmet_parents = 0 and enqueue.delay <= interval '0' then
    perform pg_notify('pra_ready', '');
  end if;
  return made;
end
$$;

-- Ends a job that is not running. Callers hold its row.
create function pra_store.settle_cancelled(job bigint) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  update pra_store.jobs
  set state = 'cancelled', worker_id = null, finished_at = clock_timestamp(),
      cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp())
  where id = job;
  perform pra_store.record_event(
    'job.cancelled', (select run_id from pra_store.jobs where id = job), job, null, null);
end
$$;

-- Cancels a job, and at wish everything that waits for it. A running one is stopped by its agent.
-- Without the wish its dependents stay blocked, as after a failure: a retry revives them.
create function pra.cancel(job bigint, with_dependents boolean default false) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  target record;
  touched integer := 0;
  asked boolean := false;
begin
  perform from pra_store.jobs where id = job;
  if not found then
    raise exception 'there is no job %', job using errcode = 'PR002';
  end if;
  for target in
    with recursive family (id) as (
      select job
      union
      select d.job_id
      from family join pra_store.job_dependencies as d on d.parent_id = family.id
      where with_dependents
    )
    select j.id, j.state, j.run_id, j.cancel_requested_at
    from pra_store.jobs as j
    where j.id in (select id from family)
    order by j.id
    for no key update of j
  loop
    if target.state in ('blocked', 'ready') then
      perform pra_store.settle_cancelled(target.id);
      touched := touched + 1;
    elsif target.state = 'running' and target.cancel_requested_at is null then
      update pra_store.jobs set cancel_requested_at = clock_timestamp() where id = target.id;
      perform pra_store.record_event(
        'job.cancel_requested', target.run_id, target.id, null, null);
      touched := touched + 1;
      asked := true;
    end if;
  end loop;
  if asked then
    perform pg_notify('pra_ask', '');
  end if;
  return touched;
end
$$;

create function pra.cancel_run(run bigint) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  perform from pra_store.runs where id = run;
  if not found then
    raise exception 'there is no run %', run using errcode = 'PR002';
  end if;
  return (
    select coalesce(sum(pra.cancel(id)), 0)
    from (
      select id from pra_store.jobs
      where run_id = run and state in ('blocked', 'ready', 'running')
      order by id
    ) as live);
end
$$;

-- Gives a job that ended badly fresh budgets and puts it back in line; one that waits out a delay
-- runs now. Its dependents were blocked all the time and are released when it succeeds.
create function pra.retry(job bigint) returns pra.job_state
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  old pra_store.jobs;
  unmet_parents integer;
  next_state pra.job_state;
begin
  -- The parents first, in the order in which everybody locks: by id.
  perform from pra_store.jobs
  where id in (select parent_id from pra_store.job_dependencies where job_id = job)
  order by id for share;
  select * into old from pra_store.jobs where id = job for no key update;
  if not found then
    raise exception 'there is no job %', job using errcode = 'PR002';
  end if;
  if old.state in ('running', 'succeeded', 'blocked') then
    raise exception 'job % is %; only a failed, cancelled, quarantined or delayed job is retried',
      job, old.state using errcode = 'PR004';
  end if;
  select count(*) into unmet_parents
  from pra_store.job_dependencies as d join pra_store.jobs as p on p.id = d.parent_id
  where d.job_id = job and p.state <> 'succeeded';
  next_state := case when unmet_parents > 0 then 'blocked' else 'ready' end;
  update pra_store.jobs
  set state = next_state, unmet = unmet_parents, run_after = clock_timestamp(),
      faults = 0, lost = 0, timeouts = 0, preemptions = 0,
      cancel_requested_at = null, preempt_requested_at = null, message = null, finished_at = null
  where id = job;
  perform pra_store.record_event('job.retried', old.run_id, job, null, null);
  if next_state = 'ready' then
    perform pg_notify('pra_ready', '');
  end if;
  return next_state;
end
$$;

-- Asks the agent of a running job to checkpoint and give it back.
create function pra.preempt(job bigint) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  old pra_store.jobs;
begin
  select * into old from pra_store.jobs where id = job for no key update;
  if not found then
    raise exception 'there is no job %', job using errcode = 'PR002';
  end if;
  if old.state <> 'running' then
    raise exception 'job % is %, not running', job, old.state using errcode = 'PR004';
  end if;
  update pra_store.jobs set preempt_requested_at = clock_timestamp() where id = job;
  perform pra_store.record_event('job.preempt_requested', old.run_id, job, old.epoch, null);
  perform pg_notify('pra_ask', '');
end
$$;

create function pra.pause_run(run bigint) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  update pra_store.runs set paused_at = coalesce(paused_at, clock_timestamp()) where id = run;
  if not found then
    raise exception 'there is no run %', run using errcode = 'PR002';
  end if;
  perform pra_store.record_event('run.paused', run, null, null, null);
end
$$;

create function pra.resume_run(run bigint) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  update pra_store.runs set paused_at = null where id = run;
  if not found then
    raise exception 'there is no run %', run using errcode = 'PR002';
  end if;
  perform pra_store.record_event('run.resumed', run, null, null, null);
  perform pg_notify('pra_ready', '');
end
$$;

create function pra.pause_queue(queue text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  update pra_store.queues set paused_at = coalesce(paused_at, clock_timestamp())
  where name = queue;
  if not found then
    raise exception 'there is no queue "%"', queue using errcode = 'PR002';
  end if;
  perform pra_store.record_event(
    'queue.paused', null, null, null, null, jsonb_build_object('queue', queue));
end
$$;

create function pra.resume_queue(queue text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  update pra_store.queues set paused_at = null where name = queue;
  if not found then
    raise exception 'there is no queue "%"', queue using errcode = 'PR002';
  end if;
  perform pra_store.record_event(
    'queue.resumed', null, null, null, null, jsonb_build_object('queue', queue));
  perform pg_notify('pra_ready', '');
end
$$;

grant execute on function pra.create_run, pra.enqueue, pra.cancel, pra.cancel_run, pra.retry,
  pra.preempt, pra.pause_run, pra.resume_run, pra.pause_queue, pra.resume_queue to pra_submit;
