-- pra_store.lease_end written out, since functions in a view run with the rights of its reader.
create or replace view pra.workers as
select
  w.id, w.name, w.version, w.labels, w.queues, w.kinds, w.slots,
  (select count(*) from pra_store.jobs as j where j.worker_id = w.id and j.state = 'running')
    as running,
  case
    when w.stopped_at is not null then 'stopped'
    when greatest(w.lease_expires_at, pg_postmaster_start_time() + w.lease) <= statement_timestamp()
      then 'lost'
    when w.draining or w.drain_requested_at is not null then 'draining'
    when b.host is not null then 'blamed'
    when w.lack is not null then 'paused'
    else 'live'
  end as state,
  w.lease, greatest(w.lease_expires_at, pg_postmaster_start_time() + w.lease) as lease_expires_at,
  w.registered_at, w.beat_at, w.stopped_at, w.stop_reason, w.drain_requested_at,
  w.lack, w.lack_since,
  b.until as blamed_until, b.reason as blame_reason,
  w.room, w.cache_bytes, w.cache_quota,
  (select count(*) from pra_store.held_artifacts as h where h.worker_id = w.id) as cached,
  w.leaves_at
from pra_store.workers as w
left join pra_store.blamed_hosts as b
  on w.stopped_at is null and b.host = coalesce(w.labels ->> 'host', w.name)
    and b.until > statement_timestamp();

grant select on pra.workers to pra_submit, pra_worker, pra_read;

comment on view pra.workers is 'One row per worker: an agent process that registered';
comment on column pra.workers.id is 'number of the worker';
comment on column pra.workers.name is 'name that the agent gave itself';
comment on column pra.workers.version is 'version of its program';
comment on column pra.workers.labels is 'labels that requirements are compared with';
comment on column pra.workers.queues is 'queues that it serves';
comment on column pra.workers.kinds is 'kinds of jobs that it runs';
comment on column pra.workers.slots is 'number of jobs that it runs at once';
comment on column pra.workers.running is 'number of jobs that it runs now';
comment on column pra.workers.state is
  'live, paused (its host lacks something), draining, blamed (its host is), lost (its lease has expired, it was not reaped yet) or stopped';
comment on column pra.workers.lease is 'longest time between heartbeats';
comment on column pra.workers.lease_expires_at is
  'time when it counts as lost unless a heartbeat comes first';
comment on column pra.workers.registered_at is 'time of registration';
comment on column pra.workers.beat_at is 'time of its latest heartbeat';
comment on column pra.workers.stopped_at is 'time when it left or was reaped';
comment on column pra.workers.stop_reason is 'deregistered, lease lost or declared dead';
comment on column pra.workers.drain_requested_at is
  'time since which an operator wants it to give its work back';
comment on column pra.workers.lack is
  'what its host lacks: room, a program, the store; it takes no jobs meanwhile';
comment on column pra.workers.lack_since is 'time since which it lacks something';
comment on column pra.workers.blamed_until is
  'time until which its host gets no work that another can take; null when it is not blamed';
comment on column pra.workers.room is 'bytes that a job may have on its host; null when it does not say';
comment on column pra.workers.cache_bytes is 'bytes in the cache of its host';
comment on column pra.workers.cache_quota is 'most bytes of that cache';
comment on column pra.workers.cached is 'number of artifacts that its host need not fetch, besides those of its own stores';
comment on column pra.workers.leaves_at is 'time from which it drains; it gets nothing that would end later';
comment on column pra.workers.blame_reason is 'description of the crashes for which its host is blamed';
