-- Limits and fair sharing at less cost: sessions that claim many times a second plan several claims at once.
--
-- Of what a claim of five cuts cost, a limit was a sixth and shares between two runs another: who takes whose turn was
-- worked out for each claim, and whether a limit has a free slot was asked before one was taken.

set local role pra_owner;

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

-- Writes a function anew, with each second text in place of the first before it, which stands there once.
create function pg_temp.patch(name regprocedure, variadic texts text[]) returns void
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

select pg_temp.patch('pra.claim(bigint, integer, bigint)',
  -- Where there is one lane, the taking of slots is the question.
  '      and (l.limits = ''{}'' or not exists (
        select from unnest(l.limits) as n
        where not pra_store.has_free_slot(n)));
  end if;',
  '      and (l.limits = ''{}'' or cardinality(lanes) = 1 or not exists (
        select from unnest(l.limits) as n
        where not pra_store.has_free_slot(n)));
  end if;',

  -- Where arrays alone share, their turns are worked out for several claims at once.
  '  places double precision[];
', '  places double precision[];
  -- Whose turn it is, an array for each place; known while there are arrays alone and none has a limit.
  turns bigint[];
  -- Whether this claim begins a period, with a look at the whole line.
  begins boolean;
  horizon integer;
  -- What is to be counted as running from now on. Null where a claim goes by turns that were counted before.
  counted bigint[];
  -- Arrays are held already: whoever holds some waits for no other.
  holds boolean := false;
  held bigint[];
',
  '    used := memory[10]::bigint[];
', '    used := memory[10]::bigint[];
    turns := memory[11]::bigint[];
',
  '  loop
    if not remembers then
      looked', '  begins := not remembers;
  loop
    if not remembers then
      turns := null;
      looked',
  '    else
      has_arrays := true;
      -- In the order', '    elsif cardinality(turns) >= free then
      has_arrays := true;
    else
      has_arrays := true;
      counted := ''{}'';
      horizon := case when turns is null then free else greatest(free, 64) end;
      -- In the order',
  '      select array_agg(h.id) as ids, array_agg(h.is_array) as arrays, array_agg(h.gang) as gangs,
        array_agg(h.time_limit) as endings, array_agg(h.run_id) as runs, array_agg(h.seats) as seats,
        array_agg(h.lane_id) as lanes, array_agg(h.place) as places,
        array_agg(h.id) filter (where h.gang or h.is_array and h.seats > 0) as shared,
        bool_or(h.gang) as has_gangs
      into heads
      from (
        with used as materialized (',
  '      with used as materialized (',
  'else least(free, greatest(1, 4 * free / cardinality(lanes))) end as most',
  'else least(horizon, greatest(1, 4 * horizon / cardinality(lanes))) end as most',
  '        ranked as (
', '        ranked as materialized (
',
  '        select r.id, r.lane_id, r.place, r.is_array, r.gang, r.run_id, r.time_limit,
', '      select array_agg(h.id) as ids, array_agg(h.is_array) as arrays, array_agg(h.gang) as gangs,
        array_agg(h.time_limit) as endings, array_agg(h.run_id) as runs, array_agg(h.seats) as seats,
        array_agg(h.lane_id) as lanes, array_agg(h.place) as places,
        array_agg(h.id) filter (where h.gang or h.is_array and h.seats > 0) as shared,
        bool_or(h.gang) as has_gangs,
        case when turns is not null then array(
          select r.id from ranked as r where r.rank <= horizon order by r.rank) end as turns
      into heads
      from (
        select r.id, r.lane_id, r.place, r.is_array, r.gang, r.run_id, r.time_limit,
',
  '      -- Others may share them in another order',
  '      if turns is not null then
        if not has_limits and not heads.has_gangs and true = all(heads.arrays)
          and cardinality(turns || heads.turns) >= free
        then
          turns := turns || heads.turns;
          counted := heads.turns;
        else
          turns := null;
        end if;
      end if;
      -- Others may share them in another order',
  '    else
      if cardinality(lanes) = 1 then
        select array_agg',
  '    elsif cardinality(turns) >= free then
      select array_agg(t.id), array_agg(t.places) into arrays, wanted
      from (
        select id, count(*)::integer as places from unnest(turns[1 : free]) as u (id) group by id
      ) as t;
      turns := turns[free + 1 :];
      got := pra_store.split(arrays, wanted, worker);
      taken := taken || got;
      free := free - cardinality(got);
      arrays := ''{}'';
      wanted := ''{}'';
    else
      if cardinality(lanes) = 1 then
        select array_agg',
  'heads.has_gangs and cardinality(heads.shared) > 1', 'not holds and heads.has_gangs and cardinality(heads.shared) > 1',
  '      plain := ''{}'';
      late := ''{}'';
', '      if holds then
        held := array(
          select j.id from pra_store.jobs as j
          where j.id = any(heads.ids) and j.array_first is not null
          for no key update skip locked);
      end if;
      plain := ''{}'';
      late := ''{}'';
',
  '        exit when free <= 0;
        continue when blocks and i <= last',
  '        exit when free <= 0;
        continue when holds and i <= last and (heads.arrays[i] or heads.gangs[i])
          and heads.ids[i] <> all(held);
        continue when blocks and i <= last',
  '    remembers := false;
  end loop;',
  '    remembers := false;
    if cardinality(lanes) = 1 or counted is null then
      holds := has_arrays;
    else
      holds := true = any(heads.arrays || heads.gangs);
    end if;
  end loop;',
  '  if busy and cardinality(lanes) > 1 then
', '  if busy and cardinality(lanes) > 1 and counted is not null then
    if counted = ''{}'' then
      counted := taken;
      -- After turns that fell short none are planned until the next period: small arrays end all the time.
      turns := case when begins and not has_limits and not heads.has_gangs and true = all(heads.arrays) then ''{}'' end;
    end if;
',
  'select j.run_id, 1 from pra_store.jobs as j where j.id = any(taken)',
  'select j.run_id, 1 from unnest(counted) as c (id) join pra_store.jobs as j on j.id = c.id',
  'case when busy then used end)', 'case when busy then used end, case when busy then turns end)');

drop function pg_temp.patch;
