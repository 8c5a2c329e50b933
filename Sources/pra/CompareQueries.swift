// Queries of `pra compare`.

extension Queries {
  /// The leaves of the stored configurations; `config.` may be left out, as in --set.
  static let comparedSettings = """
    with recursive setting (run_id, name, value) as (
      select r.id, c.key, c.value
      from pra.runs as r
      cross join jsonb_each(
        (r.configuration - 'config') || coalesce(r.configuration -> 'config', '{}')) as c
      where r.id = any ($1::bigint[])
      union all
      select s.run_id, s.name || '.' || c.key, c.value
      from setting as s
      cross join jsonb_each(case jsonb_typeof(s.value) when 'object' then s.value else '{}' end) as c
    )
    select name, run_id, value::text as value, null as better
    from setting
    where jsonb_typeof(value) <> 'object'
    union all
    select 'code', id, to_json(code_version)::text, null from pra.runs where id = any ($1::bigint[])
    union all
    select 'data', id, to_json(left(data_fingerprint, 12))::text, null
    from pra.runs where id = any ($1::bigint[])
    order by 1, 2
    """
}
