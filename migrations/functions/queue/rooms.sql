-- Room and bytes: a job goes to a host with room for what it reads, and rather to one that has it.

create or replace function pra.worker_holds(
  worker bigint, room bigint, cache_bytes bigint, cache_quota bigint, artifacts text[], stores text[],
  worker_token uuid default null
) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  me pra_store.workers := pra_store.live_worker(worker, worker_token, locks => true);
  digests bytea[] := array(select pra_store.digest(a) from unnest(artifacts) as a);
begin
  update pra_store.workers as w
  set room = worker_holds.room, cache_bytes = worker_holds.cache_bytes, cache_quota = worker_holds.cache_quota,
      store_places = array(select n.place from unnest(stores) as s cross join pra_store.normal_location(s) as n),
      reading_kinds = array(
        select k.kind from pra_store.kinds as k where k.reads <> '{}' and k.kind = any(me.kinds))
  where w.id = me.id;
  delete from pra_store.held_artifacts as h where h.worker_id = me.id and h.sha256 <> all(digests);
  insert into pra_store.held_artifacts (worker_id, sha256)
  select distinct me.id, d from unnest(digests) as d
  on conflict do nothing;
end
$$;

grant execute on function pra.worker_holds to pra_worker;

comment on function pra.worker_holds is
'Says how many bytes a job may have on the host of a worker, and what it need not fetch there: artifacts that the
cache of the host keeps (64 lower-case hexadecimal digits each), and stores in folders of the host itself. Claims go
by it; a worker that never says it gets any job. cache_quota: most bytes of the cache.
Raises PR001 when the lease is over, or the token is not the worker''s; PR003 for a bad sha256.';

create or replace function pra.needs_room(
  job bigint, epoch bigint, bytes bigint, token uuid default null
) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if needs_room.bytes < 0 then
    raise exception 'bytes: must not be below 0' using errcode = 'PR003';
  end if;
  perform pra_store.hold(job, epoch, true, token);
  update pra_store.jobs as j set room_needed = needs_room.bytes where j.id = needs_room.job;
end
$$;

grant execute on function pra.needs_room to pra_worker;

comment on function pra.needs_room is
'Records how many bytes of scratch a job needs, as its attempt has found: hosts with less room claim it no more.
Raises PR001 when the attempt has lost its lease, PR003 for bytes below 0.';

-- A worker that has ended holds nothing any more.
create or replace function pra_store.forget_held() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  delete from pra_store.held_artifacts as h where h.worker_id = new.id;
  return null;
end
$$;

create or replace trigger forget_held after update of stopped_at on pra_store.workers for each row
when (new.stopped_at is not null) execute function pra_store.forget_held();

-- Artifacts of more than 1 MiB that an attempt of a job would read: what its arguments name, and its own newest
-- checkpoint. place: of the store in which they lie.
create or replace function pra_store.inputs_of(it pra_store.jobs)
returns table (sha256 bytea, size bigint, place text)
language plpgsql stable
as $$
declare
  given jsonb := case when it.array_id is null then it.arguments else (
    select pra_store.element_arguments(a, it.element_first, it.element_end)
    from pra_store.jobs as a where a.id = it.array_id) end;
  -- Gathered first: the planner knows how long an array is, and takes a JSON text for thousands of values.
  words text[];
  named jsonb[];
  jobs bigint[];
begin
  select array_agg(w.word), array_agg(v.value),
    -- A number that is none of a job must not make the claim fail.
    array_agg(case
      when jsonb_typeof(v.value) = 'number' and (v.value)::numeric between 0 and 1e18
        then trunc((v.value)::numeric)::bigint end)
  into words, named, jobs
  from pra_store.kinds as k
  cross join jsonb_each(k.reads) as r (argument, words)
  cross join jsonb_array_elements_text(r.words) as w (word)
  cross join jsonb_path_query(given -> r.argument, 'lax $[*]') as v (value)
  where k.kind = it.kind;
  return query
    with parts as (
      select j.word, j.id from unnest(words, jobs) as j (word, id) where j.id is not null
      union all
      select j.word, p.id from unnest(words, jobs) as j (word, id) join pra_store.jobs as p on p.array_id = j.id
    ),
    digests as (
      select o.sha256
      from parts as p join pra_store.job_outputs as o on o.job_id = p.id and o.name like replace(p.word, '*', '%')
      union
      select f.sha256
      from (
        select p.id from parts as p where p.word = 'checkpoint'
        union all select it.id where it.epoch > 0
      ) as p
      cross join lateral (
        select c.id from pra_store.checkpoints as c where c.job_id = p.id order by c.step desc, c.id desc limit 1
      ) as last
      join pra_store.checkpoint_files as f on f.checkpoint_id = last.id
      union
      select decode(n.value #>> '{}', 'hex')
      from unnest(words, named) as n (word, value) where n.word = 'artifact' and n.value #>> '{}' ~ '^[0-9a-f]{64}$'
    )
    select a.sha256, a.size, s.place
    from digests as d
    join pra_store.artifacts as a on a.sha256 = d.sha256
    left join pra_store.stores as s on s.id = a.store_id
    where a.size > 1048576;
end
$$;

-- Bytes that a worker's host would fetch for an attempt of a job, and their digests.
create or replace function pra_store.missing_on(
  it pra_store.jobs, me pra_store.workers, out bytes bigint, out digests bytea[]
)
language plpgsql stable
as $$
begin
  select coalesce(sum(i.size), 0), coalesce(array_agg(i.sha256), '{}') into bytes, digests
  from pra_store.inputs_of(it) as i
  where (i.place is null or i.place <> all(me.store_places))
    and not exists (
      select from pra_store.held_artifacts as h where h.worker_id = me.id and h.sha256 = i.sha256);
end
$$;

-- Whether there may be jobs in some lanes for which a worker's host is not the place. Mostly there are none, and no
-- entry is looked at for it.
create or replace function pra_store.may_not_suit(lanes integer[], me pra_store.workers) returns boolean
language plpgsql stable
as $$
begin
  return me.reading_kinds <> '{}' and exists (
      select from pra_store.lanes as l where l.id = any(lanes) and l.kind = any(me.reading_kinds))
    or exists (
      select from pra_store.jobs as j
      where j.room_needed is not null and j.state = 'ready' and j.lane_id = any(lanes));
end
$$;

-- Entries of the line for which a worker's host is the place, up to a number of them. Gangs choose their hosts
-- themselves. is_cut: whether further ones were not looked at.
create or replace function pra_store.suited(
  entries pra_store.line_entry[], me pra_store.workers, most integer,
  out suiting pra_store.line_entry[], out is_cut boolean
)
language plpgsql stable
as $$
declare
  entry pra_store.line_entry;
begin
  suiting := '{}';
  is_cut := false;
  foreach entry in array entries loop
    if cardinality(suiting) >= most then
      is_cut := true;
      return;
    end if;
    if entry.is_gang or pra_store.suits(entry.id, me) then
      suiting := suiting || entry;
    end if;
  end loop;
end
$$;

-- Whether a worker is to take a job: it has room for it, and no other has its bytes and a free place.
create or replace function pra_store.suits(job bigint, me pra_store.workers) returns boolean
language plpgsql stable
as $$
declare
  it pra_store.jobs;
  missing record;
begin
  select * into it from pra_store.jobs as j where j.id = job;
  if it.room_needed > me.room then
    return false;
  end if;
  if it.kind <> all(me.reading_kinds) then
    return true;
  end if;
  missing := pra_store.missing_on(it, me);
  if missing.bytes = 0 then
    return true;
  end if;
  return missing.bytes <= me.room and not exists (
    select from pra_store.better_placed(it, me, missing.bytes, missing.digests) as b);
end
$$;

-- Live workers of other hosts with a free place for a job and at least half of the bytes that are missing on a worker.
-- Half a minute after the job came into line nobody waits for them any more.
create or replace function pra_store.better_placed(
  it pra_store.jobs, me pra_store.workers, bytes bigint, digests bytea[]
) returns table (name text, host text, held bigint, until timestamptz)
language plpgsql stable
as $$
declare
  waits_until timestamptz := interval '30 seconds' + greatest(
    it.created_at, it.run_after,
    (select max(a.ended_at) from pra_store.attempts as a where a.job_id = it.id),
    (select max(p.finished_at)
     from pra_store.job_dependencies as d join pra_store.jobs as p on p.id = d.parent_id where d.job_id = it.id));
begin
  if waits_until <= clock_timestamp() then
    return;
  end if;
  return query
    select w.name, pra_store.host(w.labels, w.name), h.held::bigint, waits_until
    from (
      select h.worker_id, sum(a.size) as held
      from pra_store.held_artifacts as h join pra_store.artifacts as a on a.sha256 = h.sha256
      where h.sha256 = any(digests)
      group by h.worker_id
    ) as h
    join pra_store.workers as w on w.id = h.worker_id
    where 2 * h.held >= bytes
      and w.stopped_at is null and not w.draining and w.drain_requested_at is null and w.lack is null
      and pra_store.lease_end(w.lease_expires_at, w.lease) > clock_timestamp()
      and pra_store.host(w.labels, w.name) <> pra_store.host(me.labels, me.name)
      and pra_store.host(w.labels, w.name) is distinct from
        case when it.avoided_until > clock_timestamp() then it.avoided_host end
      and it.queue = any(w.queues) and it.kind = any(w.kinds)
      and pra_store.satisfies(w.labels, it.requirements)
      and pra_store.stays(w, it.time_limit)
      and coalesce(it.room_needed, bytes - h.held) <= w.room
      and not exists (
        select from pra_store.blamed_hosts as b
        where b.host = pra_store.host(w.labels, w.name) and b.until > clock_timestamp())
      and w.slots > (
        select count(*) from pra_store.jobs as j where j.worker_id = w.id and j.state = 'running');
end
$$;

-- The part of room and bytes in the waiting of a job, a sentence each. small: number of workers that fit but for their
-- room. The job's inputs are looked up once; missing_on says the rest of one worker.
create or replace function pra_store.reasons_of_room(it pra_store.jobs)
returns table (reason text, detail text, small bigint)
language plpgsql stable
as $$
begin
  return query
    with inputs as materialized (
      select i.* from pra_store.inputs_of(it) as i
    ),
    fitting as materialized (
      select w as worker, w.id, w.name, pra_store.host(w.labels, w.name) as host, w.room, m.bytes, m.digests,
        greatest(it.room_needed, m.bytes) as needed
      from pra_store.fitting_workers(it) as w
      cross join lateral (
        select coalesce(sum(i.size), 0)::bigint as bytes, coalesce(array_agg(i.sha256), '{}') as digests
        from inputs as i
        where (i.place is null or i.place <> all(w.store_places)) and not exists (
          select from pra_store.held_artifacts as h where h.worker_id = w.id and h.sha256 = i.sha256)
      ) as m
      where w.room is not null
    )
    select 'no-room', string_agg(
      format('it needs %s of scratch, and worker %s (%s) has %s', pra.size_text(s.needed), s.name, s.host,
        pra.size_text(s.room)), '; ' order by s.room desc, s.name) filter (where s.nth <= 3), count(*)
    from (
      select f.*, row_number() over (order by f.room desc, f.id) as nth from fitting as f where f.needed > f.room
    ) as s
    having count(*) > 0
    union all
    select * from (
      select 'bytes-elsewhere', format('%s of what it reads lie on %s (worker %s), to which it is left until %s',
        pra.size_text(b.held), b.host, b.name, to_char(b.until at time zone 'UTC', 'HH24:MI:SS UTC')), 0::bigint
      from fitting as f cross join lateral pra_store.better_placed(it, f.worker, f.bytes, f.digests) as b
      where f.bytes > 0
      order by b.held desc limit 1
    ) as b;
end
$$;
