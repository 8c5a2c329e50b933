create or replace view pra.images as
select
  j.run_id, i.job_id, i.number, i.label, i.class_name, i.seed, encode(i.sha256, 'hex') as sha256,
  a.size, i.epoch
from pra_store.images as i
join pra_store.jobs as j on j.id = i.job_id
join pra_store.artifacts as a on a.sha256 = i.sha256;

grant select on pra.images to pra_submit, pra_worker, pra_read;

comment on view pra.images is 'One row per sampled image';
comment on column pra.images.run_id is 'run of the job';
comment on column pra.images.job_id is 'job that sampled it';
comment on column pra.images.number is 'number of the image within the sampling run, from 0';
comment on column pra.images.label is 'number of its class';
comment on column pra.images.class_name is 'name of its class';
comment on column pra.images.seed is 'sampling seed';
comment on column pra.images.sha256 is 'SHA-256 of the PNG, an artifact';
comment on column pra.images.size is 'size of the PNG in bytes';
comment on column pra.images.epoch is 'attempt that committed it';
