-- Requirements of jobs, compared with labels of workers.

-- Parts of a requirement: 'vram_gib>=40' -> {"label": "vram_gib", "op": ">=", "value": "40"}.
create or replace function pra_store.parse_requirement(requirement text) returns jsonb
language plpgsql immutable
as $$
declare
  part text[] := regexp_match(
    requirement, '^\s*([A-Za-z_][A-Za-z0-9_.-]*)\s*(>=|<=|!=|=|>|<)\s*([^\s<>=!][^<>=!]*?)\s*$');
begin
  if part is null then
    raise exception 'requirement "%" is not of the form label>=value', requirement
      using errcode = 'PR003', hint = 'The comparators are =, !=, >=, <=, > and <.';
  end if;
  if part[2] in ('>=', '<=', '>', '<') and part[3] !~ '^-?[0-9]+(\.[0-9]+)?$' then
    raise exception 'requirement "%" compares with "%", which is not a number', requirement, part[3]
      using errcode = 'PR003';
  end if;
  return jsonb_build_object('label', part[1], 'op', part[2], 'value', part[3]);
end
$$;

-- Requirements of a job, read and no more than can be compared.
create or replace function pra_store.parse_requirements(requirements text[]) returns jsonb
language plpgsql immutable
as $$
begin
  if cardinality(requirements) > 50 then
    raise exception 'requirements: there are %, at most 50', cardinality(requirements)
      using errcode = 'PR003';
  end if;
  if exists (select from unnest(requirements) as r where length(r) > 200) then
    raise exception 'requirements: "%..." has more than 200 characters',
      (select left(r, 40) from unnest(requirements) as r where length(r) > 200 limit 1)
      using errcode = 'PR003';
  end if;
  return (
    select coalesce(jsonb_agg(pra_store.parse_requirement(r) order by i), '[]')
    from unnest(requirements) with ordinality as u (r, i));
end
$$;

-- Refuses labels that are no object of short texts.
create or replace function pra_store.check_labels(labels jsonb) returns void
language plpgsql immutable
as $$
declare
  wrong text;
begin
  if jsonb_typeof(labels) is distinct from 'object' then
    raise exception 'labels: must be a JSON object' using errcode = 'PR003';
  end if;
  if (select count(*) from jsonb_object_keys(labels) as k) > 50 then
    raise exception 'labels: there are %, at most 50',
      (select count(*) from jsonb_object_keys(labels) as k) using errcode = 'PR003';
  end if;
  select l.key into wrong from jsonb_each(labels) as l
  where length(l.key) > 200 or length(l.value::text) > 202 limit 1;
  if found then
    raise exception 'labels: "%" has a name or a value of more than 200 characters', left(wrong, 40)
      using errcode = 'PR003';
  end if;
end
$$;

-- True when labels meet all requirements. A label that a worker lacks satisfies != alone. Numbers are
-- compared as numbers.
create or replace function pra_store.satisfies(labels jsonb, requirements jsonb) returns boolean
language sql immutable
as $$
  select coalesce(bool_and(
    case
      when has is null then op = '!='
      when has ~ '^-?[0-9]+(\.[0-9]+)?$' and wants ~ '^-?[0-9]+(\.[0-9]+)?$' then
        case op
          when '=' then has::numeric = wants::numeric
          when '!=' then has::numeric <> wants::numeric
          when '>=' then has::numeric >= wants::numeric
          when '<=' then has::numeric <= wants::numeric
          when '>' then has::numeric > wants::numeric
          when '<' then has::numeric < wants::numeric
        end
      when op = '=' then has = wants
      when op = '!=' then has <> wants
      else false
    end), true)
  from (
    select labels ->> (r ->> 'label') as has, r ->> 'op' as op, r ->> 'value' as wants
    from jsonb_array_elements(requirements) as r
  ) as asked;
$$;

-- Host of a worker: its label host, else its name.
create or replace function pra_store.host(labels jsonb, name text) returns text
language plpgsql immutable
as $$ begin return coalesce(labels ->> 'host', name); end $$;
