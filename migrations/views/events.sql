create or replace view pra.events as
select e.id, e.at, e.kind, e.run_id, e.job_id, e.epoch, e.worker_id, e.actor, e.detail
from pra_store.events as e
where e.kind not in ('job.enqueued', 'job.claimed')
union all
select null, j.created_at, 'job.enqueued', j.run_id, j.id, null, null, j.created_by, '{}'
from pra_store.jobs as j
where j.array_id is null
union all
select null, a.started_at, 'job.claimed', j.run_id, a.job_id, a.epoch, a.worker_id, w.login, '{}'
from pra_store.attempts as a
join pra_store.jobs as j on j.id = a.job_id
join pra_store.workers as w on w.id = a.worker_id
union all
select null, a.ended_at, 'attempt.succeeded', j.run_id, a.job_id, a.epoch, a.worker_id, w.login, '{}'
from pra_store.attempts as a
join pra_store.jobs as j on j.id = a.job_id
join pra_store.workers as w on w.id = a.worker_id
where a.batched and a.outcome = 'succeeded';

grant select on pra.events to pra_submit, pra_worker, pra_read;

comment on view pra.events is 'Journal of the queue: one row per event';
comment on column pra.events.id is
  'number of the event; null for job.enqueued, job.claimed and an attempt.succeeded of a batch';
comment on column pra.events.at is 'time of the event';
comment on column pra.events.kind is 'kind of event, such as job.claimed or attempt.fault';
comment on column pra.events.run_id is 'run concerned';
comment on column pra.events.job_id is 'job concerned';
comment on column pra.events.epoch is 'attempt concerned';
comment on column pra.events.worker_id is 'worker concerned';
comment on column pra.events.actor is 'login of the session that caused it, where known';
comment on column pra.events.detail is 'further facts';
