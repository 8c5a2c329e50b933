create or replace view pra.variants as
select j.run_id, r.name as run_name, v.variant, v.seed, v.job_id, j.kind
from pra_store.variants as v
join pra_store.jobs as j on j.id = v.job_id
join pra_store.runs as r on r.id = j.run_id;

grant select on pra.variants to pra_submit, pra_worker, pra_read;

comment on view pra.variants is 'Jobs of runs that compare variants: of which one each is';
comment on column pra.variants.run_id is 'run of the job';
comment on column pra.variants.run_name is 'name of the run';
comment on column pra.variants.variant is
  'name under variants of the run file; the run''s name where seeds alone differ';
comment on column pra.variants.seed is 'seed of the training';
comment on column pra.variants.job_id is 'the job';
comment on column pra.variants.kind is 'kind of the job';
