-- Slots in the order in which they became free, and sessions that know from where on to look for one.
--
-- A slot is written when it is taken and when it is given back. While a snapshot is held open nothing of that can
-- be cleaned, and whoever looked for a free slot walked over all that had been written since: of limited arrays
-- nine tenths were lost in two minutes. A slot that becomes free now goes to the end of the line, so that what is
-- left behind lies at its beginning, where a session looks only as often as it can afford.

set local role pra_owner;

-- Each index has its half of the slots, so that what is written once is entered once. A job has one of each limit.
alter table pra_store.limit_slots
  drop constraint limit_slots_pkey,
  alter column ordinal type bigint;
create unique index limit_slots_free on pra_store.limit_slots (limit_name, ordinal) where job_id is null;
drop index pra_store.limit_slots_held;
create unique index limit_slots_held on pra_store.limit_slots (job_id, limit_name) where job_id is not null;
-- Above the numbers that slots had before: a limit has 100,000 at most.
create sequence pra_store.slot_order as bigint start 1000000;
alter table pra_store.limit_slots alter column ordinal set default nextval('pra_store.slot_order');

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
create function pra_store.has_free_slot(name text) returns boolean
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
  memory double precision[];
  locked integer;
  first_free bigint;
  present double precision := extract(epoch from clock_timestamp());
begin
  -- By name, as everybody takes them.
  foreach wanted in array limits loop
    key := 'pra.slots_' || (hashtext(wanted) & 255);
    kept := string_to_array(current_setting(key, true), ' ', '');
    memory := case when kept[1] = wanted then kept[2:]::double precision[] else '{0}' end;
    loop
      with free as materialized (
        select l.row, row_number() over () as n
        from (
          select s.ctid as row from pra_store.limit_slots as s
          where s.limit_name = wanted and s.job_id is null
            and s.ordinal >= least(memory[1], memory[6])::bigint
          order by s.ordinal limit allowed
          for update skip locked
        ) as l
      ),
      taken as (
        update pra_store.limit_slots as s
        set job_id = jobs[free.n], epoch = epochs[free.n], taken_at = clock_timestamp()
        from free
        where s.ctid = free.row
        returning s.ordinal
      )
      select count(*), (select count(*) from free), min(t.ordinal) filter (where t.ordinal >= memory[1])
      into free, locked, first_free from taken as t;
      exit when free = locked;
      -- One that was given back after this began has another place by the time it is locked, where only the next
      -- statement sees it; and the job with its number has none.
      update pra_store.limit_slots as s set job_id = null, epoch = null, taken_at = null
      where s.job_id = any(jobs) and s.limit_name = wanted;
    end loop;
    if memory[6] is not null or present - coalesce(memory[3], 0) not between 0 and 0.02 then
      if first_free is not null then
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

create or replace function pra_store.take_slots(job bigint, epoch bigint, limits text[]) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  return pra_store.take_slots_for(array[job], array[epoch], limits) = 1;
end
$$;

-- Small changes to functions that stay as they are otherwise.
create function pg_temp.change(what regprocedure, old text, new text) returns void language plpgsql as $$
declare
  text text := pg_get_functiondef(what);
begin
  assert strpos(text, old) > 0, format('%s has no %s', what, old);
  execute replace(text, old, new);
end
$$;
-- What is given back goes to the end of the line.
select pg_temp.change('pra_store.give_slots(bigint, text[])',
  'set job_id = null, epoch = null, taken_at = null',
  $$set job_id = null, epoch = null, taken_at = null, ordinal = nextval('pra_store.slot_order')$$);
select pg_temp.change('pra.finish_many(bigint, bigint[], bigint[], jsonb)',
  'update pra_store.limit_slots set job_id = null, epoch = null, taken_at = null',
  $$update pra_store.limit_slots
      set job_id = null, epoch = null, taken_at = null, ordinal = nextval('pra_store.slot_order')$$);
alter function pra_store.give_slots(bigint, text[]) set enable_seqscan = off;
alter function pra_store.give_slots(bigint, text[]) set enable_bitmapscan = off;
-- New ones come there as well.
select pg_temp.change('pra.set_limit(text, integer)',
  'insert into pra_store.limit_slots (limit_name, ordinal)
  select set_limit.name, free.ordinal
  from (
    select o as ordinal
    from generate_series(1, there + set_limit.slots) as o
    where not exists (
      select from pra_store.limit_slots where limit_name = set_limit.name and ordinal = o)
    order by o limit greatest(0, set_limit.slots - there)
  ) as free;',
  'insert into pra_store.limit_slots (limit_name)
  select set_limit.name from generate_series(1, set_limit.slots - there);');
-- The claim asks in two places.
select pg_temp.change('pra.claim(bigint, integer, bigint)',
  'where not exists (
          select from pra_store.limit_slots as s where s.limit_name = n and s.job_id is null)',
  'where not pra_store.has_free_slot(n)');
select pg_temp.change('pra.claim(bigint, integer, bigint)',
  'where not exists (
            select from pra_store.limit_slots as s where s.limit_name = n and s.job_id is null)',
  'where not pra_store.has_free_slot(n)');
-- Planned while there are few slots, the taking of one read all that is in their index.
alter function pra.claim(bigint, integer, bigint) set enable_bitmapscan = off;
alter function pra.claim(bigint, integer, bigint) set enable_material = off;
drop function pg_temp.change(regprocedure, text, text);
