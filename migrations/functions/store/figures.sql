-- Single figures of runs: the end of a series, and the value by which runs are sorted.

-- The value of a series at its end as its points have it.
create or replace function pra_store.end_of_series(job bigint, series integer)
returns table (value double precision, steps bigint)
language plpgsql stable rows 1
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
#variable_conflict use_column
declare
  final bigint := (
    select s.last_step from pra_store.metric_summaries as s where s.job_id = end_of_series.job and s.name_id = end_of_series.series);
  width bigint := greatest(1, least(100, (final + 1) / 10));
begin
  if final is null then
    return;
  end if;
  return query
    select avg(m.value), width
    from pra_store.metrics as m
    where m.job_id = end_of_series.job and m.name_id = end_of_series.series and m.step > final - width
      and m.value not in ('NaN', 'Infinity', '-Infinity') and exists (
        select from pra_store.metric_ranges as r
        where r.job_id = m.job_id and r.epoch = m.epoch and m.step >= r.from_step and m.step < r.to_step)
    having count(*) > 0;
  if not found then
    -- Its points were dropped, or are no numbers.
    return query
      select r.total / (r.points - r.not_finite), final - r.bucket * 256 + 1
      from pra_store.metric_rollups as r
      where r.job_id = end_of_series.job and r.name_id = end_of_series.series and r.points > r.not_finite
      order by r.bucket desc limit 1;
  end if;
end
$$;

-- Keeps the ends of the series of a job whose attempt is over; the next one that writes forgets them.
create or replace function pra_store.settle_series(job bigint) returns void
language sql
as $$
  update pra_store.metric_summaries as s
  set end_value = w.value, end_steps = w.steps
  from pra_store.metric_summaries as t
  cross join lateral pra_store.end_of_series(t.job_id, t.name_id) as w
  where t.job_id = settle_series.job and t.end_value is null and s.job_id = t.job_id and s.name_id = t.name_id;
$$;

create or replace function pra.metric_end(job bigint, name text)
returns table (value double precision, steps bigint)
-- One row is said, since the planner assumes a thousand, for which a join with runs would read all there are.
language plpgsql stable rows 1 security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  series integer := (select k.id from pra_store.metric_names as k where k.name = metric_end.name);
begin
  return query
    select s.end_value, s.end_steps from pra_store.metric_summaries as s
    where s.job_id = metric_end.job and s.name_id = series and s.end_value is not null;
  if not found then
    return query select e.value, e.steps from pra_store.end_of_series(metric_end.job, series) as e;
  end if;
end
$$;

grant execute on function pra.metric_end to pra_submit, pra_worker, pra_read;

comment on function pra.metric_end is
'Returns the value of a series at its end, and the number of steps of which it is the mean: the last tenth of the steps, at
most 100. Values that are not finite are left out. Where the points of these steps were dropped it is the mean of the last
rollup that has a finite value. No row for a series that is not there, or has no finite value.';

create or replace function pra.run_figure(run bigint, name text) returns double precision
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  figure double precision;
begin
  select e.value into figure
  from pra_store.jobs as j join pra_store.evaluations as e on e.job_id = j.id
  where j.run_id = run_figure.run and e.metric = run_figure.name and e.scope = 'overall'
  order by j.id desc limit 1;
  if not found then
    select w.value into figure
    from (
      select s.job_id
      from pra_store.jobs as j
      join pra_store.metric_summaries as s on s.job_id = j.id
      join pra_store.metric_names as k on k.id = s.name_id
      where j.run_id = run_figure.run and k.name = run_figure.name
      order by j.id desc limit 1
    ) as newest
    cross join lateral pra.metric_end(newest.job_id, run_figure.name) as w;
  end if;
  return figure;
end
$$;

grant execute on function pra.run_figure to pra_submit, pra_worker, pra_read;

comment on function pra.run_figure is
'Returns the figure of a run by its name: an evaluation of all its images (frechet.random-conv-32-v1), else a series at its
end (loss, see pra.metric_end); of several the newest. Null where it has none.';

-- The tables, and not the views, which know much more of a figure than its value.
create or replace function pra.run_figures(name text) returns table (run bigint, value double precision)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  (
    select distinct on (j.run_id) j.run_id, e.value
    from pra_store.evaluations as e join pra_store.jobs as j on j.id = e.job_id
    where e.metric = run_figures.name and e.scope = 'overall'
    order by j.run_id, e.job_id desc
  )
  union all
  (
    select n.run_id,
      coalesce(n.end_value, (select w.value from pra_store.end_of_series(n.job_id, n.name_id) as w))
    from (
      select distinct on (j.run_id) j.run_id, s.job_id, s.name_id, s.end_value
      from pra_store.metric_names as k
      join pra_store.metric_summaries as s on s.name_id = k.id
      join pra_store.jobs as j on j.id = s.job_id
      where k.name = run_figures.name
      order by j.run_id, s.job_id desc
    ) as n
  );
$$;

grant execute on function pra.run_figures to pra_submit, pra_worker, pra_read;

comment on function pra.run_figures is
'Returns the figure of that name of every run that has it: an evaluation of all its images, or a series at its end, of several
the newest; null where a series has no finite value.';

create or replace function pra.figure_names() returns setof text
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select k.name from pra_store.metric_names as k
  where exists (select from pra_store.metric_summaries as s where s.name_id = k.id)
  union
  select e.metric from pra_store.evaluations as e where e.scope = 'overall';
$$;

grant execute on function pra.figure_names to pra_submit, pra_worker, pra_read;

comment on function pra.figure_names is 'Returns the names of the figures that some run has: series, and evaluations of all images.';

create or replace function pra.better(name text) returns text
language sql immutable security definer set search_path = pg_catalog, pg_temp
as $$ select pra_store.better(better.name); $$;

grant execute on function pra.better to pra_submit, pra_worker, pra_read;

comment on function pra.better is
'Returns the direction in which a figure or a series improves: up for measures of likeness or correctness (psnr, precision,
is ...), else down.';
