create or replace view pra.metric_rollups as
select
  j.run_id, r.name as run_name, u.job_id, n.name, u.bucket * 256 as from_step, u.last_step, u.points, u.not_finite,
  u.total / nullif(u.points - u.not_finite, 0) as mean, u.min_value, u.max_value, u.last_value
from pra_store.metric_rollups as u
join pra_store.metric_names as n on n.id = u.name_id
join pra_store.jobs as j on j.id = u.job_id
join pra_store.runs as r on r.id = j.run_id;

grant select on pra.metric_rollups to pra_submit, pra_worker, pra_read;

comment on view pra.metric_rollups is
  'One row per 256 steps of each effective metric series; rollups stay when points are thinned or dropped';
comment on column pra.metric_rollups.run_id is 'run of the job';
comment on column pra.metric_rollups.run_name is 'name of the run';
comment on column pra.metric_rollups.job_id is 'job that measured it';
comment on column pra.metric_rollups.name is 'name of the series';
comment on column pra.metric_rollups.from_step is 'first of its 256 steps, a multiple of 256';
comment on column pra.metric_rollups.last_step is 'highest step that has a point';
comment on column pra.metric_rollups.points is 'number of points';
comment on column pra.metric_rollups.not_finite is 'number of points that are NaN or infinite';
comment on column pra.metric_rollups.mean is 'mean of the finite values; null when there are none';
comment on column pra.metric_rollups.min_value is 'least value; null when all are NaN';
comment on column pra.metric_rollups.max_value is 'greatest value; null when all are NaN';
comment on column pra.metric_rollups.last_value is 'value at the highest step';
