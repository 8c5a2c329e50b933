-- Logs: the output of attempts, in chunks.

create or replace function pra.append_log(
  job bigint, epoch bigint, ordinal integer, bytes bytea, token uuid default null
) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  perform from pra_store.jobs as j where j.id = job for share;
  -- Unlike other writes also for a minute after the end, since the last lines are read when the stage
  -- has ended; but only for the latest attempt of the job, and only from a live worker.
  if not exists (
    select
    from pra_store.attempts as a
    join pra_store.jobs as j on j.id = a.job_id and j.epoch = a.epoch
    join pra_store.workers as w on w.id = a.worker_id
    where a.job_id = job and a.epoch = append_log.epoch
      and (a.ended_at is null or (
        a.outcome <> 'lost' and a.ended_at > clock_timestamp() - interval '1 minute'))
      and w.stopped_at is null and (w.token is null or j.token = append_log.token)
      and pra_store.lease_end(w.lease_expires_at, w.lease) > clock_timestamp()
  ) then
    raise exception 'lease lost: attempt % of job % may write no more', epoch, job
      using errcode = 'PR001';
  end if;
  insert into pra_store.log_chunks (job_id, epoch, ordinal, bytes)
  values (append_log.job, append_log.epoch, append_log.ordinal, append_log.bytes)
  on conflict do nothing;
end
$$;

grant execute on function pra.append_log to pra_worker;

comment on function pra.append_log is
'Appends a chunk to the log of an attempt; sent again with the same ordinal, it counts once.
ordinal: from 0. bytes: 1 to 1048576. Allowed while the attempt runs and for a minute after it ended,
unless it was lost.
Raises PR001 when the attempt may write no more.';

create or replace function pra.read_log(job bigint, epoch bigint default null, after integer default -1)
returns table (epoch bigint, ordinal integer, at timestamptz, bytes bytea)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select c.epoch, c.ordinal, c.at, c.bytes
  from pra_store.log_chunks as c
  where c.job_id = read_log.job
    and c.epoch = coalesce(
      read_log.epoch, (select j.epoch from pra_store.jobs as j where j.id = read_log.job))
    and c.ordinal > read_log.after
  order by c.ordinal;
$$;

grant execute on function pra.read_log to pra_submit, pra_worker, pra_read;

comment on function pra.read_log is
'Returns the log of an attempt in chunks, in order. epoch: the latest attempt by default. after: only
chunks with a higher ordinal; -1, the default, for all. No rows when there is no such job, attempt or
output.';

create or replace function pra.read_log_part(
  job bigint, epoch bigint default null, before integer default null, most integer default 262144
) returns table (ordinal integer, bytes bytea)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  attempt bigint := coalesce(
    read_log_part.epoch, (select j.epoch from pra_store.jobs as j where j.id = read_log_part.job));
  chunk record;
  -- The bytes so far; the length of a chunk is known without reading it.
  sum bigint := 0;
  first integer;
begin
  for chunk in
    select c.ordinal, octet_length(c.bytes) as length
    from pra_store.log_chunks as c
    where c.job_id = read_log_part.job and c.epoch = attempt and (before is null or c.ordinal < before)
    order by c.ordinal desc
  loop
    exit when first is not null and sum + chunk.length > most;
    sum := sum + chunk.length;
    first := chunk.ordinal;
  end loop;
  return query
    select c.ordinal, c.bytes from pra_store.log_chunks as c
    where c.job_id = read_log_part.job and c.epoch = attempt and c.ordinal >= first
      and (before is null or c.ordinal < before)
    order by c.ordinal;
end
$$;

grant execute on function pra.read_log_part to pra_submit, pra_worker, pra_read;

comment on function pra.read_log_part is
'Returns the end of the log of an attempt in chunks, in order: so many as have at most `most` bytes, and at least one.
epoch: the latest attempt by default. before: the part before that chunk. As fast for a log of 1 GB as for one of 1 kB.
No rows when there is no such job, attempt or output.';
