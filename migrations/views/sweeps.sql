create or replace view pra.sweeps as
select
  s.id, s.name, s.keys,
  array(
    select m.run_id from pra_store.sweep_runs as m join pra_store.runs as r on r.id = m.run_id
    where m.sweep_id = s.id and r.deleted_at is null order by m.run_id) as runs,
  s.created_at, s.created_by,
  array(
    select m.run_id from pra_store.sweep_runs as m join pra_store.runs as r on r.id = m.run_id
    where m.sweep_id = s.id and r.deleted_at is not null and r.purged_at is null order by m.run_id) as deleted_runs
from pra_store.sweeps as s;

grant select on pra.sweeps to pra_submit, pra_worker, pra_read;

comment on view pra.sweeps is 'One row per sweep: runs of one file that differ in some settings';
comment on column pra.sweeps.id is 'number of the sweep';
comment on column pra.sweeps.name is 'name given by its creator; of several with one name the newest counts';
comment on column pra.sweeps.keys is 'settings of which its runs have different values';
comment on column pra.sweeps.runs is 'numbers of its runs that are not deleted';
comment on column pra.sweeps.created_at is 'time of creation';
comment on column pra.sweeps.created_by is 'login that created it';
comment on column pra.sweeps.deleted_runs is 'numbers of its deleted runs that pra.undelete_run brings back';
