-- Hosts on which jobs crash.

create or replace function pra.forgive_host(host text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
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

-- Blames a host on which three jobs crashed within an hour with no success in between: it gets no work
-- for an hour. The only live host is never blamed.
create or replace function pra_store.blame(host text) returns void
language plpgsql
as $$
#variable_conflict use_column
declare
  here bigint[];
  crashed bigint;
begin
  select array_agg(w.id) into here
  from pra_store.workers as w where pra_store.host(w.labels, w.name) = blame.host;
  select count(distinct c.job_id) into crashed
  from pra_store.crashes as c
  where c.worker_id = any(here)
    and c.at > clock_timestamp() - interval '1 hour'
    and c.at > coalesce((
      select max(e.at) from pra_store.events as e
      where e.worker_id = any(here) and e.kind in ('attempt.succeeded', 'batch.succeeded')
        and e.at > clock_timestamp() - interval '1 hour'), '-infinity');
  if crashed >= 3 and exists (
    select from pra_store.workers as w
    where w.stopped_at is null and pra_store.host(w.labels, w.name) <> blame.host
      and pra_store.lease_end(w.lease_expires_at, w.lease) > clock_timestamp()
  ) then
    insert into pra_store.blamed_hosts as b (host, until, reason)
    values (blame.host, clock_timestamp() + interval '1 hour',
            format('%s jobs crashed there one after the other', crashed))
    on conflict (host) do update
    set until = excluded.until, reason = excluded.reason, blamed_at = clock_timestamp();
    perform pra_store.record_event('host.blamed', null, null, null, null,
      jsonb_build_object('host', blame.host, 'jobs', crashed));
  end if;
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
when (new.outcome = 'fault' and new.cause in ('signal', 'out-of-memory'))
execute function pra_store.note_crash();
