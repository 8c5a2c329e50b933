-- Lanes, in which ready jobs stand.

-- The lane of a job, made where there is none yet. Kind, queue and run are checked then: those of a lane that
-- is there were found right before.
create or replace function pra_store.lane(
  run bigint, queue text, kind text, requirements jsonb, limits text[]
) returns integer
language plpgsql
as $$
#variable_conflict use_column
declare
  word text := case when requirements = '[]' and limits = '{}' then ''
    else md5(requirements::text || limits::text) end;
  known integer;
begin
  select id into known from pra_store.lanes
  where run_id = run and queue = lane.queue and kind = lane.kind and key = word;
  if found then
    return known;
  end if;
  if kind is null or kind !~ '^[a-z][a-z0-9-]{0,62}$' then
    raise exception 'kind: "%" is not a name of lower-case letters, digits and -', kind
      using errcode = 'PR003';
  end if;
  if not exists (select from pra_store.queues where name = lane.queue) then
    if lane.queue is null or lane.queue !~ '^[a-z0-9][a-z0-9_.-]{0,62}$' then
      raise exception 'queue: "%" is not a name of lower-case letters, digits, _, . and -',
        lane.queue using errcode = 'PR003';
    end if;
    insert into pra_store.queues (name) values (lane.queue) on conflict do nothing;
  end if;
  if not exists (select from pra_store.runs where id = run) then
    raise exception 'run: there is no run %', run using errcode = 'PR002';
  end if;
  insert into pra_store.lanes (run_id, queue, kind, requirements, limits, key)
  values (run, lane.queue, lane.kind, lane.requirements, lane.limits, word)
  on conflict (run_id, queue, kind, key) do nothing
  returning id into known;
  if known is null then
    select id into known from pra_store.lanes
    where run_id = run and queue = lane.queue and kind = lane.kind and key = word;
  end if;
  return known;
end
$$;

-- Gives a lane to a job of an enqueue of version 0.1.0 that waited for the migration and goes on in its old
-- text.
create or replace function pra_store.give_lane() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  new.lane_id := pra_store.lane(new.run_id, new.queue, new.kind, new.requirements, new.limits);
  new.place := extract(epoch from clock_timestamp()) - 600.0 * new.priority;
  new.due := new.run_after <= clock_timestamp();
  return new;
end
$$;

create or replace trigger give_lane before insert on pra_store.jobs for each row
when (new.lane_id is null) execute function pra_store.give_lane();

-- Puts delayed jobs whose time has come into line.
create or replace function pra_store.make_due() returns void
language plpgsql
as $$
#variable_conflict use_column
begin
  update pra_store.jobs set due = true
  where id = any(array(
    select id from pra_store.jobs
    where state = 'ready' and not due and run_after <= clock_timestamp()
    order by run_after limit 1000
    for no key update skip locked));
end
$$;

-- Lanes in which a job is in line, each found by a step in their index, however many jobs and empty lanes there are.
create or replace function pra_store.lanes_in_line() returns setof integer
language sql stable
set enable_seqscan = off
set enable_bitmapscan = off
as $$
  with recursive found (lane_id) as (
    select min(j.lane_id) from pra_store.jobs as j where j.state = 'ready' and j.due
    union all
    select (
      select min(j.lane_id) from pra_store.jobs as j where j.state = 'ready' and j.due and j.lane_id > f.lane_id)
    from found as f where f.lane_id is not null
  )
  select f.lane_id from found as f where f.lane_id is not null;
$$;
