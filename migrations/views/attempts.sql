create or replace view pra.attempts as
select
  a.job_id, a.epoch, j.run_id, j.kind, a.worker_id, w.name as worker_name, a.started_at, a.ended_at,
  a.outcome, a.exit_code, a.exit_signal, a.message, a.from_step, a.continues_epoch,
  a.metric_batch, a.metric_high_water, a.cause
from pra_store.attempts as a
join pra_store.jobs as j on j.id = a.job_id
join pra_store.workers as w on w.id = a.worker_id;

grant select on pra.attempts to pra_submit, pra_worker, pra_read;

comment on view pra.attempts is 'One row per attempt: each claim of a job starts one';
comment on column pra.attempts.job_id is 'job of the attempt';
comment on column pra.attempts.epoch is 'number of the attempt, strictly increasing within the job';
comment on column pra.attempts.run_id is 'run of the job';
comment on column pra.attempts.kind is 'kind of the job';
comment on column pra.attempts.worker_id is 'worker that claimed the job';
comment on column pra.attempts.worker_name is 'name of that worker';
comment on column pra.attempts.started_at is 'time of the claim';
comment on column pra.attempts.ended_at is 'time of the end, of a lost one that of the last beat of its worker; null while it runs';
comment on column pra.attempts.outcome is
  'succeeded, fault, permanent, lost, timeout, preempted, released or cancelled';
comment on column pra.attempts.exit_code is 'exit code of the stage''s process';
comment on column pra.attempts.exit_signal is 'signal that ended the stage''s process';
comment on column pra.attempts.message is 'description of the failure';
comment on column pra.attempts.from_step is
  'first step of its own metric series; null when it has none';
comment on column pra.attempts.continues_epoch is
  'attempt whose series precedes that step; null when it started from scratch';
comment on column pra.attempts.metric_batch is
  'number of the last batch of metrics that was absorbed';
comment on column pra.attempts.metric_high_water is 'highest step among its metrics';
comment on column pra.attempts.cause is
  'how its process ended: exit-code, signal, out-of-memory, time-limit, deadline, lease-lost, host-lost, not-started, host (it lacked something), peer-lost (another rank of its gang was) or asked';
