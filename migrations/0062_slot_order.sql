-- Slots in the order in which they became free, and claims that know from where on to look for one.
--
-- A slot is written when it is taken and when it is given back. While a snapshot is held open nothing of that can
-- be cleaned, and whoever looked for a free slot walked over all that had been written since: of limited arrays
-- nine tenths were lost in two minutes. A slot that becomes free now goes to the end of the line, so that what is
-- left behind lies at its beginning, where nobody looks.

set local role pra_owner;

alter table pra_store.limit_slots alter column ordinal type bigint;
-- Above the numbers that slots had before: a limit has 100,000 at most.
create sequence pra_store.slot_order as bigint start 1000000;
create index limit_slots_free on pra_store.limit_slots (limit_name, ordinal) where job_id is null;

create function pra_store.order_slot() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  new.ordinal := nextval('pra_store.slot_order');
  return new;
end
$$;
create trigger order_slot before insert or update on pra_store.limit_slots for each row
when (new.job_id is null) execute function pra_store.order_slot();

-- What a session remembers of a limit, in a setting of its own: from where on it looks for a free slot; the first one
-- that it found since, from where on it looks a fifth of a second later; the moment of that; the moment of its last
-- look at all of them, and how long until the next. A fifth of a second, since a slot may be given its place before
-- another and be seen after it: only a transaction that takes longer leaves one where nobody looks until the next whole
-- look, a second later, or fifty times as long as such a look takes.
create or replace function pra_store.take_slots_for(jobs bigint[], epochs bigint[], limits text[])
returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
-- The plan is made while there are few slots and little else, and kept.
set enable_seqscan = off
set enable_bitmapscan = off
set enable_material = off
set enable_mergejoin = off
set enable_hashjoin = off
as $$
#variable_conflict use_column
declare
  wanted text;
  allowed integer := cardinality(jobs);
  free integer;
  memory text[];
  place bigint;
  first_free bigint;
  is_whole boolean;
  present double precision := extract(epoch from clock_timestamp());
begin
  -- By name, as everybody takes them.
  foreach wanted in array limits loop
    memory := string_to_array(nullif(current_setting('pra.slots_' || md5(wanted), true), ''), ' ');
    place := coalesce(memory[1]::bigint, 0);
    is_whole := present - memory[4]::double precision not between 0 and memory[5]::double precision;
    if is_whole then
      place := 0;
    end if;
    with free as materialized (
      select l.ordinal, row_number() over () as n
      from (
        select s.ordinal from pra_store.limit_slots as s
        where s.limit_name = wanted and s.job_id is null and s.ordinal >= place
        order by s.ordinal limit allowed
        for update skip locked
      ) as l
    ),
    taken as (
      update pra_store.limit_slots as s
      set job_id = jobs[free.n], epoch = epochs[free.n], taken_at = clock_timestamp()
      from free
      where s.limit_name = wanted and s.ordinal = free.ordinal
      returning s.ordinal
    )
    select count(*), min(t.ordinal) into free, first_free from taken as t;
    if first_free is not null then
      if memory is null then
        memory := array[0, first_free, present, present, 1]::text[];
      elsif present - memory[3]::double precision not between 0 and 0.2 then
        memory[1] := memory[2];
        memory[2] := first_free;
        memory[3] := present;
      end if;
      if is_whole then
        memory[4] := present;
        memory[5] := greatest(1, 50 * (extract(epoch from clock_timestamp()) - present));
      end if;
      perform set_config('pra.slots_' || md5(wanted), array_to_string(memory, ' '), false);
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

alter function pra_store.give_slots(bigint, text[]) set enable_seqscan = off;
alter function pra_store.give_slots(bigint, text[]) set enable_bitmapscan = off;

-- The claim asks twice whether a limit has a free slot, of all of them where the memory is too old; the rest of it stays
-- as it is.
do $do$
declare
  old text := pg_get_functiondef('pra.claim(bigint, integer, bigint)'::regprocedure);
  new text := replace(old, 's.limit_name = n and s.job_id is null',
    $$s.limit_name = n and s.job_id is null and s.ordinal >= case
              when extract(epoch from statement_timestamp())::double precision
                - nullif(split_part(current_setting('pra.slots_' || md5(n), true), ' ', 4), '')::double precision
                between 0
                and split_part(current_setting('pra.slots_' || md5(n), true), ' ', 5)::double precision
              then split_part(current_setting('pra.slots_' || md5(n), true), ' ', 1)::bigint
              else 0 end$$);
begin
  assert length(new) > length(old) + 80, 'pra.claim: its questions for free slots are not where they were';
  execute new;
end
$do$;
-- Planned while there are few slots, the question read all that is in their index.
alter function pra.claim(bigint, integer, bigint) set enable_bitmapscan = off;
alter function pra.claim(bigint, integer, bigint) set enable_material = off;
