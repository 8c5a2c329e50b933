create or replace view pra.preemptions as
select
  p.id, p.job_id, p.epoch, p.reason, p.requested_at, p.requested_by, p.deadline,
  p.acknowledged_at, p.checkpoint_at, p.checkpoint_step, p.released_at, p.outcome,
  case
    when p.released_at is not null then 'released'
    when p.checkpoint_at is not null then 'checkpointed'
    when p.acknowledged_at is not null then 'acknowledged'
    else 'requested'
  end as state
from pra_store.preemptions as p;

grant select on pra.preemptions to pra_submit, pra_worker, pra_read;

comment on view pra.preemptions is 'One row per request to a running job to give way';
comment on column pra.preemptions.id is 'number of the request';
comment on column pra.preemptions.job_id is 'job concerned';
comment on column pra.preemptions.epoch is 'attempt concerned';
comment on column pra.preemptions.reason is 'reason of the request';
comment on column pra.preemptions.requested_at is 'time of the request';
comment on column pra.preemptions.requested_by is 'login that requested it';
comment on column pra.preemptions.deadline is 'time after which the job is taken away';
comment on column pra.preemptions.acknowledged_at is
  'time of the heartbeat by which its agent learned of it';
comment on column pra.preemptions.checkpoint_at is
  'time of the latest checkpoint since the request';
comment on column pra.preemptions.checkpoint_step is 'step of that checkpoint';
comment on column pra.preemptions.released_at is 'time when the attempt ended';
comment on column pra.preemptions.outcome is 'outcome of the attempt';
comment on column pra.preemptions.state is 'requested, acknowledged, checkpointed or released';
