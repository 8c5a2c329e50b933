-- Metrics: batches, series, lineage.

create or replace function pra.absorb_metrics(
  job bigint, epoch bigint, batch bigint, token uuid default null
) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  held pra_store.jobs;
  mine pra_store.attempts;
  taken bigint;
  highest bigint;
begin
  held := pra_store.hold(job, epoch, false, token);
  select * into mine from pra_store.attempts as a
  where a.job_id = job and a.epoch = absorb_metrics.epoch for no key update;
  if batch is null or batch <= mine.metric_batch then
    delete from pra_store.metric_staging as s
    where s.token = held.token and s.batch = absorb_metrics.batch;
    return 0;
  end if;
  if mine.from_step is null then
    update pra_store.attempts as a set from_step = 0
    where a.job_id = job and a.epoch = absorb_metrics.epoch;
    mine.from_step := 0;
    perform pra_store.write_ranges(job, mine.epoch);
  end if;

  taken := pra_store.insert_points(held, batch);
  perform pra_store.summarize_batch(held, batch, mine.from_step);

  with gone as (
    delete from pra_store.metric_staging as s
    where s.token = held.token and s.batch = absorb_metrics.batch
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

-- Admits a staged row of an attempt that runs and whose token it carries, and no other.
create or replace function pra_store.admit_staged() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  own uuid := (
    select j.token from pra_store.jobs as j join pra_store.workers as w on w.id = j.worker_id
    where j.id = new.job_id and j.epoch = new.epoch and j.state = 'running'
      and (w.token is null or j.token = new.token));
begin
  if own is null then
    -- Rank 0 of a gang writes for it.
    own := (
      select j.token from pra_store.jobs as j
      where j.id = new.job_id and j.gang and j.epoch = new.epoch and j.state = 'running' and j.token = new.token);
  end if;
  if own is null then
    raise exception 'lease lost: attempt % of job % may write no more', new.epoch, new.job_id
      using errcode = 'PR001';
  end if;
  new.token := own;
  return new;
end
$$;

create or replace trigger admit_staged before insert on pra_store.metric_staging
for each row execute function pra_store.admit_staged();

-- Deletes staged rows whose attempt has ended before they were absorbed.
create or replace function pra_store.sweep_staged() returns void
language plpgsql
as $$
begin
  delete from pra_store.metric_staging as s
  where not exists (
    select from pra_store.jobs as j
    where j.id = s.job_id and j.token = s.token and j.state = 'running');
end
$$;

-- The only right of a role on a table: workers COPY batches there.
grant insert on pra_store.metric_staging to pra_worker;
grant execute on function pra.absorb_metrics to pra_worker;

comment on function pra.absorb_metrics is
'Moves a batch of metrics from pra_store.metric_staging, where COPY wrote it, to the series of an attempt
and brings the summaries up to date; returns the number of points. Best in the transaction of the COPY.
batch: numbered upwards from 1 within the attempt. A batch that was absorbed already is dropped and
counts 0, so that a sender that missed the answer can send it again.
An attempt that has not called pra.continue_from starts its series at step 0.
Raises PR001 when the attempt has lost its lease or the token is not its own.';

create or replace function pra.continue_from(
  job bigint, epoch bigint, from_epoch bigint default null, step bigint default 0,
  token uuid default null
) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  mine pra_store.attempts;
begin
  perform pra_store.hold(job, epoch, false, token);
  select * into mine from pra_store.attempts as a
  where a.job_id = job and a.epoch = continue_from.epoch for no key update;
  if mine.from_step is not null then
    if (mine.from_step, mine.continues_epoch) is not distinct from (step, from_epoch) then
      return;
    end if;
    raise exception 'attempt % of job % has declared step %, or has metrics, already',
      epoch, job, mine.from_step using errcode = 'PR004';
  end if;
  if from_epoch is not null and not exists (
    select from pra_store.attempts as a
    where a.job_id = job and a.epoch = from_epoch and a.epoch < mine.epoch
      and a.from_step is not null
  ) then
    raise exception 'from_epoch: job % has no earlier attempt % with a series', job, from_epoch
      using errcode = 'PR002';
  end if;
  if step is null or step < 0 then
    raise exception 'step: %, must be 0 or more', step using errcode = 'PR003';
  end if;
  update pra_store.attempts as a
  set from_step = step, continues_epoch = from_epoch
  where a.job_id = job and a.epoch = continue_from.epoch;
  perform pra_store.write_ranges(job, continue_from.epoch);
end
$$;

grant execute on function pra.continue_from to pra_worker;

comment on function pra.continue_from is
'Declares where the series of an attempt starts: at step, and before it the series of the earlier attempt
from_epoch; without from_epoch, from scratch. Once per attempt, before its first metric; the same
declaration again has no effect.
Raises PR001 when the attempt has lost its lease, PR002 when from_epoch has no series or is not earlier,
PR003 for a negative step, PR004 when the attempt has declared something else or has metrics.';

create or replace function pra.progress(
  job bigint, epoch bigint, done bigint, total bigint, unit text, token uuid default null,
  rate double precision default null
) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  perform pra_store.hold(job, epoch, false, token);
  insert into pra_store.progress as p (job_id, epoch, done, total, unit, rate)
  values (progress.job, progress.epoch, progress.done, progress.total, left(progress.unit, 40), progress.rate)
  on conflict (job_id) do update
  set epoch = excluded.epoch, done = excluded.done, total = excluded.total, unit = excluded.unit,
      rate = excluded.rate, updated_at = clock_timestamp();
end
$$;

grant execute on function pra.progress to pra_worker;

comment on function pra.progress is
'Records the progress of a job: done of total units, each 0 or more. unit: such as steps, cut to 40
characters; "bytes fetched", "bytes checked" and "bytes stored" are shown as sizes. rate: units in a second.
pra.jobs shows the latest.
Raises PR001 when the attempt has lost its lease.';

-- Inserts the points of a staged batch, and returns their number.
create or replace function pra_store.insert_points(held pra_store.jobs, batch bigint) returns bigint
language plpgsql
as $$
#variable_conflict use_column
declare
  arrived timestamptz := clock_timestamp();
  taken bigint;
begin
  insert into pra_store.metric_names (name)
  select distinct s.name from pra_store.metric_staging as s
  where s.token = held.token and s.batch = insert_points.batch
    and not exists (select from pra_store.metric_names as n where n.name = s.name)
  order by s.name
  on conflict do nothing;

  perform pra_store.ensure_metric_partition(arrived);
  insert into pra_store.metrics (recorded_at, job_id, epoch, name_id, step, value)
  select arrived, held.id, held.epoch, n.id, p.step, p.value
  from pra_store.metric_staging as s
  join pra_store.metric_names as n on n.name = s.name
  cross join unnest(s.steps, s."values") as p (step, value)
  where s.token = held.token and s.batch = insert_points.batch;
  get diagnostics taken = row_count;
  return taken;
end
$$;

-- Adds the points of a staged batch from a step on to the rollups and the summaries of their series. Among equal values
-- the earliest step counts, among equal steps the latest point.
create or replace function pra_store.summarize_batch(held pra_store.jobs, batch bigint, from_step bigint)
returns void
language plpgsql
as $$
#variable_conflict use_column
declare
  added pra_store.metric_rollups[];
begin
  added := array(
    select row(
      held.id, n.id, p.step / 256, count(*),
      count(*) filter (where p.value in ('NaN', 'Infinity', '-Infinity')),
      coalesce(sum(p.value) filter (where p.value not in ('NaN', 'Infinity', '-Infinity')), 0),
      max(p.step), (array_agg(p.value order by p.step desc, p.place desc))[1],
      (array_agg(p.step order by p.value, p.step) filter (where p.value <> 'NaN'))[1],
      min(p.value) filter (where p.value <> 'NaN'),
      (array_agg(p.step order by p.value desc, p.step) filter (where p.value <> 'NaN'))[1],
      max(p.value) filter (where p.value <> 'NaN'))::pra_store.metric_rollups
    from pra_store.metric_staging as s
    join pra_store.metric_names as n on n.name = s.name
    cross join unnest(s.steps, s."values") with ordinality as p (step, value, place)
    where s.token = held.token and s.batch = summarize_batch.batch and p.step >= from_step
    group by n.id, p.step / 256);
  insert into pra_store.metric_rollups as r
  select a.* from unnest(added) as a order by a.name_id, a.bucket
  on conflict (job_id, name_id, bucket) do update
  set points = r.points + excluded.points,
      not_finite = r.not_finite + excluded.not_finite,
      total = r.total + excluded.total,
      last_step = greatest(r.last_step, excluded.last_step),
      last_value = case
        when excluded.last_step >= r.last_step then excluded.last_value else r.last_value end,
      min_step = case
        when r.min_value is null or excluded.min_value < r.min_value then excluded.min_step else r.min_step end,
      min_value = least(r.min_value, excluded.min_value),
      max_step = case
        when r.max_value is null or excluded.max_value > r.max_value then excluded.max_step else r.max_step end,
      max_value = greatest(r.max_value, excluded.max_value);
  -- In the order of names, in which every function locks the summaries.
  perform pra_store.add_to_summary(t) from pra_store.rollups_together(added) as t order by t.name_id;
end
$$;

-- Figures of whole series from rollups of parts of them.
create or replace function pra_store.rollups_together(parts pra_store.metric_rollups[])
returns setof pra_store.metric_summaries
language sql stable
as $$
  select
    p.job_id, p.name_id, sum(p.points)::bigint, sum(p.not_finite)::bigint, max(p.last_step),
    (array_agg(p.last_value order by p.last_step desc))[1],
    (array_agg(p.min_step order by p.min_value, p.min_step) filter (where p.min_value is not null))[1],
    min(p.min_value),
    (array_agg(p.max_step order by p.max_value desc, p.max_step) filter (where p.max_value is not null))[1],
    max(p.max_value), clock_timestamp(), null::double precision, null::bigint
  from unnest(parts) as p
  group by p.job_id, p.name_id;
$$;

-- Adds points of one series to its summary. Among equal values the earliest step counts, among equal
-- steps the latest point.
create or replace function pra_store.add_to_summary(added pra_store.metric_summaries) returns void
language sql
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
      updated_at = clock_timestamp(), end_value = null, end_steps = null;
$$;

-- Writes the ranges of steps that survive of each attempt of a job, from its latest attempt back through
-- those that it continues; then rollups and summaries.
create or replace function pra_store.write_ranges(job bigint, head bigint) returns void
language plpgsql
as $$
#variable_conflict use_column
declare
  latest pra_store.attempts;
  before bigint;
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
  select * into latest from pra_store.attempts as a where a.job_id = job and a.epoch = head;
  -- The attempt whose series the rollups are of.
  select max(a.epoch) into before from pra_store.attempts as a
  where a.job_id = job and a.epoch < head and a.from_step is not null;
  if latest.continues_epoch is null then
    delete from pra_store.metric_rollups as r where r.job_id = job;
  elsif latest.continues_epoch = before then
    perform pra_store.cut_rollups(job, latest.from_step);
  else
    delete from pra_store.metric_rollups as r where r.job_id = job;
    perform pra_store.roll_up(job, 0, 9223372036854775807);
  end if;
  delete from pra_store.metric_summaries as s where s.job_id = job;
  insert into pra_store.metric_summaries
  select t.* from pra_store.rollups_together(
    array(select r from pra_store.metric_rollups as r where r.job_id = job)) as t;
end
$$;

-- Takes the steps from one on out of the rollups of a job.
create or replace function pra_store.cut_rollups(job bigint, step bigint) returns void
language plpgsql
as $$
#variable_conflict use_column
begin
  delete from pra_store.metric_rollups as r where r.job_id = job and r.bucket >= step / 256;
  -- The bucket in which that step lies is made anew of the points before it.
  if step % 256 > 0 then
    perform pra_store.roll_up(job, step - step % 256, step);
  end if;
end
$$;

-- Makes rollups of the surviving points of a job in a range of steps of which it has none.
create or replace function pra_store.roll_up(job bigint, from_step bigint, to_step bigint) returns void
language sql
as $$
  insert into pra_store.metric_rollups (
    job_id, name_id, bucket, points, not_finite, total, last_step, last_value, min_step, min_value, max_step,
    max_value)
  select
    roll_up.job, m.name_id, m.step / 256, count(*),
    count(*) filter (where m.value in ('NaN', 'Infinity', '-Infinity')),
    coalesce(sum(m.value) filter (where m.value not in ('NaN', 'Infinity', '-Infinity')), 0),
    max(m.step), (array_agg(m.value order by m.step desc, m.recorded_at desc))[1],
    (array_agg(m.step order by m.value, m.step) filter (where m.value <> 'NaN'))[1],
    min(m.value) filter (where m.value <> 'NaN'),
    (array_agg(m.step order by m.value desc, m.step) filter (where m.value <> 'NaN'))[1],
    max(m.value) filter (where m.value <> 'NaN')
  -- Series by series, as the index is ordered.
  from (
    select s.name_id from pra_store.metric_summaries as s where s.job_id = roll_up.job and roll_up.from_step > 0
    union
    select n.name_id from pra_store.metrics as n where n.job_id = roll_up.job and roll_up.from_step = 0
  ) as k
  join pra_store.metrics as m on m.job_id = roll_up.job and m.name_id = k.name_id
  join pra_store.metric_ranges as r
    on r.job_id = m.job_id and r.epoch = m.epoch and m.step >= r.from_step and m.step < r.to_step
  where m.step >= roll_up.from_step and m.step < roll_up.to_step
  group by m.name_id, m.step / 256;
$$;

create or replace function pra.metric_points(job bigint, name text, after bigint default -1, most integer default 10000)
returns table (step bigint, value double precision, recorded_at timestamptz)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
-- By the index of the series, in its order, as many points as are asked for and no more.
set plan_cache_mode = force_generic_plan
set enable_sort = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
  series integer := (select n.id from pra_store.metric_names as n where n.name = metric_points.name);
begin
  if most is null or most not between 1 and 1000000 then
    raise exception 'most: %, must be 1 to 1000000', most using errcode = 'PR003';
  end if;
  return query
    select m.step, m.value, m.recorded_at
    from pra_store.metrics as m
    where m.job_id = metric_points.job and m.name_id = series and m.step > after
      and exists (
        select from pra_store.metric_ranges as r
        where r.job_id = m.job_id and r.epoch = m.epoch and m.step >= r.from_step and m.step < r.to_step)
    order by m.step
    fetch first most rows with ties;
end
$$;

grant execute on function pra.metric_points to pra_submit, pra_worker, pra_read;

comment on function pra.metric_points is
'Returns points of an effective series, by step, behind the step `after`: a page of `most` points, or a few more where
several have the last step. The next page begins after the last step of this one; the series is over when there is no
row. Raises PR003 for a number of points out of range.';

-- Makes the partition of the month of a moment. A table that is attached, unlike one that is created as a
-- partition, needs no lock against inserts.
create or replace function pra_store.ensure_metric_partition(at timestamptz) returns void
language plpgsql
as $$
declare
  month timestamp := date_trunc('month', at at time zone 'UTC');
  name text := 'metrics_' || to_char(month, 'YYYYMM');
begin
  if to_regclass('pra_store.' || name) is not null then
    return;
  end if;
  perform pra_store.lock_key('partitions of metrics');
  if to_regclass('pra_store.' || name) is not null then
    return;
  end if;
  execute format('create table pra_store.%I (like pra_store.metrics including defaults)', name);
  execute format(
    'alter table pra_store.metrics attach partition pra_store.%I for values from (%L) to (%L)',
    name, month || '+00', (month + interval '1 month') || '+00');
end
$$;

-- Direction in which a series improves: up for measures of likeness or correctness, else down.
create or replace function pra_store.better(name text) returns text
language sql immutable
as $$
  select case
    when name ~* '(^|[._/-])(psnr|ssim|accuracy|acc|top1|top5|precision|recall|coverage|density|inception|is)([._/-]|$)'
      or name = 'images_per_second' then 'up'
    else 'down'
  end;
$$;

-- Fills the direction of a new series.
create or replace function pra_store.set_better() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  new.better := pra_store.better(new.name);
  return new;
end
$$;

create or replace trigger set_better before insert on pra_store.metric_names
for each row execute function pra_store.set_better();
