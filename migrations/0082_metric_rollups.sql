-- Rollups of metric series: figures of every 256 steps, from which plots and summaries of long runs are made, and which
-- stay when points are thinned.

set local role pra_owner;

-- Surviving points of steps [bucket * 256, bucket * 256 + 256). The columns are those of pra_store.metric_summaries, and
-- the sum of the finite values.
create table pra_store.metric_rollups (
  job_id bigint not null,
  name_id integer not null,
  bucket bigint not null,
  points bigint not null,
  not_finite bigint not null,
  total double precision not null,
  last_step bigint not null,
  last_value double precision not null,
  min_step bigint,
  min_value double precision,
  max_step bigint,
  max_value double precision,
  primary key (job_id, name_id, bucket)
) with (fillfactor = 70);

insert into pra_store.metric_rollups (
  job_id, name_id, bucket, points, not_finite, total, last_step, last_value, min_step, min_value, max_step, max_value)
select
  m.job_id, m.name_id, m.step / 256, count(*),
  count(*) filter (where m.value in ('NaN', 'Infinity', '-Infinity')),
  coalesce(sum(m.value) filter (where m.value not in ('NaN', 'Infinity', '-Infinity')), 0),
  max(m.step), (array_agg(m.value order by m.step desc, m.recorded_at desc))[1],
  (array_agg(m.step order by m.value, m.step) filter (where m.value <> 'NaN'))[1],
  min(m.value) filter (where m.value <> 'NaN'),
  (array_agg(m.step order by m.value desc, m.step) filter (where m.value <> 'NaN'))[1],
  max(m.value) filter (where m.value <> 'NaN')
from pra_store.metrics as m
join pra_store.metric_ranges as r
  on r.job_id = m.job_id and r.epoch = m.epoch and m.step >= r.from_step and m.step < r.to_step
group by m.job_id, m.name_id, m.step / 256;
