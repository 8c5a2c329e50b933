-- Schedules: jobs that are enqueued at times of the calendar of a time zone.

create or replace function pra.schedule(
  name text, cron text, run bigint, kind text, arguments jsonb, time_zone text default 'UTC',
  catch_up text default 'last', queue text default 'default', priority integer default 0,
  overlap text default null
) returns timestamptz
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  first_at timestamptz;
begin
  if name is null or name !~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$' then
    raise exception 'name: "%" is not a name of letters, digits, _, . and -', name
      using errcode = 'PR003';
  end if;
  if cron is null or length(cron) > 200 then
    raise exception 'cron: has more than 200 characters, or is missing' using errcode = 'PR003';
  end if;
  if not exists (select from pg_timezone_names as z where z.name = schedule.time_zone) then
    raise exception 'time_zone: there is no "%"', time_zone using errcode = 'PR003',
      hint = 'Names are such as Europe/Berlin or UTC.';
  end if;
  if catch_up is null or catch_up not in ('all', 'last', 'none') then
    raise exception 'catch_up: "%" is not all, last or none', catch_up using errcode = 'PR003';
  end if;
  if overlap is not null and overlap not in ('skip', 'queue') then
    raise exception 'overlap: "%" is not skip or queue', overlap using errcode = 'PR003';
  end if;
  if kind is null or kind !~ '^[a-z][a-z0-9-]{0,62}$' then
    raise exception 'kind: "%" is not a name of lower-case letters, digits and -', kind using errcode = 'PR003';
  end if;
  if jsonb_typeof(arguments) is distinct from 'object' then
    raise exception 'arguments: must be a JSON object' using errcode = 'PR003';
  end if;
  if queue is null or queue !~ '^[a-z0-9][a-z0-9_.-]{0,62}$' then
    raise exception 'queue: "%" is not a name of lower-case letters, digits, _, . and -', queue
      using errcode = 'PR003';
  end if;
  perform pra_store.check_arguments(kind, arguments);
  perform pra_store.check_budgets(priority, null, null, 0, 0, 0, null);
  perform pra_store.check_run(run);
  perform pra_store.require_own_schedule(name);
  first_at := pra_store.cron_next(cron, time_zone, clock_timestamp());
  insert into pra_store.schedules (
    name, cron, time_zone, run_id, kind, arguments, queue, priority, catch_up, overlap, next_at)
  values (schedule.name, schedule.cron, schedule.time_zone, schedule.run, schedule.kind,
          schedule.arguments, schedule.queue, schedule.priority, schedule.catch_up,
          coalesce(schedule.overlap, case schedule.catch_up when 'all' then 'queue' else 'skip' end),
          first_at)
  on conflict (name) do update
  set cron = excluded.cron, time_zone = excluded.time_zone, run_id = excluded.run_id,
      kind = excluded.kind, arguments = excluded.arguments, queue = excluded.queue,
      priority = excluded.priority, catch_up = excluded.catch_up, overlap = excluded.overlap,
      next_at = excluded.next_at, paused_at = null, last_error = null, last_error_at = null,
      created_by = pra_store.actor();
  perform pra_store.record_event('schedule.set', run, null, null, null,
    jsonb_build_object('schedule', name, 'cron', cron, 'next', first_at));
  return first_at;
end
$$;

grant execute on function pra.schedule to pra_submit;

comment on function pra.schedule is
'Creates a schedule, or replaces the one of that name, which goes on if it was paused; returns when it
fires first.
cron: minute, hour, day, month, weekday as in crontab(5), at most 200 characters, or @hourly, @daily,
@midnight, @weekly, @monthly, @yearly, @annually. time_zone: whose calendar, such as Europe/Berlin; a time
that the clocks leave out fires at the first moment after it, and one that comes twice fires once, unless
minute or hour is * or has a step: such lines go by elapsed time. catch_up: which of the times missed while
no agent ran are made up for: all, last or none. overlap: what a time does while the job of the time before
has not ended: skip (the default), or queue (the default where catch_up is all). Each firing enqueues a job
of that kind in the run.
Raises PR003 for a bad name, cron, time zone, catch_up, overlap, kind or arguments, PR002 when there is no
such run, or it is deleted.';

create or replace function pra.unschedule(name text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform pra_store.require_own_schedule(name);
  delete from pra_store.schedules as s where s.name = unschedule.name;
  if not found then
    raise exception 'there is no schedule "%"', name using errcode = 'PR002';
  end if;
  perform pra_store.record_event(
    'schedule.removed', null, null, null, null, jsonb_build_object('schedule', name));
end
$$;

grant execute on function pra.unschedule to pra_submit;

comment on function pra.unschedule is
'Removes a schedule; jobs that it enqueued stay.
Raises PR002 when there is no such schedule.';

create or replace function pra.pause_schedule(name text, paused boolean default true) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform pra_store.require_own_schedule(name);
  update pra_store.schedules as s
  set paused_at = case when paused then coalesce(s.paused_at, clock_timestamp()) end,
      next_at = case when paused then s.next_at
        else pra_store.cron_next(s.cron, s.time_zone, clock_timestamp()) end
  where s.name = pause_schedule.name;
  if not found then
    raise exception 'there is no schedule "%"', name using errcode = 'PR002';
  end if;
end
$$;

grant execute on function pra.pause_schedule to pra_submit;

comment on function pra.pause_schedule is
'Pauses a schedule, or with paused => false resumes it from the next time on: times that pass during
a pause are not made up for.
Raises PR002 when there is no such schedule.';

-- Enqueues the jobs that are due, and returns their number. The time of firing is part of the
-- idempotency key: each makes one job, however many agents call this.
create or replace function pra_store.run_schedules() returns integer
language plpgsql
as $$
declare
  s pra_store.schedules;
  count integer := 0;
begin
  for s in
    select * from pra_store.schedules
    where next_at <= clock_timestamp() and paused_at is null
      -- While its run is deleted it waits; it goes with the run.
      and not exists (select from pra_store.runs as r where r.id = run_id and r.deleted_at is not null)
    order by name for no key update skip locked
  loop
    begin
      count := count + pra_store.run_schedule(s);
    exception
      -- Agents call this at each heartbeat: one schedule whose calendar has gone must not stop the others.
      when others then
        update pra_store.schedules
        set next_at = clock_timestamp() + interval '1 hour', last_error = left(sqlerrm, 1000),
            last_error_at = clock_timestamp()
        where name = s.name;
    end;
  end loop;
  return count;
end
$$;

-- Enqueues what one schedule owes, up to a thousand times of its calendar: the next call goes on.
create or replace function pra_store.run_schedule(s pra_store.schedules) returns integer
language plpgsql
as $$
declare
  fires timestamptz := s.next_at;
  following timestamptz;
  count integer := 0;
begin
  for i in 1..1000 loop
    following := pra_store.cron_next(s.cron, s.time_zone, fires);
    -- A time that is less than a minute late does not count as missed.
    if s.catch_up = 'all' or following > clock_timestamp()
      and (s.catch_up = 'last' or fires > clock_timestamp() - interval '1 minute') then
      if s.overlap = 'skip' and exists (
        select from pra_store.jobs as j
        where j.id = s.last_job and j.state in ('blocked', 'ready', 'running')
      ) then
        perform pra_store.record_event('schedule.skipped', s.run_id, s.last_job, null, null,
          jsonb_build_object('schedule', s.name, 'at', fires));
      else
        begin
          s.last_job := pra.enqueue(
            kind => s.kind, run => s.run_id, arguments => s.arguments, queue => s.queue,
            priority => s.priority,
            idempotency_key => format('schedule %s %s', s.name,
              to_char(fires at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI"Z"')));
          -- A reaper is anybody; the job belongs to the login that set the schedule, whose secrets it may use.
          update pra_store.jobs as j set created_by = s.created_by where j.id = s.last_job;
          count := count + 1;
          s.last_error := null;
          s.last_error_at := null;
        exception
          when others then
            s.last_error := left(sqlerrm, 1000);
            s.last_error_at := clock_timestamp();
            perform pra_store.record_event('schedule.failed', s.run_id, null, null, null,
              jsonb_build_object('schedule', s.name, 'at', fires, 'message', sqlerrm));
        end;
      end if;
    end if;
    fires := following;
    exit when fires > clock_timestamp();
  end loop;
  update pra_store.schedules
  set next_at = fires, last_at = clock_timestamp(), last_job = s.last_job, last_error = s.last_error,
      last_error_at = s.last_error_at
  where name = s.name;
  return count;
end
$$;

-- First time after a moment at which a cron line fires, on the calendar of a time zone.
--
-- Where clocks change it does as Debian's cron: a line with * or a step as its minute or hour goes by elapsed
-- time, so that it fires in both of two equal hours and has no time in one that is left out. Any other time
-- fires once a day: at the first moment after a gap that it lies in, and at the second of two equal ones.
create or replace function pra_store.cron_next(cron text, time_zone text, after timestamptz)
returns timestamptz
language plpgsql stable
as $$
declare
  line text := case lower(btrim(cron))
    when '@hourly' then '0 * * * *'
    when '@daily' then '0 0 * * *' when '@midnight' then '0 0 * * *'
    when '@weekly' then '0 0 * * 0' when '@monthly' then '0 0 1 * *'
    when '@yearly' then '0 0 1 1 *' when '@annually' then '0 0 1 1 *' else btrim(cron) end;
  fields text[] := regexp_split_to_array(line, '\s+');
  minutes integer[];
  hours integer[];
  days integer[];
  months integer[];
  weekdays integer[];
  -- The day before may come again, where clocks go back across midnight.
  day date := (after at time zone time_zone)::date - 1;
  found timestamptz;
begin
  if cardinality(fields) <> 5 then
    raise exception 'cron: "%" does not have the five fields minute, hour, day, month, weekday', cron
      using errcode = 'PR003';
  end if;
  minutes := pra_store.cron_field(fields[1], 0, 59, '{}');
  hours := pra_store.cron_field(fields[2], 0, 23, '{}');
  days := pra_store.cron_field(fields[3], 1, 31, '{}');
  months := pra_store.cron_field(
    fields[4], 1, 12, '{jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec}');
  weekdays := array(
    select w % 7
    from unnest(pra_store.cron_field(fields[5], 0, 7, '{sun,mon,tue,wed,thu,fri,sat}')) as w);
  -- 29 February comes at least once in eight years.
  for ahead in 0..2931 loop
    if extract(month from day)::integer = any(months) and (
      -- crontab(5): where both days are given, either suffices. 7 is Sunday, as is 0.
      case
        -- A field that begins with a star restricts nothing by itself: both must hold (crontab(5)).
        when starts_with(fields[3], '*') or starts_with(fields[5], '*') then
          extract(dow from day)::integer = any(weekdays) and extract(day from day)::integer = any(days)
        else extract(day from day)::integer = any(days)
          or extract(dow from day)::integer = any(weekdays)
      end
    ) then
      found := pra_store.first_of_day(
        day, hours, minutes, time_zone, after, by_elapsed_time => fields[1] || fields[2] ~ '[*/]');
      if found is not null then
        return found;
      end if;
    end if;
    day := day + 1;
  end loop;
  raise exception 'cron: "%" never fires', cron using errcode = 'PR003';
end
$$;

-- The first moment of a day after another, of those at which clocks show one of some times; null if there is none.
create or replace function pra_store.first_of_day(
  day date, hours integer[], minutes integer[], time_zone text, after timestamptz, by_elapsed_time boolean
) returns timestamptz
language plpgsql stable
as $$
declare
  -- The times of two offsets from UTC, those of the evening before and of the morning after.
  early interval := pra_store.utc_offset(time_zone, day - interval '12 hours');
  late interval := pra_store.utc_offset(time_zone, day + interval '36 hours');
  shown timestamp;
  moment timestamptz;
  first timestamptz;
begin
  if early = late and day + interval '1 day' - early <= after at time zone 'UTC' then
    return null;
  end if;
  for shown in
    select day + make_interval(hours => h, mins => m)
    from unnest(hours) as h, unnest(minutes) as m
    -- Nothing before it, but in the two hours or so that may come twice.
    where early <> late
      or (day + make_interval(hours => h, mins => m) - early) at time zone 'UTC' > after
    order by 1
  loop
    if early = late then
      return (shown - early) at time zone 'UTC';
    end if;
    for moment in
      select (shown - o) at time zone 'UTC' from (values (early), (late)) as offsets (o)
      where (shown - o) at time zone 'UTC' at time zone time_zone = shown
      order by 1
    loop
      -- The other one of two is the second.
      continue when not by_elapsed_time and early > late
        and moment = (shown - early) at time zone 'UTC'
        and (shown - late) at time zone 'UTC' at time zone time_zone = shown;
      if moment > after then
        first := least(first, moment);
      end if;
    end loop;
    if not found and not by_elapsed_time then
      moment := pra_store.change_of_clocks(time_zone, day, early);
      if moment > after then
        first := least(first, moment);
      end if;
    end if;
  end loop;
  return first;
end
$$;

-- The offset of a time zone's clocks from UTC, at a moment of UTC.
create or replace function pra_store.utc_offset(time_zone text, moment timestamp) returns interval
language plpgsql stable
as $$
begin
  return moment at time zone 'UTC' at time zone time_zone - moment;
end
$$;

-- The moment at which clocks that showed "early" more than UTC before a day are changed, to the second.
create or replace function pra_store.change_of_clocks(time_zone text, day date, early interval)
returns timestamptz
language plpgsql stable
as $$
declare
  before timestamp := day - interval '12 hours';
  behind timestamp := day + interval '36 hours';
  middle timestamp;
begin
  while behind - before > interval '1 second' loop
    middle := date_trunc('second', before + (behind - before) / 2);
    if pra_store.utc_offset(time_zone, middle) = early then
      before := middle;
    else
      behind := middle;
    end if;
  end loop;
  return behind at time zone 'UTC';
end
$$;

-- Values of one field of a cron line, such as 0,30 or 1-5 or */15, in order of its parts. names: those
-- of months or weekdays, which may stand for numbers from the lowest on, and whose ranges may go past the last
-- of them, as fri-mon does.
create or replace function pra_store.cron_field(field text, lowest integer, highest integer, names text[])
returns integer[]
language plpgsql immutable
as $$
declare
  part text;
  bits text[];
  low integer;
  high integer;
  step integer;
  named text := lower(field);
  result integer[] := '{}';
begin
  for i in 1..coalesce(cardinality(names), 0) loop
    named := regexp_replace(named, '\m' || names[i] || '\M', (i - 1 + lowest)::text, 'g');
  end loop;
  foreach part in array string_to_array(named, ',') loop
    bits := regexp_match(part, '^(?:(\*)|(\d{1,2})(?:-(\d{1,2}))?)(?:/(\d{1,2}))?$');
    if bits is null then
      raise exception 'cron: "%" is not a field such as *, 5, 1-5, */15 or 0,30', field
        using errcode = 'PR003';
    end if;
    step := coalesce(bits[4]::integer, 1);
    low := case when bits[1] is not null then lowest else bits[2]::integer end;
    high := case
      when bits[1] is not null then highest
      when bits[3] is not null then bits[3]::integer
      when bits[4] is not null then highest
      else low end;
    if least(low, high) < lowest or greatest(low, high) > highest or step < 1
      or low > high and names = '{}' then
      raise exception 'cron: "%" is outside % to %', part, lowest, highest using errcode = 'PR003';
    end if;
    if low > high then
      result := result || array(
        select lowest + (v - lowest) % cardinality(names)
        from generate_series(low, high + cardinality(names), step) as v);
    else
      result := result || array(select generate_series(low, high, step));
    end if;
  end loop;
  return result;
end
$$;
