-- Limits, whose slots are rows.

-- Makes a limit, or changes how many may run under it at once. Lowered below what runs, it takes
-- effect as jobs end; nobody is stopped.
create or replace function pra.set_limit(name text, slots integer) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
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
  insert into pra_store.limits (name, slots) values (set_limit.name, 0) on conflict do nothing;
  if not found then
    perform from pra_store.limits as l where l.name = set_limit.name for update;
    -- Whoever takes or gives a slot at this moment ends first and is counted.
    lock table pra_store.limit_slots in share row exclusive mode;
  end if;
  select count(*) into there from pra_store.limit_slots where limit_name = set_limit.name;
  insert into pra_store.limit_slots (limit_name)
  select set_limit.name from generate_series(1, set_limit.slots - there);
  delete from pra_store.limit_slots where limit_name = set_limit.name and ordinal in (
    select ordinal from pra_store.limit_slots
    where limit_name = set_limit.name and job_id is null
    order by ordinal desc limit greatest(0, there - set_limit.slots));
  get diagnostics removed = row_count;
  update pra_store.limits as l
  set slots = set_limit.slots, excess = greatest(0, there - removed - set_limit.slots)
  where l.name = set_limit.name;
  perform pra_store.record_event('limit.set', null, null, null, null,
    jsonb_build_object('limit', set_limit.name, 'slots', set_limit.slots));
  perform pg_notify('pra_ready', '');
end
$$;

grant execute on function pra.set_limit to pra_submit;

-- Whether a limit has a free slot, as far as can be known cheaply: a session that took one a moment ago assumes so.
--
-- What a session remembers of a limit, in one of 256 settings, which is that of the limit it used last of those that
-- share it (settings live as long as the session, and each array with a limit has one of its own):
--   0  its name
--   1  from where on it looks for a free slot
--   2  the first one that it took from there lately, from where on it will look next
--   3  when it took that one; a fiftieth of a second later it is where to look from, since a slot may be given its
--      place before another and be seen after it
--   4  when it last looked at all slots, and 5 for how many seconds that is enough: a hundred times as long as it took
--   6  the first free one that this look found, if it lies before 1
-- So nothing is hidden for longer than it takes to afford a look at all of them, and where little was left behind
-- each look is one at all of them.
create or replace function pra_store.has_free_slot(name text) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  key text := 'pra.slots_' || (hashtext(has_free_slot.name) & 255);
  kept text[] := string_to_array(current_setting(key, true), ' ', '');
  memory double precision[] := case when kept[1] = has_free_slot.name then kept[2:]::double precision[] end;
  asked double precision := extract(epoch from clock_timestamp());
  found_at bigint;
begin
  if asked - memory[3] between 0 and 0.02 then
    return true;
  end if;
  if asked - memory[4] between 0 and memory[5] then
    return exists (
      select from pra_store.limit_slots as s
      where s.limit_name = has_free_slot.name and s.job_id is null
        and s.ordinal >= least(memory[1], memory[6])::bigint);
  end if;
  select s.ordinal into found_at from pra_store.limit_slots as s
  where s.limit_name = has_free_slot.name and s.job_id is null
  order by s.ordinal limit 1;
  memory := coalesce(memory, '{0,null,null}');
  memory[4] := asked;
  memory[5] := 100 * (extract(epoch from clock_timestamp()) - asked);
  memory[6] := case when found_at < memory[1] then found_at end;
  perform set_config(key, has_free_slot.name || ' ' || array_to_string(memory, ' ', ''), false);
  return found_at is not null;
end
$$;

-- Slots of some limits for as many of some jobs as there are, the first of them; how many. What a session remembers of
-- a limit is written down at pra_store.has_free_slot.
create or replace function pra_store.take_slots_for(jobs bigint[], epochs bigint[], limits text[])
returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  wanted text;
  allowed integer := cardinality(jobs);
  free integer;
  key text;
  kept text[];
  first bigint;
  first_free bigint;
  rows tid[];
  memory double precision[];
  present double precision := extract(epoch from clock_timestamp());
begin
  -- By name, as everybody takes them.
  foreach wanted in array limits loop
    key := 'pra.slots_' || (hashtext(wanted) & 255);
    kept := string_to_array(current_setting(key, true), ' ', '');
    if kept[1] is distinct from wanted then
      kept := null;
    end if;
    first := coalesce(least(kept[2]::bigint, kept[7]::bigint), 0);
    -- In two statements, since what was given back while the first waited for its row is seen by the next alone.
    select array_agg(l.row), min(l.ordinal) into rows, first_free
    from (
      select s.ctid as row, s.ordinal from pra_store.limit_slots as s
      where s.limit_name = wanted and s.job_id is null and s.ordinal >= first
      order by s.ordinal limit allowed
      for update skip locked
    ) as l;
    update pra_store.limit_slots as s
    set job_id = jobs[array_position(rows, s.ctid)], epoch = epochs[array_position(rows, s.ctid)],
        taken_at = clock_timestamp()
    where s.ctid = any(rows);
    get diagnostics free = row_count;
    assert free = coalesce(cardinality(rows), 0), 'a slot moved although it was locked';
    if kept[7] is not null or present - coalesce(kept[4]::double precision, 0) not between 0 and 0.02 then
      memory := coalesce(kept[2:]::double precision[], '{0}');
      if first_free >= memory[1] then
        memory[1] := coalesce(memory[2], memory[1]);
        memory[2] := first_free;
        memory[3] := present;
      end if;
      memory[6] := null;
      perform set_config(key, wanted || ' ' || array_to_string(memory, ' ', ''), false);
    end if;
    if free < allowed then
      update pra_store.limit_slots as s set job_id = null, epoch = null, taken_at = null
      where s.job_id = any(jobs[free + 1 : allowed]) and s.limit_name = any(limits);
      allowed := free;
      exit when allowed = 0;
    end if;
  end loop;
  return allowed;
end
$$;

-- A slot of each limit, or none at all.
create or replace function pra_store.take_slots(job bigint, epoch bigint, limits text[]) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  return pra_store.take_slots_for(array[job], array[epoch], limits) = 1;
end
$$;

create or replace function pra_store.give_slots(job bigint, limits text[]) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
as $$
#variable_conflict use_column
declare
  held text;
begin
  -- Those of a limit that was lowered below what runs go away.
  if exists (select from pra_store.limits as l where l.name = any(limits) and l.excess > 0) then
    foreach held in array limits loop
      update pra_store.limits set excess = excess - 1 where name = held and excess > 0;
      if found then
        delete from pra_store.limit_slots where limit_name = held and job_id = give_slots.job;
      end if;
    end loop;
  end if;
  update pra_store.limit_slots set job_id = null, epoch = null, taken_at = null, ordinal = nextval('pra_store.slot_order')
  where job_id = give_slots.job;
end
$$;
