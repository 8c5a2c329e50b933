create or replace view pra.variants as
select j.run_id, r.name as run_name, v.variant, v.seed, v.job_id, j.kind
from pra_store.variants as v
join pra_store.jobs as j on j.id = v.job_id
join pra_store.runs as r on r.id = j.run_id;

grant select on pra.variants to pra_submit, pra_worker, pra_read;

comment on view pra.variants is 'One row per job of a run that compares variants';
comment on column pra.variants.run_id is 'run of the job';
comment on column pra.variants.run_name is 'name of the run';
comment on column pra.variants.variant is
  'name under variants in the run file; the run''s name where only seeds differ';
comment on column pra.variants.seed is 'seed of the training';
comment on column pra.variants.job_id is 'job of the variant';
comment on column pra.variants.kind is 'kind of the job';
