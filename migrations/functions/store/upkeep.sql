-- Garbage collection at times of a calendar: the owner says what, and any worker does it.

create or replace function pra.set_upkeep(
  cron text, time_zone text default 'UTC', grace interval default '1 day', keep_last integer default null,
  keep_best integer default 0, keep_every bigint default null, metric text default 'loss', thin bigint default null,
  thin_after interval default '30 days'
) returns timestamptz
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  first_at timestamptz;
begin
  if not exists (select from pg_timezone_names as z where z.name = set_upkeep.time_zone) then
    raise exception 'time_zone: "%" is unknown', set_upkeep.time_zone using errcode = 'PR003';
  end if;
  first_at := pra_store.cron_next(set_upkeep.cron, set_upkeep.time_zone, clock_timestamp());
  delete from pra_store.upkeep;
  insert into pra_store.upkeep (
    cron, time_zone, grace, keep_last, keep_best, keep_every, metric, thin, thin_after, next_at)
  values (
    set_upkeep.cron, set_upkeep.time_zone, set_upkeep.grace, set_upkeep.keep_last, set_upkeep.keep_best,
    set_upkeep.keep_every, set_upkeep.metric, set_upkeep.thin, set_upkeep.thin_after, first_at);
  return first_at;
end
$$;

comment on function pra.set_upkeep is
'Lets workers collect garbage at the times of a cron line, in place of the rule before; returns the first. grace: as of
pra.collect_garbage and pra.purge_runs. keep_last, keep_best, keep_every and metric: as of pra.retain_checkpoints, for
all runs; null keep_last drops none. thin and thin_after: as of pra.thin_metrics; null thin deletes no point.
Granted to no role but pra_owner. Raises PR003 for a bad cron line or time zone.';

create or replace function pra.unset_upkeep() returns boolean
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  with gone as (delete from pra_store.upkeep returning 1) select exists (select from gone);
$$;

comment on function pra.unset_upkeep is
'Ends what pra.set_upkeep began; returns whether there was a rule. Granted to no role but pra_owner.';

create or replace function pra.begin_upkeep(worker bigint, worker_token uuid default null) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  rule pra_store.upkeep;
  found jsonb;
  dropped bigint := 0;
  thinned bigint := 0;
  purged bigint;
begin
  perform pra_store.live_worker(worker, worker_token, locks => false);
  -- One worker does it: the others find no row.
  select * into rule from pra_store.upkeep as u where u.next_at <= clock_timestamp() for update skip locked;
  if rule.next_at is null then
    return null;
  end if;
  begin
    -- Tables of those names that the caller had made, with triggers of its own, would act as the owner here; they
    -- cannot be dropped, which is the end of it.
    drop table if exists pg_temp.garbage, pg_temp.awaited, pg_temp.verdicts;
    select count(*) into purged from pra.purge_runs(rule.grace);
    if rule.keep_last is not null then
      select count(*) filter (where not c.kept) into dropped
      from pra.retain_checkpoints(
        null, rule.keep_last, rule.keep_best, rule.metric, rule.keep_every) as c;
    end if;
    if rule.thin is not null then
      select coalesce(sum(t.points), 0) into thinned
      from pra.thin_metrics(null, rule.thin, clock_timestamp() - rule.thin_after) as t;
    end if;
    select jsonb_build_object('runs', purged, 'checkpoints', dropped, 'points', thinned)
      || coalesce(jsonb_object_agg(replace(g.what, ' ', '_'), g.number), '{}')
      || jsonb_build_object('bytes', coalesce(sum(g.bytes), 0))
    into found
    from pra.collect_garbage(rule.grace) as g;
  exception
    when others then
      update pra_store.upkeep as u
      set next_at = pra_store.cron_next(u.cron, u.time_zone, clock_timestamp()), worker_id = worker,
          begun_at = clock_timestamp(), ended_at = clock_timestamp(), last_error = left(sqlerrm, 1000);
      return null;
  end;
  update pra_store.upkeep as u
  set next_at = pra_store.cron_next(u.cron, u.time_zone, clock_timestamp()), worker_id = worker,
      begun_at = clock_timestamp(), ended_at = null, collected = found, last_error = null;
  return found;
end
$$;

grant execute on function pra.begin_upkeep to pra_worker;

comment on function pra.begin_upkeep is
'Where the rule of pra.set_upkeep is due and no other worker has it: collects garbage by it in the database and marks
objects of stores for pra.upkeep_object, and returns what went as a JSON object of numbers; null otherwise. The rule is
the owner''s: a worker chooses nothing. Next: the objects, then pra.end_upkeep.
Raises PR001 when the worker''s lease is over, or the token is not its own.';

-- The rule, if a worker has begun with it and may go on.
create or replace function pra_store.held_upkeep(worker bigint, token uuid) returns void
language plpgsql
as $$
begin
  perform pra_store.live_worker(worker, token, locks => false);
  if not exists (
    select from pra_store.upkeep as u where u.worker_id = held_upkeep.worker and u.ended_at is null) then
    raise exception 'lease lost: worker % does not collect garbage', worker using errcode = 'PR001';
  end if;
end
$$;

create or replace function pra.upkeep_object(
  worker bigint, store integer, after text default '', worker_token uuid default null
) returns table (
  location text, database uuid, mark uuid, is_marked boolean, sha256 text, object text, copy integer, is_doomed boolean,
  uploads text[])
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  perform pra_store.held_upkeep(worker, worker_token);
  return query
    select s.location, pra_store.identity(), s.mark, s.marked_at is not null, o.sha256, o.object, o.copy, o.is_doomed,
      o.uploads
    from pra.next_doomed(upkeep_object.store, upkeep_object.after) as o
    join pra_store.stores as s on s.id = upkeep_object.store;
end
$$;

grant execute on function pra.upkeep_object to pra_worker;

comment on function pra.upkeep_object is
'pra.next_doomed for the worker that began with the upkeep, with what the mark of the store must hold.
Raises PR001 when another worker has it, or the lease is over.';

create or replace function pra.forget_upkeep_object(
  worker bigint, store integer, sha256 text, copy integer, worker_token uuid default null
) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform pra_store.held_upkeep(worker, worker_token);
  perform pra.forget_object(store, sha256, copy);
end
$$;

grant execute on function pra.forget_upkeep_object to pra_worker;

comment on function pra.forget_upkeep_object is
'pra.forget_object for the worker that began with the upkeep.
Raises PR001 when another worker has it, or the lease is over; PR003 for a bad sha256.';

create or replace function pra.end_upkeep(worker bigint, error text default null, worker_token uuid default null)
returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform pra_store.held_upkeep(worker, worker_token);
  update pra_store.upkeep as u set ended_at = clock_timestamp(), last_error = left(end_upkeep.error, 1000);
end
$$;

grant execute on function pra.end_upkeep to pra_worker;

comment on function pra.end_upkeep is
'Says that the worker is done with the upkeep. error: the stores that could not be collected, and why.
Raises PR001 when another worker has it, or the lease is over.';
