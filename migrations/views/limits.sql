create or replace view pra.limits as
select
  l.name, l.slots,
  count(s.job_id) as taken,
  array_agg(s.job_id order by s.taken_at) filter (where s.job_id is not null) as held_by,
  l.created_at
from pra_store.limits as l
left join pra_store.limit_slots as s on s.limit_name = l.name
group by l.name;

grant select on pra.limits to pra_submit, pra_worker, pra_read;

comment on view pra.limits is 'One row per limit on the number of jobs that run at once';
comment on column pra.limits.name is 'name of the limit';
comment on column pra.limits.slots is 'number of jobs that may run under it at once';
comment on column pra.limits.taken is 'number of jobs that do';
comment on column pra.limits.held_by is 'jobs that do, the longest first';
comment on column pra.limits.created_at is 'time of creation';
