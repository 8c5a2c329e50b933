create or replace view pra.exports as
select
  encode(e.sha256, 'hex') as sha256, j.run_id, r.name as run_name, e.job_id, e.step, e.exported_at, e.exported_by
from pra_store.exports as e
join pra_store.jobs as j on j.id = e.job_id
join pra_store.runs as r on r.id = j.run_id;

grant select on pra.exports to pra_submit, pra_worker, pra_read;

comment on view pra.exports is 'One row per file into which a checkpoint was exported';
comment on column pra.exports.sha256 is 'SHA-256 of the file';
comment on column pra.exports.run_id is 'run that trained the weights';
comment on column pra.exports.run_name is 'name of the run';
comment on column pra.exports.job_id is 'train job of the checkpoint';
comment on column pra.exports.step is 'step of the checkpoint';
comment on column pra.exports.exported_at is 'time of the first export of these bytes';
comment on column pra.exports.exported_by is 'login that exported them';
