create or replace view pra.lineage as
select
  j.run_id, j.id as job_id, s.source, s.weights, s.restart,
  coalesce(p.run_id, x.run_id) as from_run, coalesce(s.from_job, e.job_id) as from_job,
  case when s.from_job is not null then s.from_step else e.step end as from_step
from pra_store.jobs as j
cross join lateral (
  select j.arguments #>> '{init,name}' as source, j.arguments #>> '{init,weights,0}' as weights,
    (j.arguments #>> '{init,restart}')::boolean as restart,
    nullif((j.arguments #>> '{init,job}')::bigint, 0) as from_job,
    (j.arguments #>> '{init,step}')::bigint as from_step
) as s
left join pra_store.jobs as p on p.id = s.from_job
left join pra_store.exports as e on s.from_job is null and e.sha256 = decode(s.weights, 'hex')
left join pra_store.jobs as x on x.id = e.job_id
where j.kind = 'train' and j.array_id is null and s.weights ~ '^[0-9a-f]{64}$';

grant select on pra.lineage to pra_submit, pra_worker, pra_read;

comment on view pra.lineage is 'One row per train job that begins with weights of another one, or of a file';
comment on column pra.lineage.run_id is 'run that begins with the weights';
comment on column pra.lineage.job_id is 'its train job';
comment on column pra.lineage.source is 'name of the file or of the checkpoint';
comment on column pra.lineage.weights is 'SHA-256 of the file, or of the first file of the checkpoint';
comment on column pra.lineage.restart is 'true when training begins at step 0';
comment on column pra.lineage.from_run is 'run that trained the weights; null for a file that no known run has exported';
comment on column pra.lineage.from_job is 'its train job';
comment on column pra.lineage.from_step is 'step of its checkpoint';
