create or replace view pra.upkeep as
select
  u.cron, u.time_zone, u.grace, u.keep_last, u.keep_best, u.keep_every, u.metric, u.thin, u.thin_after, u.next_at,
  u.begun_at as last_at, w.name as last_worker, u.ended_at as last_ended_at, u.collected, u.last_error, u.set_at,
  u.set_by
from pra_store.upkeep as u left join pra_store.workers as w on w.id = u.worker_id;

grant select on pra.upkeep to pra_submit, pra_worker, pra_read;

comment on view pra.upkeep is 'The rule by which workers collect garbage; no row where nobody has set one';
comment on column pra.upkeep.cron is 'minute, hour, day, month, weekday, as in crontab(5)';
comment on column pra.upkeep.time_zone is 'time zone of its calendar';
comment on column pra.upkeep.grace is 'age from which artifacts without references, and deleted runs, go';
comment on column pra.upkeep.keep_last is
  'number of newest checkpoints of each job that stay; null when no checkpoint is dropped';
comment on column pra.upkeep.keep_best is 'number of best checkpoints of each job that stay';
comment on column pra.upkeep.keep_every is 'steps of which the first checkpoint at or after each multiple stays';
comment on column pra.upkeep.metric is 'series that says which checkpoint is best';
comment on column pra.upkeep.thin is
  'step of which the multiples keep their metric points; null when all points stay';
comment on column pra.upkeep.thin_after is 'age from which points are thinned';
comment on column pra.upkeep.next_at is 'time when it is due next';
comment on column pra.upkeep.last_at is 'time when a worker began with it last';
comment on column pra.upkeep.last_worker is 'name of that worker';
comment on column pra.upkeep.last_ended_at is 'time when that worker was done; null while it deletes objects of stores';
comment on column pra.upkeep.collected is 'numbers of what went then, as an object; bytes in all';
comment on column pra.upkeep.last_error is 'reason why it failed then, or what could not be collected';
comment on column pra.upkeep.set_at is 'time when the rule was set';
comment on column pra.upkeep.set_by is 'login that set it';
