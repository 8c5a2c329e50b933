/// The functions, views, triggers and tables of the schemas `pra` and `pra_store`, each as a digest of its
/// definition, owner, grants and comments. The migrator records them after it has executed the current
/// files, so that a later change by hand can be named.
struct SchemaObjects {
  let connection: Connection

  /// Replaces the recorded digests by those of the objects that are there.
  /// - Parameter tables: whether tables are recorded as well: they are made by numbered files, and without
  ///   one a change of them was made by hand
  func record(tables: Bool) throws(PostgresError) {
    let recorded = tables ? "true" : "object not like 'table %'"
    try connection.run("delete from pra_store.schema_objects where \(recorded)")
    try connection.query(
      """
      insert into pra_store.schema_objects (object, sha256, server_version)
      select o.object, sha256(convert_to(o.definition, 'UTF8')),
        current_setting('server_version_num')::integer / 10000
      from (\(Self.present)) as o
      where \(recorded)
      """)
  }

  /// Whether the definitions were recorded under another major version of the server, which may write
  /// the same definition differently.
  func areOfAnotherServer() throws(PostgresError) -> Bool {
    try connection.query(
      """
      select exists (
        select from pra.schema_objects
        where server_version <> current_setting('server_version_num')::integer / 10000) as other
      """
    ).single().boolean("other")
  }

  /// A line for each object that was changed, dropped or added since the current files were executed.
  func differences() throws(PostgresError) -> [String] {
    if try areOfAnotherServer() {
      return ["the objects were recorded under another major version of PostgreSQL"]
    }
    var lines: [String] = []
    for row in try connection.query(
      """
      select coalesce(r.object, o.object) || case
          when o.object is null then ' is not there'
          when r.object is null then ' stands in no file'
          else ' is not as its file says'
        end as line
      from pra.schema_objects as r
      full join (\(Self.present)) as o on o.object = r.object
      where r.sha256 is distinct from encode(sha256(convert_to(o.definition, 'UTF8')), 'hex')
      order by 1
      """)
    {
      lines.append(try row.string("line"))
    }
    return lines
  }

  /// Names are written with their schema, since `regprocedure` omits it where the search path has it.
  private static let present = """
    select format('function %s.%s(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid))
        as object,
      concat_ws(E'\\n', pg_get_functiondef(p.oid), pg_get_userbyid(p.proowner), (
          select string_agg(
            format('%s %s', case a.grantee when 0 then 'public' else pg_get_userbyid(a.grantee) end,
              a.privilege_type), ', ' order by a.grantee::regrole::text, a.privilege_type)
          from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a),
        obj_description(p.oid, 'pg_proc')) as definition
    from pg_proc as p
    join pg_namespace as n on n.oid = p.pronamespace
    where n.nspname in ('pra', 'pra_store') and p.prokind in ('f', 'p')
    union all
    select format('%s %s.%s', case c.relkind when 'v' then 'view' else 'table' end, n.nspname, c.relname),
      concat_ws(E'\\n',
        case c.relkind when 'v' then pg_get_viewdef(c.oid) end, c.reloptions::text,
        pg_get_userbyid(c.relowner), (
          select string_agg(
            format('%s %s', case a.grantee when 0 then 'public' else pg_get_userbyid(a.grantee) end,
              a.privilege_type), ', ' order by a.grantee::regrole::text, a.privilege_type)
          from aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) as a),
        obj_description(c.oid, 'pg_class'), (
          select string_agg(
            concat_ws(' ', t.attname, format_type(t.atttypid, t.atttypmod), t.attnotnull, t.attacl,
              col_description(c.oid, t.attnum)), E'\\n' order by t.attnum)
          from pg_attribute as t where t.attrelid = c.oid and t.attnum > 0 and not t.attisdropped))
    from pg_class as c
    join pg_namespace as n on n.oid = c.relnamespace
    where n.nspname in ('pra', 'pra_store') and c.relkind in ('v', 'r', 'p') and not c.relispartition
    union all
    select format('trigger %s on %s.%s', t.tgname, n.nspname, c.relname), pg_get_triggerdef(t.oid)
    from pg_trigger as t
    join pg_class as c on c.oid = t.tgrelid
    join pg_namespace as n on n.oid = c.relnamespace
    where n.nspname in ('pra', 'pra_store') and not t.tgisinternal and not c.relispartition
    """
}
