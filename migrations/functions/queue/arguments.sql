-- Arguments of jobs, checked against the JSON schema of their kind.

-- The rules of JSON Schema (2020-12) that the checker knows. A schema with any other is refused, so that
-- no rule is ever passed over in silence.
create or replace function pra_store.check_schema(schema jsonb, path text) returns void
language plpgsql immutable security definer set search_path = pg_catalog, pg_temp
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
    'uniqueItems'])
  order by k limit 1;
  if rule is not null then
    raise exception '%: the rule "%" is not one that is checked here', path, rule
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

-- The first thing in a value that its schema forbids, as a sentence that names the field; null if none.
create or replace function pra_store.misfit(given jsonb, schema jsonb, path text) returns text
language plpgsql immutable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  is_a text := jsonb_typeof(given);
  types jsonb := schema -> 'type';
  shown text := left(given::text, 60);
  amount numeric;
  size integer;
  part record;
  found text;
  rest jsonb := schema -> 'additionalProperties';
begin
  if is_a = 'number' and (given #>> '{}')::numeric % 1 = 0 then
    is_a := 'integer';
  end if;
  if types is not null and not (
    to_jsonb(is_a) <@ types or is_a = 'integer' and to_jsonb('number'::text) <@ types
  ) then
    return format('%s: found %s, expected %s', path, shown,
      case jsonb_typeof(types) when 'array'
        then (select string_agg(t, ' or ') from jsonb_array_elements_text(types) as t)
        else types #>> '{}' end);
  end if;
  if schema ? 'enum' and not exists (
    select from jsonb_array_elements(schema -> 'enum') as e where e = given
  ) then
    return format('%s: found %s, expected one of %s', path, shown,
      (select string_agg(e #>> '{}', ', ') from jsonb_array_elements(schema -> 'enum') as e));
  end if;
  if schema ? 'const' and schema -> 'const' <> given then
    return format('%s: found %s, expected %s', path, shown, schema -> 'const');
  end if;
  case is_a
    when 'integer', 'number' then
      amount := (given #>> '{}')::numeric;
      if amount < (schema ->> 'minimum')::numeric then
        return format('%s: found %s, expected at least %s', path, shown, schema ->> 'minimum');
      elsif amount > (schema ->> 'maximum')::numeric then
        return format('%s: found %s, expected at most %s', path, shown, schema ->> 'maximum');
      elsif amount <= (schema ->> 'exclusiveMinimum')::numeric then
        return format('%s: found %s, expected above %s', path, shown, schema ->> 'exclusiveMinimum');
      elsif amount >= (schema ->> 'exclusiveMaximum')::numeric then
        return format('%s: found %s, expected below %s', path, shown, schema ->> 'exclusiveMaximum');
      end if;
    when 'string' then
      size := length(given #>> '{}');
      if size < (schema ->> 'minLength')::integer then
        return format('%s: found %s, expected %s characters or more', path, shown,
          schema ->> 'minLength');
      elsif size > (schema ->> 'maxLength')::integer then
        return format('%s: found %s characters, expected at most %s', path, size,
          schema ->> 'maxLength');
      elsif schema ? 'pattern' and given #>> '{}' !~ (schema ->> 'pattern')
        -- A reference is put in by the worker, which checks what it stands for.
        and given #>> '{}' !~ '^secret://' then
        return format('%s: found %s, expected a text like %s', path, shown, schema ->> 'pattern');
      end if;
    when 'array' then
      size := jsonb_array_length(given);
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
    when 'object' then
      select r into found from jsonb_array_elements_text(schema -> 'required') as r
      where not given ? r limit 1;
      if found is not null then
        return format('%s: missing', path || '.' || found);
      end if;
      for part in select e.key, e.value from jsonb_each(given) as e order by e.key loop
        if schema -> 'properties' ? part.key then
          found := pra_store.misfit(
            part.value, schema -> 'properties' -> part.key, path || '.' || part.key);
        elsif rest = 'false' then
          found := format('%s: unknown key; known are %s', path || '.' || part.key,
            (select string_agg(k, ', ' order by k)
             from jsonb_object_keys(coalesce(schema -> 'properties', '{}')) as k));
        elsif jsonb_typeof(rest) = 'object' then
          found := pra_store.misfit(part.value, rest, path || '.' || part.key);
        end if;
        if found is not null then return found; end if;
      end loop;
    else null;
  end case;
  return null;
end
$$;

-- Refuses arguments that their kind does not take, or that are too long.
create or replace function pra_store.check_arguments(kind text, arguments jsonb, path text default 'arguments')
returns void
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  known pra_store.kinds;
  bytes integer := octet_length(arguments::text);
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
end
$$;

-- Says what a kind takes; jobs that wait already are not looked at. For those who migrate.
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
  insert into pra_store.kinds as k (kind, arguments, bytes_limit)
  values (set_kind.kind, set_kind.arguments, set_kind.bytes_limit)
  on conflict on constraint kinds_pkey do update
  set arguments = excluded.arguments, bytes_limit = excluded.bytes_limit, set_at = clock_timestamp()
  where (k.arguments, k.bytes_limit) is distinct from (excluded.arguments, excluded.bytes_limit);
end
$$;
