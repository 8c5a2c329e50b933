-- The first job of its kind in a run takes the short way as well.
--
-- It went through the enqueue that serves every option: a session that enqueues for the first time, as each call of
-- the command line does, spent 8 ms on it, most of them on reading and planning what such a job has no use for.

set local role pra_owner;

-- The lane of such jobs. Only who opens one is looked at: in a lane that is there they were found right before.
create or replace function pra_store.lane(
  run bigint, queue text, kind text, requirements jsonb, limits text[]
) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
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

select pg_temp.patch(
  (select p.oid::regprocedure from pg_proc as p
   where p.pronamespace = 'pra'::regnamespace and p.proname = 'enqueue'),
  -- Asked before a lane is written.
  '  is_awaited boolean;
', '  is_alone boolean := pg_current_xact_id_if_assigned() is null
    and statement_timestamp() - transaction_timestamp() < interval ''100 ms'';
  is_awaited boolean;
',
  -- Twice where it is the first: then with the lane that it has opened.
  '  if after = ''{}'' and', '  while after = ''{}'' and',
  'pg_column_size(arguments) <= 65536
  then
', 'pg_column_size(arguments) <= 65536
  loop
',
  'exists (select from pra_store.waiting_workers) and pg_current_xact_id_if_assigned() is null
        and statement_timestamp() - transaction_timestamp() < interval ''100 ms''
', 'is_alone and exists (select from pra_store.waiting_workers)
',
  '    end if;
  end if;
  return pra_store.enqueue(', '    end if;
    perform pra_store.lane(run, enqueue.queue, enqueue.kind, ''[]'', ''{}'');
  end loop;
  return pra_store.enqueue(');

-- What opens a lane checks these.
select pg_temp.patch(
  (select p.oid::regprocedure from pg_proc as p
   where p.pronamespace = 'pra_store'::regnamespace and p.proname = 'enqueue'),
  '  if kind is null or kind !~ ''^[a-z][a-z0-9-]{0,62}$'' then
    raise exception ''kind: "%" is not a name of lower-case letters, digits and -'', kind
      using errcode = ''PR003'';
  end if;
  if enqueue.queue is null or enqueue.queue !~ ''^[a-z0-9][a-z0-9_.-]{0,62}$'' then
    raise exception ''queue: "%" is not a name of lower-case letters, digits, _, . and -'',
      enqueue.queue using errcode = ''PR003'';
  end if;
', '',
  '  perform from pra_store.runs where id = run;
  if not found then
    raise exception ''run: there is no run %'', run using errcode = ''PR002'';
  end if;
', '',
  '  if not exists (select from pra_store.queues where name = enqueue.queue) then
    insert into pra_store.queues (name) values (enqueue.queue) on conflict do nothing;
  end if;
', '',
  $$    own_limit := 'array-' || nextval(pg_get_serial_sequence('pra_store.lanes', 'id'))
      || '-' || run;
$$, $$    own_limit := concat('array-', nextval(pg_get_serial_sequence('pra_store.lanes', 'id')), '-', run);
$$);

drop function pg_temp.patch;
