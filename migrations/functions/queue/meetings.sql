-- Where the members of a gang meet: their ranks, what they tell one another, and the series that is the gang's own.

-- Numbers the start of a gang that has just been placed, and its members in the order of their elements. The gang
-- carries the token of rank 0, which writes for it.
create or replace function pra_store.begin_start(gang_job bigint, members bigint[]) returns void
language plpgsql
as $$
#variable_conflict use_column
declare
  begun bigint;
begin
  update pra_store.jobs as j
  set state = 'running', started_at = coalesce(j.started_at, clock_timestamp()), epoch = j.epoch + 1,
      token = (select m.token from pra_store.jobs as m where m.id = members[1])
  where j.id = gang_job
  returning j.epoch into begun;
  insert into pra_store.gang_meetings (gang_id, start, rank, job_id, key, value)
  select gang_job, begun, n - 1, m, '', ''
  from unnest(members) with ordinality as u (m, n);
end
$$;

-- Ends the start of a gang of which no member runs any more. The gang's own attempt ends as the first member did that
-- was not ended by another's loss, but without its cause: crashes are counted once.
create or replace function pra_store.end_start(gang_job bigint) returns void
language plpgsql
as $$
#variable_conflict use_column
declare
  begun bigint;
  first record;
begin
  if exists (select from pra_store.jobs as j where j.array_id = gang_job and j.state = 'running') then
    return;
  end if;
  select max(m.start) into begun from pra_store.gang_meetings as m where m.gang_id = gang_job;
  if begun is null then
    return;
  end if;
  select t.outcome, t.ended_at, t.worker_id, format('rank %s: %s', m.rank, t.message) as message into first
  from pra_store.gang_meetings as m
  join pra_store.jobs as j on j.id = m.job_id
  join pra_store.attempts as t on t.job_id = j.id and t.epoch = j.epoch
  where m.gang_id = gang_job and m.start = begun and m.key = '' and t.outcome is not null
  order by t.outcome = 'succeeded', coalesce(t.cause = 'peer-lost', false), t.outcome = 'preempted', t.ended_at, m.rank
  limit 1;
  update pra_store.attempts as t
  set ended_at = coalesce(first.ended_at, clock_timestamp()), outcome = coalesce(first.outcome, 'released'),
      -- The one that is named where a worker was lost.
      worker_id = case when first.outcome = 'lost' then first.worker_id else t.worker_id end,
      message = case when first.outcome <> 'succeeded' then first.message end
  where t.job_id = gang_job and t.epoch = begun and t.ended_at is null;
  perform pra_store.settle_series(gang_job);
  delete from pra_store.gang_meetings as m where m.gang_id = gang_job;
end
$$;

-- The attempt of a gang whose rank 0 has a token, with the worker of that rank in the place of its own; unchanged for
-- another token and for a job that is no gang.
create or replace function pra_store.held_gang(held pra_store.jobs, token uuid) returns pra_store.jobs
language plpgsql stable
as $$
#variable_conflict use_column
begin
  select j.worker_id into held.worker_id
  from pra_store.gang_meetings as m join pra_store.jobs as j on j.id = m.job_id
  where m.gang_id = held.id and m.start = held.epoch and m.rank = 0 and m.key = ''
    and j.state = 'running' and j.token = held_gang.token;
  return held;
end
$$;

create or replace function pra.join_gang(job bigint, epoch bigint, token uuid default null)
returns table (gang bigint, start bigint, rank integer, size integer)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  held pra_store.jobs := pra_store.hold(job, epoch, false, token);
begin
  select m.gang_id, m.start, m.rank into gang, start, rank
  from pra_store.jobs as a
  join pra_store.gang_meetings as m
    on m.gang_id = a.id and m.start = a.epoch and m.job_id = held.id and m.key = ''
  where a.id = held.array_id;
  if gang is null then
    return;
  end if;
  select count(*) into size
  from pra_store.gang_meetings as m
  where m.gang_id = join_gang.gang and m.start = join_gang.start and m.key = '';
  if rank = 0 then
    insert into pra_store.attempts (job_id, epoch, worker_id)
    values (join_gang.gang, join_gang.start, held.worker_id)
    on conflict do nothing;
  end if;
  return next;
end
$$;

grant execute on function pra.join_gang to pra_worker;

comment on function pra.join_gang is
'Returns the gang of which a job is a member, the number of its present start, which all members share, the rank of this
member from 0 on, and the number of ranks; no row for a job that is in no gang. From then on rank 0 may write metrics,
progress and checkpoints under the gang''s number, with the start as epoch and its own token: they are the gang''s.
Raises PR001 when the attempt has lost its lease.';

create or replace function pra.meet(
  job bigint, epoch bigint, key text, value bytea, token uuid default null
) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  held pra_store.jobs := pra_store.hold(job, epoch, false, token);
begin
  if key is null or length(key) not between 1 and 200 then
    raise exception 'key: has 1 to 200 characters' using errcode = 'PR003';
  end if;
  if value is null or length(value) > 65536 then
    raise exception 'value: has at most 65536 bytes' using errcode = 'PR003';
  end if;
  insert into pra_store.gang_meetings (gang_id, start, rank, job_id, key, value)
  select m.gang_id, m.start, m.rank, m.job_id, meet.key, meet.value
  from pra_store.jobs as a
  join pra_store.gang_meetings as m
    on m.gang_id = a.id and m.start = a.epoch and m.job_id = held.id and m.key = ''
  where a.id = held.array_id
  on conflict (gang_id, start, rank, key) do update set value = excluded.value;
  if not found then
    raise exception 'job: % is a member of no gang', job using errcode = 'PR004';
  end if;
end
$$;

grant execute on function pra.meet to pra_worker;

comment on function pra.meet is
'Tells the other members of a start something under a key; told again, the later value counts. It is gone with the start.
Raises PR001 when the attempt has lost its lease, PR003 for a key or a value out of range, PR004 for a job that is in no
gang.';

create or replace function pra.met(job bigint, epoch bigint, key text, token uuid default null)
returns table (rank integer, value bytea)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  held pra_store.jobs := pra_store.hold(job, epoch, false, token);
begin
  return query
    select m.rank, m.value
    from pra_store.jobs as a
    join pra_store.gang_meetings as m on m.gang_id = a.id and m.start = a.epoch and m.key = met.key
    where a.id = held.array_id
    order by m.rank;
end
$$;

grant execute on function pra.met to pra_worker;

comment on function pra.met is
'Returns what the members of this attempt''s start have told under a key, a row for each that has, by rank.
Raises PR001 when the attempt has lost its lease.';

create or replace function pra.set_gang_sizes(job bigint, sizes integer[]) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  if coalesce(cardinality(sizes), 0) = 0 then
    raise exception 'sizes: a gang starts with at least one number of members' using errcode = 'PR003';
  end if;
  update pra_store.jobs as j
  set gang_sizes = array(select distinct n from unnest(sizes) as n order by n)
  where j.id = job and j.gang and j.started_at is null
    and (select bool_and(n between 1 and j.array_end - j.array_first) from unnest(sizes) as n);
  if not found then
    raise exception 'job: % is no gang that waits for its first start and has as many elements', job
      using errcode = 'PR004';
  end if;
end
$$;

grant execute on function pra.set_gang_sizes to pra_submit;

comment on function pra.set_gang_sizes is
'Lets a gang start with fewer members than it has elements: with the greatest of these numbers for which there are places.
One success is that of the gang.
Raises PR003 for no sizes, PR004 for a job that is no gang, has started, or has fewer elements.';
