-- Metrics arrive as one row per series and batch, and every series has its summary.

set local role pra_owner;

-- Where workers COPY a batch; pra.absorb_metrics moves it on in the same transaction. One row holds
-- a batch's points of one series, in the order in which they were recorded: a point costs its sixteen
-- bytes here, not a row. Unlogged: what was not absorbed was never acknowledged.
drop table pra_store.metric_staging;
create unlogged table pra_store.metric_staging (
  job_id bigint not null,
  epoch bigint not null,
  batch bigint not null,
  name text not null,
  steps bigint[] not null,
  "values" double precision[] not null,
  check (cardinality(steps) = cardinality("values") and cardinality(steps) > 0)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
create index metric_staging_by_attempt on pra_store.metric_staging (job_id, epoch, batch);
-- Floating-point numbers do not compress; do not try.
alter table pra_store.metric_staging alter column steps set storage external;
alter table pra_store.metric_staging alter column "values" set storage external;
grant insert on pra_store.metric_staging to pra_worker;

-- What is asked of a series most often, of its surviving points. NaN is neither least nor greatest.
create table pra_store.metric_summaries (
  job_id bigint not null references pra_store.jobs,
  name_id integer not null references pra_store.metric_names,
  points bigint not null,
  not_finite bigint not null,
  last_step bigint not null,
  last_value double precision not null,
  min_step bigint,
  min_value double precision,
  max_step bigint,
  max_value double precision,
  updated_at timestamptz not null default clock_timestamp(),
  primary key (job_id, name_id)
) with (fillfactor = 50);

-- Adds points of one series to its summary. Of equal values the earlier step counts, of equal steps
-- the later point.
create function pra_store.add_to_summary(added pra_store.metric_summaries) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  insert into pra_store.metric_summaries as s (
    job_id, name_id, points, not_finite, last_step, last_value,
    min_step, min_value, max_step, max_value)
  values (
    added.job_id, added.name_id, added.points, added.not_finite, added.last_step, added.last_value,
    added.min_step, added.min_value, added.max_step, added.max_value)
  on conflict (job_id, name_id) do update
  set points = s.points + excluded.points,
      not_finite = s.not_finite + excluded.not_finite,
      last_step = greatest(s.last_step, excluded.last_step),
      last_value = case
        when excluded.last_step >= s.last_step then excluded.last_value else s.last_value end,
      min_step = case
        when s.min_value is null or excluded.min_value < s.min_value then excluded.min_step
        else s.min_step end,
      min_value = least(s.min_value, excluded.min_value),
      max_step = case
        when s.max_value is null or excluded.max_value > s.max_value then excluded.max_step
        else s.max_step end,
      max_value = greatest(s.max_value, excluded.max_value),
      updated_at = clock_timestamp();
$$;

-- Summaries of a job from its surviving points. One pass over them: for an attempt that leaves a
-- part of an earlier series behind.
create function pra_store.rebuild_summaries(job bigint) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  delete from pra_store.metric_summaries as s where s.job_id = job;
  insert into pra_store.metric_summaries (
    job_id, name_id, points, not_finite, last_step, last_value,
    min_step, min_value, max_step, max_value)
  select
    job, m.name_id, count(*),
    count(*) filter (where m.value in ('NaN', 'Infinity', '-Infinity')),
    max(m.step), (array_agg(m.value order by m.step desc))[1],
    (array_agg(m.step order by m.value, m.step) filter (where m.value <> 'NaN'))[1],
    min(m.value) filter (where m.value <> 'NaN'),
    (array_agg(m.step order by m.value desc, m.step) filter (where m.value <> 'NaN'))[1],
    max(m.value) filter (where m.value <> 'NaN')
  from pra_store.metrics as m
  join pra_store.metric_ranges as r
    on r.job_id = m.job_id and r.epoch = m.epoch and m.step >= r.from_step and m.step < r.to_step
  where m.job_id = job
  group by m.name_id;
$$;

-- The steps that survive, following an attempt back through what it continues; then the summaries.
create or replace function pra_store.write_ranges(job bigint, head bigint) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  delete from pra_store.metric_ranges where job_id = job;
  insert into pra_store.metric_ranges (job_id, epoch, from_step, to_step)
  with recursive chain (epoch, continues_epoch, from_step, to_step) as (
    select a.epoch, a.continues_epoch, a.from_step, 9223372036854775807
    from pra_store.attempts as a
    where a.job_id = job and a.epoch = head
    union all
    select a.epoch, a.continues_epoch, a.from_step, least(c.from_step, c.to_step)
    from chain as c
    join pra_store.attempts as a on a.job_id = job and a.epoch = c.continues_epoch
  )
  select job, epoch, from_step, to_step from chain where from_step < to_step;
  perform pra_store.rebuild_summaries(job);
end
$$;

-- Moves a staged batch to the series. Batches of an attempt are numbered upwards from 1; one that
-- was absorbed before is dropped, so a sender that did not hear the answer sends it again. Returns the
-- number of points taken. Best in one transaction with the COPY that staged it.
create or replace function pra.absorb_metrics(job bigint, epoch bigint, batch bigint) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  mine pra_store.attempts;
  arrived timestamptz := clock_timestamp();
  taken bigint;
  highest bigint;
begin
  perform pra_store.hold(job, epoch, false);
  select * into mine from pra_store.attempts as a
  where a.job_id = job and a.epoch = absorb_metrics.epoch for no key update;
  if batch is null or batch <= mine.metric_batch then
    delete from pra_store.metric_staging as s
    where s.job_id = job and s.epoch = absorb_metrics.epoch and s.batch = absorb_metrics.batch;
    return 0;
  end if;
  if mine.from_step is null then
    update pra_store.attempts as a set from_step = 0
    where a.job_id = job and a.epoch = absorb_metrics.epoch;
    mine.from_step := 0;
    perform pra_store.write_ranges(job, mine.epoch);
  end if;

  insert into pra_store.metric_names (name)
  select distinct s.name from pra_store.metric_staging as s
  where s.job_id = job and s.epoch = absorb_metrics.epoch and s.batch = absorb_metrics.batch
    and not exists (select from pra_store.metric_names as n where n.name = s.name)
  order by s.name
  on conflict do nothing;

  perform pra_store.ensure_metric_partition(arrived);
  insert into pra_store.metrics (recorded_at, job_id, epoch, name_id, step, value)
  select arrived, job, mine.epoch, n.id, p.step, p.value
  from pra_store.metric_staging as s
  join pra_store.metric_names as n on n.name = s.name
  cross join unnest(s.steps, s."values") as p (step, value)
  where s.job_id = job and s.epoch = absorb_metrics.epoch and s.batch = absorb_metrics.batch;
  get diagnostics taken = row_count;

  -- In the order of names, as everybody locks them.
  perform pra_store.add_to_summary(row(added.*)::pra_store.metric_summaries)
  from (
    select
      job as job_id, n.id as name_id, t.points, t.not_finite, l.step as last_step,
      l.value as last_value, low.step as min_step, low.value as min_value, high.step as max_step,
      high.value as max_value, arrived as updated_at
    from pra_store.metric_staging as s
    join pra_store.metric_names as n on n.name = s.name
    cross join lateral (
      select count(*) as points,
        count(*) filter (where p.value in ('NaN', 'Infinity', '-Infinity')) as not_finite
      from unnest(s.steps, s."values") as p (step, value)
      where p.step >= mine.from_step
    ) as t
    cross join lateral (
      select p.step, p.value
      from unnest(s.steps, s."values") with ordinality as p (step, value, place)
      where p.step >= mine.from_step
      order by p.step desc, p.place desc limit 1
    ) as l
    left join lateral (
      select p.step, p.value from unnest(s.steps, s."values") as p (step, value)
      where p.step >= mine.from_step and p.value <> 'NaN'
      order by p.value, p.step limit 1
    ) as low on true
    left join lateral (
      select p.step, p.value from unnest(s.steps, s."values") as p (step, value)
      where p.step >= mine.from_step and p.value <> 'NaN'
      order by p.value desc, p.step limit 1
    ) as high on true
    where s.job_id = job and s.epoch = absorb_metrics.epoch and s.batch = absorb_metrics.batch
    order by n.id
  ) as added;

  with gone as (
    delete from pra_store.metric_staging as s
    where s.job_id = job and s.epoch = absorb_metrics.epoch and s.batch = absorb_metrics.batch
    returning s.steps
  )
  select max(p.step) into highest from gone cross join unnest(gone.steps) as p (step);
  update pra_store.attempts as a
  set metric_batch = absorb_metrics.batch,
      metric_high_water = greatest(a.metric_high_water, highest)
  where a.job_id = job and a.epoch = absorb_metrics.epoch;
  return taken;
end
$$;

-- Which way a series is better: up for what measures likeness or correctness, else down.
create function pra_store.better(name text) returns text
language sql immutable security definer set search_path = pg_catalog, pg_temp
as $$
  select case
    when name ~* '(^|[._/-])(psnr|ssim|accuracy|acc|top1|top5|precision|recall|coverage|density|inception|is)([._/-]|$)'
      then 'up'
    else 'down'
  end;
$$;

-- The case is written out: a view's functions run with the rights of its reader.
alter table pra_store.metric_names add column better text;
update pra_store.metric_names set better = pra_store.better(name);
create function pra_store.set_better() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  new.better := pra_store.better(new.name);
  return new;
end
$$;
create trigger set_better before insert on pra_store.metric_names
  for each row execute function pra_store.set_better();
alter table pra_store.metric_names alter column better set not null;

-- Summaries of series that were recorded before this migration.
select pra_store.rebuild_summaries(r.job_id) from (
  select distinct job_id from pra_store.metric_ranges order by job_id
) as r;

create view pra.metric_summaries as
select
  j.run_id, r.name as run_name, s.job_id, n.name, n.better, s.points, s.not_finite,
  s.last_step, s.last_value,
  case n.better when 'up' then s.max_step else s.min_step end as best_step,
  case n.better when 'up' then s.max_value else s.min_value end as best_value,
  s.min_step, s.min_value, s.max_step, s.max_value, s.updated_at
from pra_store.metric_summaries as s
join pra_store.metric_names as n on n.id = s.name_id
join pra_store.jobs as j on j.id = s.job_id
join pra_store.runs as r on r.id = j.run_id;
grant select on pra.metric_summaries to pra_submit, pra_worker, pra_read;

comment on view pra.metric_summaries is
  'One row per effective series: its last, least, greatest and best value, kept up to date';
comment on column pra.metric_summaries.run_id is 'run of the job';
comment on column pra.metric_summaries.run_name is 'name of the run';
comment on column pra.metric_summaries.job_id is 'job that measured it';
comment on column pra.metric_summaries.name is 'name of the series';
comment on column pra.metric_summaries.better is
  'up where greater is better (psnr, accuracy, precision ... in the name), else down';
comment on column pra.metric_summaries.points is 'number of points';
comment on column pra.metric_summaries.not_finite is 'how many of them are NaN or infinite';
comment on column pra.metric_summaries.last_step is 'highest step';
comment on column pra.metric_summaries.last_value is 'value at the highest step';
comment on column pra.metric_summaries.best_step is 'step of the best value';
comment on column pra.metric_summaries.best_value is 'best value, by the column better';
comment on column pra.metric_summaries.min_step is 'first step of the least value';
comment on column pra.metric_summaries.min_value is 'least value; null when all are NaN';
comment on column pra.metric_summaries.max_step is 'first step of the greatest value';
comment on column pra.metric_summaries.max_value is 'greatest value; null when all are NaN';
comment on column pra.metric_summaries.updated_at is 'when it last changed';
