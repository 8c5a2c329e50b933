-- Sizes as people write them.

create or replace function pra.size_text(bytes double precision, whole double precision default null)
returns text
language plpgsql immutable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  units constant text[] := array['bytes', 'kB', 'MB', 'GB', 'TB', 'PB'];
  unit integer := 1;
  rest double precision := coalesce(whole, bytes);
begin
  while rest >= 999.5 and unit < cardinality(units) loop
    rest := rest / 1000;
    unit := unit + 1;
  end loop;
  return (
    select string_agg(
      trim_scale(round(n.number::numeric, case when n.number < 9.995 then 2 when n.number < 99.95 then 1 else 0 end))::text,
      ' of ' order by n.nth)
    from (
      select u.value / 1000.0 ^ (unit - 1) as number, u.nth
      from unnest(array[bytes, whole]) with ordinality as u (value, nth)
      where u.value is not null
    ) as n) || ' ' || units[unit];
end
$$;

grant execute on function pra.size_text to pra_submit, pra_worker, pra_read;

comment on function pra.size_text is
'Writes a number of bytes with a unit of powers of 1000, such as 252 GB; with whole, such as 31 of 252 GB, in the unit
of the whole.';
