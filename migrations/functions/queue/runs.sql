-- Runs: creation, variants, weights of fair sharing.

create or replace function pra.create_run(
  name text, configuration jsonb default '{}', code_version text default null,
  data_fingerprint text default null, idempotency_key text default null
) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  made bigint;
  found_name text;
begin
  perform pra_store.check_run_name(create_run.name);
  -- The text is not made of what is far too large anyway.
  if pg_column_size(create_run.configuration) > 4194304
    or octet_length(create_run.configuration::text) > 1048576 then
    raise exception 'configuration: has more than 1048576 bytes of JSON' using errcode = 'PR003';
  end if;
  if length(create_run.code_version) > 1000 or length(create_run.data_fingerprint) > 1000 then
    raise exception 'code_version, data_fingerprint: have at most 1000 characters'
      using errcode = 'PR003';
  end if;
  if length(create_run.idempotency_key) not between 1 and 500 then
    raise exception 'idempotency_key: must have 1 to 500 characters' using errcode = 'PR003';
  end if;
  insert into pra_store.runs (name, configuration, code_version, data_fingerprint, idempotency_key)
  values (create_run.name, create_run.configuration, create_run.code_version,
          create_run.data_fingerprint, create_run.idempotency_key)
  on conflict (idempotency_key) do nothing
  returning id into made;
  if made is null then
    select id, name into made, found_name
    from pra_store.runs
    where idempotency_key = create_run.idempotency_key;
    if found_name <> create_run.name then
      raise exception 'idempotency_key: "%" is that of run % "%"',
        create_run.idempotency_key, made, found_name using errcode = 'PR004';
    end if;
    return made;
  end if;
  perform pra_store.record_event('run.created', made, null, null, null);
  return made;
end
$$;

grant execute on function pra.create_run to pra_submit;

comment on function pra.create_run is
'Creates a run and returns its number; called again with the same idempotency_key, it returns the
earlier run.
name: 1 to 200 characters, no control character, not of digits or blanks alone, need not be unique. configuration:
resolved configuration, JSON of at most 1 MiB. code_version, data_fingerprint: free text. idempotency_key: 1 to 500
characters; without one each call
creates a run.
Raises PR003 for a bad name, PR004 when the key belongs to a run of another name.';

create or replace function pra.set_variant(jobs bigint[], variant text, seed bigint) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if length(set_variant.variant) not between 1 and 200 or set_variant.variant is null then
    raise exception 'variant: must have 1 to 200 characters' using errcode = 'PR003';
  end if;
  if set_variant.seed is null then
    raise exception 'seed: missing' using errcode = 'PR003';
  end if;
  insert into pra_store.variants (job_id, variant, seed)
  select j, set_variant.variant, set_variant.seed from unnest(set_variant.jobs) as j
  on conflict (job_id) do nothing;
exception when foreign_key_violation then
  raise exception 'jobs: there is no job %', (
    select min(j) from unnest(set_variant.jobs) as j
    where not exists (select from pra_store.jobs as known where known.id = j))
    using errcode = 'PR002';
end
$$;

grant execute on function pra.set_variant to pra_submit;

comment on function pra.set_variant is
'Records the variant and the seed of jobs, for runs that compare variants (see pra.variants). A job
that has one already keeps it.
variant: 1 to 200 characters. seed: seed of the training.
Raises PR003 for a missing seed or a bad variant, PR002 when one of the jobs does not exist.';

create or replace function pra.set_run_weight(run bigint, weight double precision) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform pra_store.require_own_run(run);
  if weight is null or weight not between 1e-6 and 1e6 then
    raise exception 'weight: %, must be from 0.000001 to 1000000', weight using errcode = 'PR003';
  end if;
  update pra_store.runs as r set weight = set_run_weight.weight where r.id = run;
  if not found then
    raise exception 'there is no run %', run using errcode = 'PR002';
  end if;
  perform pra_store.record_event('run.weighed', run, null, null, null, jsonb_build_object('weight', weight));
end
$$;

grant execute on function pra.set_run_weight to pra_submit;

comment on function pra.set_run_weight is
'Sets the weight of a run in fair sharing: where runs of a user wait with equal priority, for however long,
one of weight 2 gets twice the places of one of weight 1, the default. weight: 0.000001 to 1000000.
Raises PR003 for another weight, PR002 when there is no such run.';

create or replace function pra.set_user_weight(name text, weight double precision) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform pra_store.require_operator('user');
  if weight is null or weight not between 1e-6 and 1e6 then
    raise exception 'weight: %, must be from 0.000001 to 1000000', weight using errcode = 'PR003';
  end if;
  if name is null or length(name) not between 1 and 200 then
    raise exception 'name: a user has a name of 1 to 200 characters' using errcode = 'PR003';
  end if;
  insert into pra_store.users (name, weight) values (set_user_weight.name, set_user_weight.weight)
  on conflict on constraint users_pkey do update set weight = excluded.weight;
  perform pra_store.record_event(
    'user.weighed', null, null, null, null, jsonb_build_object('user', name, 'weight', weight));
end
$$;

grant execute on function pra.set_user_weight to pra_submit;

comment on function pra.set_user_weight is
'Sets the weight of a user in fair sharing: where runs of several users wait with equal priority, for
however long, one of weight 2 gets twice the places of one of weight 1, the default.
name: login that creates the runs, not checked. weight: 0.000001 to 1000000.
Raises PR003 for another weight.';
