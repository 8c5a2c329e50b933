create or replace view pra.metric_summaries as
select
  j.run_id, r.name as run_name, s.job_id, n.name, n.better, s.points, s.not_finite,
  s.last_step, s.last_value,
  case n.better when 'up' then s.max_step else s.min_step end as best_step,
  case n.better when 'up' then s.max_value else s.min_value end as best_value,
  s.min_step, s.min_value, s.max_step, s.max_value, s.updated_at,
  s.end_value, s.end_steps
from pra_store.metric_summaries as s
join pra_store.metric_names as n on n.id = s.name_id
join pra_store.jobs as j on j.id = s.job_id
join pra_store.runs as r on r.id = j.run_id;

grant select on pra.metric_summaries to pra_submit, pra_worker, pra_read;

comment on view pra.metric_summaries is
  'One row per effective metric series: its last, least, greatest and best value, kept up to date';
comment on column pra.metric_summaries.run_id is 'run of the job';
comment on column pra.metric_summaries.run_name is 'name of the run';
comment on column pra.metric_summaries.job_id is 'job that measured it';
comment on column pra.metric_summaries.name is 'name of the series';
comment on column pra.metric_summaries.better is
  'up where greater is better (psnr, accuracy, precision ... in the name), else down';
comment on column pra.metric_summaries.points is 'number of points';
comment on column pra.metric_summaries.not_finite is 'number of points that are NaN or infinite';
comment on column pra.metric_summaries.last_step is 'highest step';
comment on column pra.metric_summaries.last_value is 'value at the highest step';
comment on column pra.metric_summaries.best_step is 'step of the best value';
comment on column pra.metric_summaries.best_value is 'best value, by the column better';
comment on column pra.metric_summaries.min_step is 'first step of the least value';
comment on column pra.metric_summaries.min_value is 'least value; null when all are NaN';
comment on column pra.metric_summaries.max_step is 'first step of the greatest value';
comment on column pra.metric_summaries.max_value is 'greatest value; null when all are NaN';
comment on column pra.metric_summaries.updated_at is 'time of the latest change';
comment on column pra.metric_summaries.end_value is
  'mean at its end, as of pra.metric_end; null while a job runs, and where the job ended before version 0.2.0';
comment on column pra.metric_summaries.end_steps is 'number of steps of which that is the mean';
