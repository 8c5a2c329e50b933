-- Arguments of jobs, checked against the JSON schema of their kind.

create or replace function pra.set_kind(kind text, arguments jsonb, bytes_limit integer default 1048576)
returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  if kind is null or kind !~ '^[a-z][a-z0-9-]{0,62}$' then
    raise exception 'kind: "%" is not a name of lower-case letters, digits and -', kind
      using errcode = 'PR003';
  end if;
  if bytes_limit is null or bytes_limit not between 2 and 1048576 then
    raise exception 'bytes_limit: %, must be from 2 to 1048576', bytes_limit using errcode = 'PR003';
  end if;
  perform pra_store.check_schema(arguments, 'arguments');
  insert into pra_store.kinds as k (kind, arguments, bytes_limit, reads)
  values (set_kind.kind, set_kind.arguments, set_kind.bytes_limit, (
    select coalesce(jsonb_object_agg(p.key, p.value -> 'reads'), '{}')
    from jsonb_each(set_kind.arguments -> 'properties') as p where p.value ? 'reads'))
  on conflict on constraint kinds_pkey do update
  set arguments = excluded.arguments, bytes_limit = excluded.bytes_limit, reads = excluded.reads,
      set_at = clock_timestamp()
  where (k.arguments, k.bytes_limit, k.reads)
    is distinct from (excluded.arguments, excluded.bytes_limit, excluded.reads);
end
$$;

comment on function pra.set_kind is
'Sets the JSON schema that arguments of a kind must fit from now on; jobs that wait are not checked.
arguments: a schema whose rules are all among those that the database checks. bytes_limit: largest
size of the arguments as text, from 2 to 1048576 bytes.
`pra migrate` calls it; granted to no role but pra_owner.
Raises PR003 for a bad kind or limit and for a schema with a rule that is not checked.';

-- Refuses a schema that has a rule of JSON Schema (2020-12) which pra_store.misfit does not check, so
-- that no rule is passed over in silence.
create or replace function pra_store.check_schema(schema jsonb, path text) returns void
language plpgsql immutable
as $$
declare
  rule text;
  part record;
begin
  if jsonb_typeof(schema) is distinct from 'object' then
    raise exception '%: a schema is a JSON object', path using errcode = 'PR003';
  end if;
  select k into rule from jsonb_object_keys(schema) as k
  where k <> all(array['$schema', '$id', 'title', 'description', 'default', 'examples', 'type', 'enum',
    'const', 'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'minLength', 'maxLength',
    'pattern', 'properties', 'required', 'additionalProperties', 'items', 'minItems', 'maxItems',
    'uniqueItems', 'secret', 'reads'])
  order by k limit 1;
  if rule is not null then
    raise exception '%: the rule "%" is not one that is checked here', path, rule
      using errcode = 'PR003';
  end if;
  if jsonb_typeof(schema -> 'secret') <> 'boolean' then
    raise exception '%: secret is true or false', path using errcode = 'PR003';
  end if;
  -- In brackets, since PL/pgSQL ends the condition at the first "then" outside of any.
  if (case jsonb_typeof(schema -> 'reads')
    when 'array' then exists (
      select from jsonb_array_elements(schema -> 'reads') as r where jsonb_typeof(r) <> 'string')
    else schema ? 'reads' end)
  then
    raise exception '%: reads is a list of names of outputs, or "checkpoint" or "artifact"', path
      using errcode = 'PR003';
  end if;
  if jsonb_typeof(schema -> 'additionalProperties') not in ('boolean', 'object') then
    raise exception '%: additionalProperties is true, false or a schema', path
      using errcode = 'PR003';
  end if;
  for part in
    select key, value from jsonb_each(coalesce(schema -> 'properties', '{}'))
    union all select '[]', schema -> 'items' where schema ? 'items'
    union all select '*', schema -> 'additionalProperties'
    where jsonb_typeof(schema -> 'additionalProperties') = 'object'
  loop
    perform pra_store.check_schema(part.value, path || '.' || part.key);
  end loop;
end
$$;

-- Refuses arguments that do not fit the schema of their kind, or are too long. A kind without a schema
-- takes any.
create or replace function pra_store.check_arguments(kind text, arguments jsonb, path text default 'arguments')
returns void
language plpgsql stable
as $$
declare
  known pra_store.kinds;
  written text := arguments::text;
  bytes integer := octet_length(written);
  found text;
begin
  select * into known from pra_store.kinds as k where k.kind = check_arguments.kind;
  if bytes > coalesce(known.bytes_limit, 1048576) then
    raise exception '%: % bytes, more than %; store an artifact and name its sha256', path, bytes,
      coalesce(known.bytes_limit, 1048576) using errcode = 'PR003';
  end if;
  if known.kind is not null then
    found := pra_store.misfit(arguments, known.arguments, path);
    if found is not null then
      raise exception '%', found using errcode = 'PR003';
    end if;
  end if;
  if written ~* '"\s*secret://' then
    found := pra_store.misplaced_secret(arguments, coalesce(known.arguments, '{}'), path);
    if found is not null then
      raise exception '%: no reference to a secret may stand here; the contract of kind "%" does not mark this field as a secret',
        found, kind using errcode = 'PR003';
    end if;
  end if;
end
$$;

-- The first text that refers to a secret where the schema does not say "secret": true, or that is no
-- whole reference; null if there is none.
create or replace function pra_store.misplaced_secret(given jsonb, schema jsonb, path text) returns text
language plpgsql immutable
as $$
declare
  is_a text := jsonb_typeof(given);
  part record;
  found text;
begin
  if is_a = 'string' then
    return case when given #>> '{}' ~* '^\s*secret://'
      and (schema -> 'secret' is distinct from 'true' or given #>> '{}' !~ '^secret://[A-Za-z0-9_.-]+$')
      then path end;
  elsif is_a = 'array' then
    for part in
      select e.item, e.n - 1 as n
      from jsonb_array_elements(given) with ordinality as e (item, n)
    loop
      found := pra_store.misplaced_secret(part.item, schema -> 'items', format('%s[%s]', path, part.n));
      if found is not null then return found; end if;
    end loop;
  elsif is_a = 'object' then
    for part in select e.key, e.value from jsonb_each(given) as e order by e.key loop
      found := pra_store.misplaced_secret(
        part.value, coalesce(schema -> 'properties' -> part.key, schema -> 'additionalProperties'),
        path || '.' || part.key);
      if found is not null then return found; end if;
    end loop;
  end if;
  return null;
end
$$;

create or replace function pra.secret_use(job bigint)
returns table (login text, kind text, misplaced text)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select coalesce(whole.created_by, j.created_by), j.kind,
    pra_store.misplaced_secret(j.arguments, coalesce(k.arguments, '{}'), 'arguments')
  from pra_store.jobs as j
  left join pra_store.jobs as whole on whole.id = j.array_id
  left join pra_store.kinds as k on k.kind = j.kind
  where j.id = secret_use.job;
$$;

grant execute on function pra.secret_use to pra_worker;

comment on function pra.secret_use is
'Says what a stage has to know before it puts secrets in the place of references: the login that enqueued
the job (of a part of an array, the array), its kind, and the first field with a reference that the
contract does not mark as a secret; null if there is none. No row when there is no such job.';

-- The first rule of its schema that a value breaks, as a sentence that names the field; null if it fits.
-- Checks the type: a name, or an array of alternatives; a number without a fraction is an integer, too.
-- The rules of each type have functions of their own.
create or replace function pra_store.misfit(given jsonb, schema jsonb, path text) returns text
language plpgsql immutable
as $$
declare
  types jsonb := schema -> 'type';
  is_a text := jsonb_typeof(given);
  found text;
begin
  if is_a = 'number' and (given #>> '{}')::numeric % 1 = 0 then
    is_a := 'integer';
  end if;
  if types is not null and not (
    to_jsonb(is_a) <@ types or is_a = 'integer' and to_jsonb('number'::text) <@ types
  ) then
    return pra_store.unexpected(given, path,
      case jsonb_typeof(types) when 'array'
        then (select string_agg(t, ' or ') from jsonb_array_elements_text(types) as t)
        else types #>> '{}' end);
  end if;
  if schema ?| '{enum,const}' then
    found := pra_store.choice_misfit(given, schema, path);
    if found is not null then return found; end if;
  end if;
  return case
    when is_a in ('integer', 'number') then pra_store.number_misfit(given, schema, path)
    when is_a = 'string' then pra_store.string_misfit(given, schema, path)
    when is_a = 'array' then pra_store.array_misfit(given, schema, path)
    when is_a = 'object' then pra_store.object_misfit(given, schema, path)
  end;
end
$$;

-- The sentence of a misfit: the field, the beginning of its value, the rule.
create or replace function pra_store.unexpected(given jsonb, path text, expected text) returns text
language sql immutable
as $$ select format('%s: found %s, expected %s', path, left(given::text, 60), expected); $$;

-- enum and const.
create or replace function pra_store.choice_misfit(given jsonb, schema jsonb, path text) returns text
language plpgsql immutable
as $$
begin
  if schema ? 'enum' and not exists (
    select from jsonb_array_elements(schema -> 'enum') as e where e = given
  ) then
    return pra_store.unexpected(given, path, format('one of %s',
      (select string_agg(e #>> '{}', ', ') from jsonb_array_elements(schema -> 'enum') as e)));
  end if;
  if schema ? 'const' and schema -> 'const' <> given then
    return pra_store.unexpected(given, path, (schema -> 'const')::text);
  end if;
  return null;
end
$$;

-- minimum, maximum, exclusiveMinimum and exclusiveMaximum.
create or replace function pra_store.number_misfit(given jsonb, schema jsonb, path text) returns text
language plpgsql immutable
as $$
declare
  amount numeric := (given #>> '{}')::numeric;
begin
  if amount < (schema ->> 'minimum')::numeric then
    return pra_store.unexpected(given, path, 'at least ' || (schema ->> 'minimum'));
  elsif amount > (schema ->> 'maximum')::numeric then
    return pra_store.unexpected(given, path, 'at most ' || (schema ->> 'maximum'));
  elsif amount <= (schema ->> 'exclusiveMinimum')::numeric then
    return pra_store.unexpected(given, path, 'above ' || (schema ->> 'exclusiveMinimum'));
  elsif amount >= (schema ->> 'exclusiveMaximum')::numeric then
    return pra_store.unexpected(given, path, 'below ' || (schema ->> 'exclusiveMaximum'));
  end if;
  return null;
end
$$;

-- minLength, maxLength and pattern.
create or replace function pra_store.string_misfit(given jsonb, schema jsonb, path text) returns text
language plpgsql immutable
as $$
declare
  size integer := length(given #>> '{}');
begin
  if size < (schema ->> 'minLength')::integer then
    return pra_store.unexpected(given, path, (schema ->> 'minLength') || ' characters or more');
  elsif size > (schema ->> 'maxLength')::integer then
    return format('%s: found %s characters, expected at most %s', path, size,
      schema ->> 'maxLength');
  elsif schema ? 'pattern' and given #>> '{}' !~ (schema ->> 'pattern')
    -- The worker puts in the value of a reference, and checks it.
    and not (schema -> 'secret' = 'true' and given #>> '{}' ~ '^secret://') then
    return pra_store.unexpected(given, path, 'a text like ' || (schema ->> 'pattern'));
  end if;
  return null;
end
$$;

-- minItems, maxItems, uniqueItems and items.
create or replace function pra_store.array_misfit(given jsonb, schema jsonb, path text) returns text
language plpgsql immutable
as $$
declare
  size integer := jsonb_array_length(given);
  part record;
  found text;
begin
  if size < (schema ->> 'minItems')::integer then
    return format('%s: found %s items, expected %s or more', path, size, schema ->> 'minItems');
  elsif size > (schema ->> 'maxItems')::integer then
    return format('%s: found %s items, expected at most %s', path, size, schema ->> 'maxItems');
  elsif schema -> 'uniqueItems' = 'true' and size <> (
    select count(distinct e) from jsonb_array_elements(given) as e
  ) then
    return format('%s: expected each item once', path);
  end if;
  if schema ? 'items' then
    for part in
      select e.item, e.n - 1 as n
      from jsonb_array_elements(given) with ordinality as e (item, n)
    loop
      found := pra_store.misfit(part.item, schema -> 'items', format('%s[%s]', path, part.n));
      if found is not null then return found; end if;
    end loop;
  end if;
  return null;
end
$$;

-- required, properties and additionalProperties.
create or replace function pra_store.object_misfit(given jsonb, schema jsonb, path text) returns text
language plpgsql immutable
as $$
declare
  properties jsonb := coalesce(schema -> 'properties', '{}');
  additional jsonb := schema -> 'additionalProperties';
  part record;
  field text;
  found text;
begin
  select r into found from jsonb_array_elements_text(schema -> 'required') as r
  where not given ? r limit 1;
  if found is not null then
    return format('%s.%s: missing', path, found);
  end if;
  for part in select e.key, e.value from jsonb_each(given) as e order by e.key loop
    field := path || '.' || part.key;
    if properties ? part.key then
      found := pra_store.misfit(part.value, properties -> part.key, field);
    elsif additional = 'false' then
      return format('%s: unknown key; known are %s', field,
        (select string_agg(k, ', ' order by k) from jsonb_object_keys(properties) as k));
    elsif jsonb_typeof(additional) = 'object' then
      found := pra_store.misfit(part.value, additional, field);
    end if;
    if found is not null then return found; end if;
  end loop;
  return null;
end
$$;
