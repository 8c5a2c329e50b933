create or replace view pra.metrics as
select
  j.run_id, r.name as run_name, m.job_id, m.epoch, n.name, m.step, m.value, m.recorded_at
from pra_store.metrics as m
join pra_store.metric_ranges as s
  on s.job_id = m.job_id and s.epoch = m.epoch and m.step >= s.from_step and m.step < s.to_step
join pra_store.metric_names as n on n.id = m.name_id
join pra_store.jobs as j on j.id = m.job_id
join pra_store.runs as r on r.id = j.run_id;

grant select on pra.metrics to pra_submit, pra_worker, pra_read;

comment on view pra.metrics is
  'Effective metric series: of each step the point of the attempt that survived';
comment on column pra.metrics.run_id is 'run of the job';
comment on column pra.metrics.run_name is 'name of the run';
comment on column pra.metrics.job_id is 'job that measured it';
comment on column pra.metrics.epoch is 'attempt that measured it';
comment on column pra.metrics.name is 'name of the series';
comment on column pra.metrics.step is 'step of the point, from 0';
comment on column pra.metrics.value is 'value, which may be NaN or infinite';
comment on column pra.metrics.recorded_at is 'time when its batch arrived';
