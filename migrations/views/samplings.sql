-- Jobs that drew parts of one sampling run are one row, as are the parts of an array.
create or replace view pra.samplings as
select
  s.run_id, max(r.name) as run_name, max(s.job_id) as job_id, array_agg(distinct s.job_id order by s.job_id) as jobs,
  s.train as train_job, max(v.variant) as variant, max(v.seed) as train_seed, max(s.step) as step,
  s.sampling ->> 'weights' as weights, s.sampling ->> 'method' as method, (s.sampling ->> 'steps')::integer as steps,
  s.sampling ->> 'guidance' as guidance, (s.sampling ->> 'scale')::double precision as scale,
  s.sampling ->> 'seed' as seed, sum(s.images)::bigint as images, max(s.finished_at) as drawn_at,
  s.preview
from (
  select
    j.run_id, coalesce(j.array_id, j.id) as job_id, a.arguments -> 'train' as train, a.arguments -> 'sampling' as sampling,
    a.arguments -> 'count' as count, a.preview_of is not null as preview, (j.result ->> 'step')::bigint as step, j.finished_at,
    coalesce((select cardinality(i.labels) from pra_store.image_sets as i where i.job_id = j.id), 0)
      + (select count(*) from pra_store.images as i where i.job_id = j.id) as images
  from pra_store.jobs as j
  join pra_store.jobs as a on a.id = coalesce(j.array_id, j.id)
  where j.kind = 'sample' and j.state = 'succeeded' and j.array_first is null
) as s
join pra_store.runs as r on r.id = s.run_id
left join pra_store.variants as v on v.job_id = s.job_id
where s.images > 0
group by s.run_id, s.train, s.sampling, s.count, s.preview, s.step;

grant select on pra.samplings to pra_submit, pra_worker, pra_read;

comment on view pra.samplings is 'One row per sampling run: images that were drawn from one model with one setting';
comment on column pra.samplings.run_id is 'run of its jobs';
comment on column pra.samplings.run_name is 'name of the run';
comment on column pra.samplings.job_id is 'number by which it is named: its job or array, of several the newest';
comment on column pra.samplings.jobs is 'its jobs and arrays';
comment on column pra.samplings.train_job is 'training whose weights drew, a JSON number';
comment on column pra.samplings.variant is 'variant of the training';
comment on column pra.samplings.train_seed is 'seed of the training in a run that compares variants';
comment on column pra.samplings.step is 'training step of the weights';
comment on column pra.samplings.weights is 'weights that drew: model, or an average such as ema-0.999';
comment on column pra.samplings.method is 'integrator: euler, heun or sde';
comment on column pra.samplings.steps is 'steps of the integrator';
comment on column pra.samplings.guidance is 'guidance scale over the patches: linear or constant';
comment on column pra.samplings.scale is 'guidance scale; 1 is none';
comment on column pra.samplings.seed is 'seed of the sampling';
comment on column pra.samplings.images is 'number of images';
comment on column pra.samplings.drawn_at is 'time when the last of its jobs ended';
comment on column pra.samplings.preview is 'whether the training drew it at a checkpoint, by preview in a run file';
