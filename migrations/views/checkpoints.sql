create or replace view pra.checkpoints as
select
  c.id, c.job_id, j.run_id, c.epoch, c.step, c.registered_at,
  (select jsonb_agg(
     jsonb_build_object(
       'name', f.name, 'sha256', encode(f.sha256, 'hex'), 'size', a.size,
       'media_type', a.media_type)
     order by f.name)
   from pra_store.checkpoint_files as f join pra_store.artifacts as a on a.sha256 = f.sha256
   where f.checkpoint_id = c.id) as files
from pra_store.checkpoints as c join pra_store.jobs as j on j.id = c.job_id;

grant select on pra.checkpoints to pra_submit, pra_worker, pra_read;

comment on view pra.checkpoints is 'One row per registered checkpoint';
comment on column pra.checkpoints.id is 'number of the checkpoint';
comment on column pra.checkpoints.job_id is 'job that wrote it';
comment on column pra.checkpoints.run_id is 'run of the job';
comment on column pra.checkpoints.epoch is 'attempt that wrote it';
comment on column pra.checkpoints.step is
  'number of steps made, which is the number of the next step';
comment on column pra.checkpoints.registered_at is 'time of registration';
comment on column pra.checkpoints.files is
  'files of the checkpoint: [{name, sha256, size, media_type}]';
