-- Hosts on which jobs crash.

create or replace function pra.forgive_host(host text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform pra_store.require_operator('host');
  delete from pra_store.blamed_hosts as b where b.host = forgive_host.host;
  if not found then
    raise exception 'host "%" is not blamed for anything', host using errcode = 'PR002';
  end if;
  perform pra_store.record_event(
    'host.forgiven', null, null, null, null, jsonb_build_object('host', host));
  perform pg_notify('pra_ready', '');
end
$$;

grant execute on function pra.forgive_host to pra_submit;

comment on function pra.forgive_host is
'Lets a blamed host get work again at once; pra.blamed_hosts lists them. host: label host of its
workers, else their name.
Raises PR002 when the host is not blamed.';

-- Whether an attempt ended by a crash: by a signal of a program's own fault (signal(7): illegal instruction,
-- trap, abort, bus error, arithmetic error, segmentation fault, bad system call), or by a kill, which is how
-- the kernel takes memory back. Other signals come from systemd, Slurm, a terminal, an operator or a limit,
-- and say nothing of job or host.
create or replace function pra_store.is_crash(
  outcome pra.attempt_outcome, cause text, exit_signal integer
) returns boolean
language sql immutable
as $$
  select coalesce(outcome = 'fault' and cause in ('signal', 'out-of-memory')
    and (exit_signal is null or exit_signal in (4, 5, 6, 7, 8, 9, 11, 31)), false);
$$;

-- Number of jobs that crashed on a host within an hour with no success in between.
create or replace function pra_store.crashed_jobs(host text) returns bigint
language plpgsql stable
as $$
declare
  here bigint[] := array(
    select w.id from pra_store.workers as w where pra_store.host(w.labels, w.name) = crashed_jobs.host);
begin
  return (
    select count(distinct c.job_id)
    from pra_store.crashes as c
    where c.worker_id = any(here)
      and c.at > clock_timestamp() - interval '1 hour'
      and c.at > coalesce((
        select max(e.at) from pra_store.events as e
        where e.worker_id = any(here) and e.kind in ('attempt.succeeded', 'batch.succeeded')
          and e.at > clock_timestamp() - interval '1 hour'), '-infinity'));
end
$$;

-- Whether a live worker of another host that is not blamed and lacks nothing serves a queue and a kind, and meets requirements.
create or replace function pra_store.others_take(
  host text, queue text, kind text, requirements jsonb
) returns boolean
language plpgsql stable
as $$
begin
  return exists (
    select from pra_store.workers as w
    where w.stopped_at is null and not w.draining and w.drain_requested_at is null and w.lack is null
      and pra_store.host(w.labels, w.name) <> others_take.host
      and pra_store.lease_end(w.lease_expires_at, w.lease) > clock_timestamp()
      and others_take.queue = any(w.queues) and others_take.kind = any(w.kinds)
      and (others_take.requirements = '[]'
        or pra_store.satisfies(w.labels, others_take.requirements))
      and not exists (
        select from pra_store.blamed_hosts as b
        where b.host = pra_store.host(w.labels, w.name) and b.until > clock_timestamp()));
end
$$;

-- Blames a host on which three jobs crashed within an hour with no success in between: for an hour it gets no
-- work that another host can take. A host is not blamed where it alone serves a queue and a kind.
create or replace function pra_store.blame(host text) returns void
language plpgsql
as $$
#variable_conflict use_column
declare
  crashed bigint := pra_store.crashed_jobs(blame.host);
begin
  if crashed < 3 or exists (
    select from pra_store.workers as w cross join unnest(w.queues) as q (queue)
      cross join unnest(w.kinds) as k (kind)
    where w.stopped_at is null and pra_store.host(w.labels, w.name) = blame.host
      and pra_store.lease_end(w.lease_expires_at, w.lease) > clock_timestamp()
      and not pra_store.others_take(blame.host, q.queue, k.kind, '[]')
  ) then
    return;
  end if;
  insert into pra_store.blamed_hosts as b (host, until, reason)
  values (blame.host, clock_timestamp() + interval '1 hour',
          format('%s jobs crashed there one after the other', crashed))
  on conflict (host) do update
  set until = excluded.until, reason = excluded.reason, blamed_at = clock_timestamp();
  perform pra_store.record_event('host.blamed', null, null, null, null,
    jsonb_build_object('host', blame.host, 'jobs', crashed));
end
$$;

-- Takes the crashes of a job that crashes everywhere off its hosts, and the blame where too few are left.
create or replace function pra_store.take_crashes_off(job bigint) returns void
language plpgsql
as $$
declare
  freed text;
begin
  delete from pra_store.crashes as c where c.job_id = take_crashes_off.job;
  for freed in
    delete from pra_store.blamed_hosts as b
    where b.until > clock_timestamp() and pra_store.crashed_jobs(b.host) < 3
    returning b.host
  loop
    perform pra_store.record_event('host.forgiven', null, take_crashes_off.job, null, null,
      jsonb_build_object('host', freed, 'because', 'the job crashes wherever it runs'));
    perform pg_notify('pra_ready', '');
  end loop;
end
$$;

-- Records a crash of an attempt, for pra_store.blame to count.
create or replace function pra_store.note_crash() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  insert into pra_store.crashes (worker_id, job_id, epoch)
  values (new.worker_id, new.job_id, new.epoch);
  return null;
end
$$;

create or replace trigger note_crash after update on pra_store.attempts for each row
when (pra_store.is_crash(new.outcome, new.cause, new.exit_signal))
execute function pra_store.note_crash();
