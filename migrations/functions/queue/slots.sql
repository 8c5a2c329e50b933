-- Limits, whose slots are rows.

create or replace function pra_store.put_limit(name text, slots integer) returns void
language plpgsql
as $$
#variable_conflict use_column
declare
  there integer;
  removed integer;
begin
  if name is null or name !~ '^[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}$' then
    raise exception 'name: "%" is not a name of letters, digits, _, ., : and -', name
      using errcode = 'PR003';
  end if;
  if slots is null or slots not between 0 and 100000 then
    raise exception 'slots: %, must be from 0 to 100000', slots using errcode = 'PR003';
  end if;
  -- Takers and givers of slots at this moment end first and are counted. The table is locked before any row,
  -- as they lock it.
  lock table pra_store.limit_slots in share row exclusive mode;
  insert into pra_store.limits (name, slots) values (put_limit.name, 0) on conflict do nothing;
  perform from pra_store.limits as l where l.name = put_limit.name for update;
  select count(*) into there from pra_store.limit_slots where limit_name = put_limit.name;
  insert into pra_store.limit_slots (limit_name)
  select put_limit.name from generate_series(1, put_limit.slots - there);
  delete from pra_store.limit_slots where limit_name = put_limit.name and ordinal in (
    select ordinal from pra_store.limit_slots
    where limit_name = put_limit.name and job_id is null
    order by ordinal desc limit greatest(0, there - put_limit.slots));
  get diagnostics removed = row_count;
  update pra_store.limits as l
  set slots = put_limit.slots, excess = greatest(0, there - removed - put_limit.slots)
  where l.name = put_limit.name;
  perform pra_store.record_event('limit.set', null, null, null, null,
    jsonb_build_object('limit', put_limit.name, 'slots', put_limit.slots));
  perform pg_notify('pra_ready', '');
end
$$;

create or replace function pra.set_limit(name text, slots integer) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  -- The limit of an array, which is its run's (pra.enqueue).
  own bigint := substring(name from '^array-[0-9]{1,18}-([0-9]{1,18})$')::bigint;
begin
  if own is null then
    perform pra_store.require_operator('limit');
  else
    perform pra_store.require_own_run(own);
  end if;
  perform pra_store.put_limit(name, slots);
end
$$;

grant execute on function pra.set_limit to pra_submit;

comment on function pra.set_limit is
  'Makes a limit, or changes how many attempts (0 to 100,000) may run under it at once. Lowered below what runs, '
  'it takes effect as jobs end; nobody is stopped. Errors: PR003 for a name or a number that cannot be.';

-- Drops limits of which no slot is taken.
create or replace function pra_store.drop_limits(names text[]) returns void
language plpgsql
as $$
begin
  delete from pra_store.limit_slots as s where s.limit_name = any(names);
  delete from pra_store.limits as l where l.name = any(names);
end
$$;

create or replace function pra.remove_limit(name text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  holder bigint;
begin
  perform pra_store.require_operator('limit');
  -- As in pra.set_limit.
  lock table pra_store.limit_slots in share row exclusive mode;
  perform from pra_store.limits as l where l.name = remove_limit.name for update;
  if not found then
    raise exception 'there is no limit "%"', name using errcode = 'PR002';
  end if;
  select min(j.id) into holder from pra_store.jobs as j
  where j.state in ('blocked', 'ready', 'running') and remove_limit.name = any(j.limits);
  if holder is not null then
    raise exception 'name: job % has not ended and needs a slot of "%"; cancel it, or give the limit more slots', holder,
      name using errcode = 'PR004';
  end if;
  perform pra_store.drop_limits(array[name]);
  perform pra_store.record_event('limit.removed', null, null, null, null, jsonb_build_object('limit', name));
end
$$;

grant execute on function pra.remove_limit to pra_submit;

comment on function pra.remove_limit is
  'Removes a limit that no job needs any more. Errors: PR002 when there is no such limit, PR004 when a job that has '
  'not ended needs a slot of it.';

-- For how many jobs with these limits slots are free, and no more counted than "most".
create or replace function pra_store.free_slots(limits text[], most integer) returns integer
language plpgsql stable
as $$
declare
  wanted text;
  free integer := most;
begin
  foreach wanted in array limits loop
    free := (
      select count(*) from (
        select from pra_store.limit_slots as s
        where s.limit_name = wanted and s.job_id is null limit free) as f);
    exit when free = 0;
  end loop;
  return free;
end
$$;

-- Limits of some lanes of which no slot is free.
create or replace function pra_store.full_limits_of(lanes integer[]) returns text[]
language plpgsql stable
as $$
begin
  return array(
    select distinct n
    from pra_store.lanes as l cross join lateral unnest(l.limits) as n
    where l.id = any(lanes) and l.limits <> '{}'
      and not exists (
        select from pra_store.limit_slots as s where s.limit_name = n and s.job_id is null));
end
$$;

-- Takes a slot of each limit for as many of the jobs as there are slots, in order; returns for how many.
create or replace function pra_store.take_slots(jobs bigint[], epochs bigint[], limits text[]) returns integer
language plpgsql
as $$
declare
  wanted text;
  allowed integer := cardinality(jobs);
  free bigint[];
begin
  -- Before any of its rows: a limit that is being changed is waited for here.
  lock table pra_store.limit_slots in row exclusive mode;
  -- By name, as everybody takes them.
  foreach wanted in array limits loop
    free := array(
      select s.ordinal from pra_store.limit_slots as s
      where s.limit_name = wanted and s.job_id is null
      order by s.ordinal limit allowed
      for update skip locked);
    update pra_store.limit_slots as s
    set job_id = jobs[array_position(free, s.ordinal)], epoch = epochs[array_position(free, s.ordinal)],
        taken_at = clock_timestamp()
    where s.limit_name = wanted and s.job_id is null and s.ordinal = any(free);
    if cardinality(free) < allowed then
      update pra_store.limit_slots as s set job_id = null, epoch = null, taken_at = null
      where s.job_id = any(jobs[cardinality(free) + 1 : allowed]) and s.limit_name = any(limits);
      allowed := cardinality(free);
      exit when allowed = 0;
    end if;
  end loop;
  return allowed;
end
$$;

-- Gives back all slots that some jobs hold.
create or replace function pra_store.give_slots(jobs bigint[]) returns void
language plpgsql
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  lowered record;
  removed integer;
begin
  lock table pra_store.limit_slots in row exclusive mode;
  -- The slots of a limit that was lowered below what runs go away.
  for lowered in
    select l.name, l.excess from pra_store.limits as l
    where l.excess > 0 and exists (
      select from pra_store.limit_slots as s where s.limit_name = l.name and s.job_id = any(jobs))
    order by l.name for no key update
  loop
    delete from pra_store.limit_slots as s
    where s.limit_name = lowered.name and s.job_id in (
      select h.job_id from pra_store.limit_slots as h
      where h.limit_name = lowered.name and h.job_id = any(jobs)
      order by h.ordinal limit lowered.excess);
    get diagnostics removed = row_count;
    update pra_store.limits set excess = excess - removed where name = lowered.name;
  end loop;
  update pra_store.limit_slots set job_id = null, epoch = null, taken_at = null
  where job_id = any(jobs);
end
$$;
