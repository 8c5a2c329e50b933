-- Requirements of jobs, compared with labels of workers.

-- Parts of a requirement: 'vram_gib>=40' -> {"label": "vram_gib", "op": ">=", "value": "40"}.
create or replace function pra_store.parse_requirement(requirement text) returns jsonb
language plpgsql immutable
as $$
declare
  part text[] := regexp_match(
    requirement, '^\s*([A-Za-z_][A-Za-z0-9_.-]*)\s*(>=|<=|!=|=|>|<)\s*([^\s<>=!][^<>=!]*?)\s*$');
  fault text;
begin
  if length(requirement) > 300 then
    raise exception 'requirement "%..." has % characters, more than 300', left(requirement, 40),
      length(requirement) using errcode = 'PR003';
  end if;
  if part is null then
    raise exception 'requirement "%" is not of the form label>=value', requirement
      using errcode = 'PR003', hint = 'The comparators are =, !=, >=, <=, > and <.';
  end if;
  if part[2] in ('>=', '<=', '>', '<') and part[3] !~ '^-?[0-9]+(\.[0-9]+)?$' then
    raise exception 'requirement "%" compares with "%", which is not a number', requirement, part[3]
      using errcode = 'PR003';
  end if;
  fault := pra_store.label_fault(part[1], part[3]);
  if fault is not null then
    raise exception 'requirement "%" can match no worker: %', requirement, fault using errcode = 'PR003';
  end if;
  return jsonb_build_object('label', part[1], 'op', part[2], 'value', part[3]);
end
$$;

-- Requirements of a job, read and no more than can be compared.
create or replace function pra_store.parse_requirements(requirements text[]) returns jsonb
language plpgsql immutable
as $$
declare
  parsed jsonb;
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
  parsed := (
    select coalesce(jsonb_agg(pra_store.parse_requirement(r) order by i), '[]')
    from unnest(requirements) with ordinality as u (r, i));
  if pra_store.contradiction(parsed) is not null then
    raise exception 'requirements: no worker can meet %', pra_store.contradiction(parsed)
      using errcode = 'PR003';
  end if;
  return parsed;
end
$$;

-- Refuses labels that are no object of texts, or that no requirement can be compared with.
create or replace function pra_store.check_labels(labels jsonb) returns void
language plpgsql immutable
as $$
declare
  fault text;
begin
  if jsonb_typeof(labels) is distinct from 'object' then
    raise exception 'labels: must be a JSON object of texts' using errcode = 'PR003';
  end if;
  if (select count(*) from jsonb_object_keys(labels) as k) > 50 then
    raise exception 'labels: there are %, at most 50',
      (select count(*) from jsonb_object_keys(labels) as k) using errcode = 'PR003';
  end if;
  select format('labels: %s=%s: %s', left(l.key, 40), left(l.value, 40), pra_store.label_fault(l.key, l.value))
  into fault
  from jsonb_each_text(labels) as l
  where pra_store.label_fault(l.key, l.value) is not null
  order by l.key limit 1;
  if fault is not null then
    raise exception '%', fault using errcode = 'PR003';
  end if;
end
$$;

-- The reason why no label and no requirement can be of this name and value, and what would be right; null for a good
-- pair. WorkerLabel is the same in the program.
create or replace function pra_store.label_fault(label text, value text) returns text
language plpgsql immutable
as $$
begin
  if label !~ '^[A-Za-z_][A-Za-z0-9_.-]{0,99}$' then
    return format('the name "%s" has to be up to 100 letters, digits, _, . and -, and not to begin with a digit',
      left(label, 40));
  elsif value is null or length(value) not between 1 and 200 then
    return 'the value has to have 1 to 200 characters';
  elsif value ~ '[<>=!''"`\x01-\x1f\x7f]|^ | $' then
    return 'the value holds a quote, a comparator, a control character or a blank at an end';
  elsif label <> 'host' and value ~* '^-?[0-9]+(\.[0-9]+)?\s*([kmgp]i?b?|t(i?b)?|b|([kmgtp]i?|kilo|mega|giga|tera|peta|kibi|mebi|gibi|tebi|pebi)?(bits?|bytes?)(/s)?|gigs?|([kmg]|kilo|mega|giga)?(hz|hertz)|k?w|watts?|%)$' then
    return format('"%s" is a number with a unit, which compares with no number; name the unit in the label, as in vram_gib=80',
      value);
  end if;
  return null;
end
$$;

-- Requirements that no label can meet together, as vram_gib>=80 and vram_gib<40; null if there are none. Two of them
-- contradict each other, or three: a number that is at least, at most and not the same one.
create or replace function pra_store.contradiction(requirements jsonb) returns text
language sql immutable
as $$
  with asked as (
    select r ->> 'label' as label, r ->> 'op' as op, r ->> 'value' as value,
      case when r ->> 'value' ~ '^-?[0-9]+(\.[0-9]+)?$' then (r ->> 'value')::numeric end as number
    from jsonb_array_elements(requirements) as r
  )
  select format('%s%s%s and %s%s%s', a.label, a.op, a.value, b.label, b.op, b.value)
  from asked as a join asked as b on a.label = b.label
  where
    a.op = '=' and case
      when a.number is not null and b.number is not null then case b.op
        when '=' then a.number <> b.number
        when '!=' then a.number = b.number
        when '>=' then a.number < b.number
        when '<=' then a.number > b.number
        when '>' then a.number <= b.number
        when '<' then a.number >= b.number
      end
      when b.op = '=' then a.value <> b.value
      when b.op = '!=' then a.value = b.value
      else true
    end
    or a.op in ('>=', '>') and b.op in ('<=', '<')
      and (a.number > b.number or a.number = b.number and (a.op = '>' or b.op = '<'))
  union all
  select format('%s%s%s, %s%s%s and %s%s%s', a.label, a.op, a.value, b.label, b.op, b.value, c.label, c.op, c.value)
  from asked a
  join asked b on a.label = b.label and a.number = b.number
  join asked c on a.label = c.label and a.number = c.number
  where a.op = '>=' and b.op = '<=' and c.op = '!='
  limit 1;
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
