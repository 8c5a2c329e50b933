-- Series in bands: a few rows for however many points.

create or replace function pra.metric_bands(
  job bigint, name text, from_step bigint default null, to_step bigint default null, points integer default 800
) returns table (
  step_from bigint, step_to bigint, n bigint, not_finite bigint, lowest double precision, highest double precision,
  mean double precision, last double precision
)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
-- By the indexes of the series, and added up in one order, so that every call has the same answer.
set plan_cache_mode = force_generic_plan
set max_parallel_workers_per_gather = 0
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
#variable_conflict use_column
declare
  series integer := (select k.id from pra_store.metric_names as k where k.name = metric_bands.name);
  final bigint := (
    select s.last_step from pra_store.metric_summaries as s
    where s.job_id = metric_bands.job and s.name_id = series);
  first bigint := greatest(metric_bands.from_step, 0);
  -- The first step behind the range.
  behind bigint := least(metric_bands.to_step, final) + 1;
  width bigint := 1;
  -- Rollups serve the steps from `whole` to before `cut`, points the others.
  whole bigint;
  cut bigint;
begin
  if points is null or points not between 1 and 10000 then
    raise exception 'points: %, must be 1 to 10000', points using errcode = 'PR003';
  end if;
  if final is null or behind <= first then
    return;
  end if;
  while (behind - 1) / width - first / width >= points loop
    width := width * 2;
  end loop;
  whole := behind;
  cut := behind;
  if pra_store.prefers_rollups(job, series, first, behind) then
    width := greatest(width, 256);
    cut := case when behind > final then behind else behind / 256 * 256 end;
    whole := least((first + 255) / 256 * 256, behind);
    cut := greatest(cut, whole);
  end if;
  return query
    with parts as (
      select r.bucket * 256 / width as band, r.last_step, now() as at, r.points as points, r.not_finite, r.total,
        r.min_value, r.max_value, r.last_value
      from pra_store.metric_rollups as r
      where r.job_id = metric_bands.job and r.name_id = series and r.bucket >= whole / 256
        and r.bucket < (cut + 255) / 256 and whole < cut
      union all
      select m.step / width, m.step, m.recorded_at, 1, (m.value in ('NaN', 'Infinity', '-Infinity'))::integer,
        case when m.value in ('NaN', 'Infinity', '-Infinity') then 0 else m.value end,
        nullif(m.value, 'NaN'), nullif(m.value, 'NaN'), m.value
      from (values (first, whole), (cut, behind)) as part (start, stop)
      join pra_store.metrics as m on m.step >= part.start and m.step < part.stop
      where m.job_id = metric_bands.job and m.name_id = series and exists (
        select from pra_store.metric_ranges as r
        where r.job_id = m.job_id and r.epoch = m.epoch and m.step >= r.from_step and m.step < r.to_step)
    )
    select greatest(p.band * width, first), max(p.last_step), sum(p.points)::bigint, sum(p.not_finite)::bigint,
      min(p.min_value), max(p.max_value),
      sum(p.total order by p.last_step) / nullif(sum(p.points) - sum(p.not_finite), 0),
      (array_agg(p.last_value order by p.last_step desc, p.at desc))[1]
    from parts as p
    group by p.band
    order by p.band;
end
$$;

grant execute on function pra.metric_bands to pra_submit, pra_worker, pra_read;

comment on function pra.metric_bands is
'Returns a series in bands of steps: at most `points` of them, each as wide as the next power of two, so that a band stays
when the series grows. from_step, to_step: the range, by default all of it. A row has the first step of its band and
the last that has a point, the number of points and of those that are NaN or infinite, the least and the greatest value
that is not NaN, the mean of the finite ones, and the value at its last step; bands without a point have no row. More
than 20,000 points are read from the rollups of 256 steps, and the parts of these at both ends of the range from points;
so are series whose points were thinned.
The same at every call. Raises PR003 for a number of bands out of range.';

-- Whether a range of a series has many points, or fewer than its rollups count.
create or replace function pra_store.prefers_rollups(job bigint, series integer, first bigint, behind bigint)
returns boolean
language plpgsql stable
as $$
declare
  counted bigint := (
    select sum(r.points) from pra_store.metric_rollups as r
    where r.job_id = prefers_rollups.job and r.name_id = series and r.bucket >= first / 256
      and r.bucket <= (behind - 1) / 256);
begin
  return counted > 20000 or counted > (
    select count(*) from pra_store.metrics as m
    where m.job_id = prefers_rollups.job and m.name_id = series and m.step >= first / 256 * 256
      and m.step < ((behind - 1) / 256 + 1) * 256 and exists (
        select from pra_store.metric_ranges as r
        where r.job_id = m.job_id and r.epoch = m.epoch and m.step >= r.from_step and m.step < r.to_step));
end
$$;
