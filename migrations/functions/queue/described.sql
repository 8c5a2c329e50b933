-- Words that people keep with runs: names, tags, notes, archives; sweeps; and the runs that are at work.

-- A run that is not deleted, locked. Raises PR002 when there is none.
create or replace function pra_store.live_run(run bigint) returns pra_store.runs
language plpgsql
as $$
declare
  found_run pra_store.runs;
begin
  select * into found_run from pra_store.runs as r where r.id = live_run.run for no key update;
  if not found then
    raise exception 'run: there is no run %', run using errcode = 'PR002';
  end if;
  if found_run.deleted_at is not null then
    raise exception 'run: run % is deleted; `pra delete --undo %` brings it back', run, run using errcode = 'PR002';
  end if;
  return found_run;
end
$$;

-- Refuses new work in a run that is not there or is deleted; the run is not deleted until the caller's transaction ends.
create or replace function pra_store.check_run(run bigint) returns void
language plpgsql
as $$
declare
  deleted timestamptz;
begin
  select r.deleted_at into deleted from pra_store.runs as r where r.id = run for share;
  if not found then
    raise exception 'run: there is no run %', run using errcode = 'PR002';
  end if;
  if deleted is not null then
    raise exception 'run: run % is deleted; `pra delete --undo %` brings it back', run, run using errcode = 'PR002';
  end if;
end
$$;

-- Refuses a text that cannot be the name of a run or a sweep.
create or replace function pra_store.check_run_name(name text) returns void
language plpgsql immutable
as $$
begin
  if name is null or length(name) not between 1 and 200 then
    raise exception 'name: a run has a name of 1 to 200 characters' using errcode = 'PR003';
  end if;
  if name ~ '[\x01-\x1f\x7f-\x9f]' or name !~ '\S' then
    raise exception 'name: a run has a name without control characters, and not of blanks alone'
      using errcode = 'PR003';
  end if;
  if name ~ '^[0-9]+$' then
    raise exception 'name: "%" has digits alone, as the numbers of runs have', name using errcode = 'PR003';
  end if;
  if name ~ '^(id|sweep)=' then
    raise exception 'name: "%" is how a run is named by its number, or a sweep', name using errcode = 'PR003';
  end if;
end
$$;

create or replace function pra.rename_run(run bigint, name text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  it pra_store.runs := pra_store.live_run(run);
begin
  perform pra_store.require_own_run(run);
  perform pra_store.check_run_name(name);
  update pra_store.runs as r set name = rename_run.name where r.id = run;
  perform pra_store.record_event(
    'run.renamed', run, null, null, null, jsonb_build_object('from', it.name, 'to', name));
end
$$;

grant execute on function pra.rename_run to pra_submit;

comment on function pra.rename_run is
'Gives a run another name, under the rules of pra.create_run. The names in a stored configuration and in files that were
exported stay. Raises PR002 when there is no such run, PR003 for a bad name.';

create or replace function pra.tag_run(run bigint, add text[] default '{}', remove text[] default '{}') returns text[]
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  it pra_store.runs := pra_store.live_run(run);
  wrong text;
  now_has text[];
begin
  perform pra_store.require_own_run(run);
  select t into wrong from unnest(add) as t
  where t is null or t !~ '^[[:alnum:]][[:alnum:]_.:/+-]{0,62}$' limit 1;
  if found then
    raise exception 'tag: "%", must be up to 63 letters, digits, _ . : / + and -, beginning with a letter or digit', wrong
      using errcode = 'PR003';
  end if;
  now_has := array(
    select distinct t from unnest(it.tags || add) as t where t <> all(remove) order by t);
  if cardinality(now_has) > 100 then
    raise exception 'tag: run % would have % tags, at most 100 are kept', run, cardinality(now_has)
      using errcode = 'PR003';
  end if;
  update pra_store.runs as r set tags = now_has where r.id = run;
  return now_has;
end
$$;

grant execute on function pra.tag_run to pra_submit;

comment on function pra.tag_run is
'Adds tags to a run, takes others from it, and returns those that it has. A tag has 1 to 63 letters, digits and _ . : / + -,
the first of them a letter or a digit; a run has at most 100.
Raises PR002 when there is no such run, PR003 for a bad tag or too many.';

create or replace function pra.note_run(run bigint, note text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform pra_store.require_own_run(run);
  perform pra_store.live_run(run);
  if length(note) > 10000 then
    raise exception 'note: has % characters, at most 10000 are kept', length(note) using errcode = 'PR003';
  end if;
  update pra_store.runs as r set note = nullif(note_run.note, '') where r.id = run;
end
$$;

grant execute on function pra.note_run to pra_submit;

comment on function pra.note_run is
'Keeps a text of at most 10,000 characters with a run, in place of the one before; null or an empty one takes it away.
Raises PR002 when there is no such run, PR003 for a longer text.';

create or replace function pra.archive_run(run bigint, archived boolean default true) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform pra_store.require_own_run(run);
  perform pra_store.live_run(run);
  update pra_store.runs as r
  set archived_at = case when archived then coalesce(r.archived_at, clock_timestamp()) end
  where r.id = run;
end
$$;

grant execute on function pra.archive_run to pra_submit;

comment on function pra.archive_run is
'Puts a run away, so that lists leave it out, or takes it back. Nothing of it is lost, and its jobs go on.
Raises PR002 when there is no such run.';

create or replace function pra.create_sweep(name text, keys text[], runs bigint[]) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  made bigint;
begin
  perform pra_store.check_run_name(create_sweep.name);
  if coalesce(cardinality(create_sweep.runs), 0) not between 1 and 1000000 or array_position(create_sweep.runs, null) > 0
  then
    raise exception 'runs: a sweep has 1 to 1000000 runs' using errcode = 'PR003';
  end if;
  if cardinality(create_sweep.keys) > 1000 or exists (
    select from unnest(create_sweep.keys) as k where k is null or length(k) not between 1 and 1000) then
    raise exception 'keys: a sweep has up to 1000 keys of 1 to 1000 characters' using errcode = 'PR003';
  end if;
  insert into pra_store.sweeps (name, keys) values (create_sweep.name, coalesce(create_sweep.keys, '{}'))
  returning id into made;
  insert into pra_store.sweep_runs (sweep_id, run_id)
  select distinct made, r from unnest(create_sweep.runs) as r;
  return made;
exception when foreign_key_violation then
  raise exception 'runs: there is no run %', (
    select min(r) from unnest(create_sweep.runs) as r
    where not exists (select from pra_store.runs as known where known.id = r))
    using errcode = 'PR002';
end
$$;

grant execute on function pra.create_sweep to pra_submit;

comment on function pra.create_sweep is
'Groups runs under a name, and returns the number of the group. name: as of a run; of several sweeps of one name the newest
counts. keys: the settings of which the runs have different values. A run may be in several sweeps.
Raises PR003 for a bad name, bad keys or no runs, PR002 when one of the runs does not exist.';

create or replace function pra.active_runs() returns setof bigint
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select l.run_id from pra_store.lanes as l where l.id = any(array(select n from pra_store.lanes_in_line() as n))
  union
  select j.run_id from pra_store.jobs as j where j.state = 'ready' and not j.due
  union
  select j.run_id from pra_store.jobs as j where j.state = 'running' and j.worker_id is not null
  union
  select j.run_id from pra_store.jobs as j where j.state = 'running' and j.array_first is not null
  union
  select r.id from pra_store.runs as r where r.paused_at is not null;
$$;

grant execute on function pra.active_runs to pra_submit, pra_worker, pra_read;

comment on function pra.active_runs is
'Returns the numbers of runs that have jobs in line or running, or that are paused: found by indexes of the queue, however many
other runs there are.';
