create or replace view pra.evaluations as
select
  j.run_id, r.name as run_name, e.job_id, e.metric, e.scope, e.value, e.images, e.details, e.epoch,
  v.variant, v.seed
from pra_store.evaluations as e
join pra_store.jobs as j on j.id = e.job_id
join pra_store.runs as r on r.id = j.run_id
left join pra_store.variants as v on v.job_id = e.job_id;

grant select on pra.evaluations to pra_submit, pra_worker, pra_read;

comment on view pra.evaluations is 'One row per metric and scope that a job evaluated';
comment on column pra.evaluations.run_id is 'run of the job';
comment on column pra.evaluations.run_name is 'name of the run';
comment on column pra.evaluations.job_id is 'job that evaluated it';
comment on column pra.evaluations.metric is 'name of the metric';
comment on column pra.evaluations.scope is 'overall, or the name of a class';
comment on column pra.evaluations.value is 'value of the metric';
comment on column pra.evaluations.images is 'number of images that it is based on';
comment on column pra.evaluations.details is 'further figures of the metric';
comment on column pra.evaluations.epoch is 'attempt that committed it';
comment on column pra.evaluations.variant is
  'variant that was evaluated, in a run that compares variants';
comment on column pra.evaluations.seed is 'seed of its training, in a run that compares variants';
