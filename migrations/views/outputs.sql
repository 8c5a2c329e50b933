create or replace view pra.outputs as
select
  o.job_id, j.run_id, j.kind, o.name, o.epoch, encode(o.sha256, 'hex') as sha256, a.size,
  o.media_type
from pra_store.job_outputs as o
join pra_store.jobs as j on j.id = o.job_id
join pra_store.artifacts as a on a.sha256 = o.sha256;

grant select on pra.outputs to pra_submit, pra_worker, pra_read;

comment on view pra.outputs is 'One row per named output of a finished job';
comment on column pra.outputs.job_id is 'job that made it';
comment on column pra.outputs.run_id is 'run of the job';
comment on column pra.outputs.kind is 'kind of the job';
comment on column pra.outputs.name is 'name of the output within the job';
comment on column pra.outputs.epoch is 'attempt that committed it';
comment on column pra.outputs.sha256 is 'SHA-256 of its bytes, an artifact';
comment on column pra.outputs.size is 'size in bytes';
comment on column pra.outputs.media_type is 'media type';
