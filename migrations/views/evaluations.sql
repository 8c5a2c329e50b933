create or replace view pra.evaluations as
select
  j.run_id, r.name as run_name, e.job_id, e.metric, e.scope, e.value, e.images, e.details, e.epoch,
  v.variant, v.seed,
  coalesce(
    case when jsonb_typeof(e.details -> 'ruler') = 'object' then e.details -> 'ruler' end,
    case when e.metric ~ '^(frechet|reconstruction)[.]' then jsonb_build_object(
      'images', e.images, 'data_set', left(d.result ->> 'fingerprint', 12)) end) as ruler,
  drew.job_id as sampling_job,
  coalesce(
    (s.result ->> 'step')::bigint,
    (select max((p.result ->> 'step')::bigint) from pra_store.jobs as p where p.array_id = s.id)) as step,
  s.arguments -> 'sampling' as sampling
from pra_store.evaluations as e
join pra_store.jobs as j on j.id = e.job_id
left join pra_store.runs as r on r.id = j.run_id
left join pra_store.variants as v on v.job_id = e.job_id
-- Numbers in arguments that are none of a job must not make the view fail.
left join pra_store.jobs as d on d.kind = 'ingest' and d.id = case
  when jsonb_typeof(j.arguments -> 'data') = 'number' and (j.arguments -> 'data')::numeric between 0 and 1e18
    then trunc((j.arguments -> 'data')::numeric)::bigint end
left join lateral (
  select case when j.kind = 'sample' then coalesce(j.array_id, j.id) else (
    select max(trunc(n.value::numeric)::bigint)
    from jsonb_path_query(j.arguments, 'lax $.samples[*]') as n (value)
    where jsonb_typeof(n.value) = 'number' and n.value::numeric between 0 and 1e18
  ) end as job_id
) as own on true
left join lateral (
  select coalesce(own.job_id, (
    select max(trunc(n.value::numeric)::bigint)
    from jsonb_path_query(j.arguments, 'lax $.features[0]') as f (value)
    join pra_store.jobs as k on k.id = case
      when jsonb_typeof(f.value) = 'number' and f.value::numeric between 0 and 1e18
        then trunc(f.value::numeric)::bigint end
    cross join jsonb_path_query(k.arguments, 'lax $.samples[*]') as n (value)
    where jsonb_typeof(n.value) = 'number' and n.value::numeric between 0 and 1e18
  )) as job_id
) as drew on true
left join pra_store.jobs as s on s.id = drew.job_id;

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
comment on column pra.evaluations.ruler is
  'conditions under which the figure was measured, as an object: figures with different ones are not compared';
comment on column pra.evaluations.sampling_job is
  'sampling job or array, of several the newest, whose images it is of; null where it is of no images';
comment on column pra.evaluations.step is 'training step of the weights that drew the images';
comment on column pra.evaluations.sampling is
  'settings with which the images were drawn, as an object: weights, method, steps, guidance, scale, seed ...';
