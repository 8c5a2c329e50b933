create or replace view pra.schedules as
select
  s.name, s.cron, s.time_zone, s.catch_up, s.run_id, r.name as run_name, s.kind, s.arguments,
  s.queue, s.priority, s.next_at, s.last_at, s.last_job, s.paused_at, s.created_at, s.created_by,
  s.overlap, s.last_error, s.last_error_at
from pra_store.schedules as s join pra_store.runs as r on r.id = s.run_id;

grant select on pra.schedules to pra_submit, pra_worker, pra_read;

comment on view pra.schedules is 'One row per schedule';
comment on column pra.schedules.name is 'name of the schedule';
comment on column pra.schedules.cron is 'minute, hour, day, month, weekday, as in crontab(5)';
comment on column pra.schedules.time_zone is 'time zone of its calendar';
comment on column pra.schedules.catch_up is 'missed times that are made up for: all, last or none';
comment on column pra.schedules.run_id is 'run that gets the jobs';
comment on column pra.schedules.run_name is 'name of that run';
comment on column pra.schedules.kind is 'kind of the jobs';
comment on column pra.schedules.arguments is 'arguments of the jobs';
comment on column pra.schedules.queue is 'queue of the jobs';
comment on column pra.schedules.priority is 'priority of the jobs';
comment on column pra.schedules.next_at is 'time when it fires next';
comment on column pra.schedules.last_at is 'time when it fired last';
comment on column pra.schedules.last_job is 'latest job that it enqueued';
comment on column pra.schedules.paused_at is
  'time since which it does not fire; null when not paused';
comment on column pra.schedules.created_at is 'time of creation';
comment on column pra.schedules.created_by is 'login that created it';
comment on column pra.schedules.overlap is
  'effect of a time while the job of the time before has not ended: skip or queue';
comment on column pra.schedules.last_error is
  'reason why the last time made no job; null when it made one';
comment on column pra.schedules.last_error_at is 'time of that error';
