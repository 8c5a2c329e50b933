/// The functions, views, triggers and tables of the schemas `pra` and `pra_store`, each as a digest of its
/// definition, owner, grants and comments. The migrator records them after it has executed the current
/// files, so that a later change by hand can be named.
struct SchemaObjects {
  let connection: Connection

  /// Replaces the recorded digests by those of the objects that this transaction has written: an object that
  /// no file made is not recorded as right.
  /// - Parameter tables: whether tables and schemas are recorded as well, whoever wrote them: they are made by
  ///   numbered files, and without one a change of them was made by hand
  func record(tables: Bool) throws(PostgresError) {
    try connection.run(
      "delete from pra_store.schema_objects where \(tables ? "true" : "object !~ '\(Self.structure)'")"
    )
    try connection.query(
      """
      insert into pra_store.schema_objects (object, sha256, server_version)
      select o.object, sha256(convert_to(o.definition, 'UTF8')),
        current_setting('server_version_num')::integer / 10000
      from (\(Self.present)) as o
      where case when o.object ~ '\(Self.structure)' then \(tables)
        else o.xmin = pg_current_xact_id()::xid end
      """)
  }

  /// The objects that numbered files make, as a regular expression.
  private static let structure = "^(table|sequence|schema) "

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

  /// Names are written with their schema, since `regprocedure` omits it where the search path has it. Members
  /// of extensions are left out.
  private static let present = """
    select format('function %s.%s(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid))
        as object,
      concat_ws(E'\\n', case when p.prokind in ('f', 'p') then pg_get_functiondef(p.oid) end,
        pg_get_userbyid(p.proowner), (\(rights("coalesce(p.proacl, acldefault('f', p.proowner))"))),
        obj_description(p.oid, 'pg_proc')) as definition,
      p.xmin
    from pg_proc as p
    join pg_namespace as n on n.oid = p.pronamespace
    where n.nspname in ('pra', 'pra_store') and not exists (
      select from pg_depend as d
      where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
    union all
    select format('%s %s.%s', case c.relkind when 'v' then 'view' when 'm' then 'view' when 'S' then 'sequence'
        else 'table' end, n.nspname, c.relname),
      concat_ws(E'\\n',
        case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid) end, c.reloptions::text,
        pg_get_userbyid(c.relowner),
        (\(rights("coalesce(c.relacl, acldefault(case c.relkind when 'S' then 's' else 'r' end::\"char\", c.relowner))"))),
        obj_description(c.oid, 'pg_class'), c.relrowsecurity, c.relforcerowsecurity, (
          select string_agg(
            concat_ws(' ', t.attname, format_type(t.atttypid, t.atttypmod), t.attnotnull, t.attacl,
              pg_get_expr(f.adbin, f.adrelid), col_description(c.oid, t.attnum)), E'\\n' order by t.attnum)
          from pg_attribute as t
          left join pg_attrdef as f on f.adrelid = t.attrelid and f.adnum = t.attnum
          where t.attrelid = c.oid and t.attnum > 0 and not t.attisdropped), (
          select string_agg(k.conname || ' ' || pg_get_constraintdef(k.oid), E'\\n' order by k.conname)
          from pg_constraint as k where k.conrelid = c.oid and k.contype <> 't'), (
          select string_agg(pg_get_indexdef(i.indexrelid), E'\\n' order by i.indexrelid::regclass::text)
          from pg_index as i where i.indrelid = c.oid), (
          select string_agg(pg_get_ruledef(r.oid), E'\\n' order by r.rulename)
          from pg_rewrite as r where r.ev_class = c.oid and r.rulename <> '_RETURN')),
      c.xmin
    from pg_class as c
    join pg_namespace as n on n.oid = c.relnamespace
    where n.nspname in ('pra', 'pra_store') and c.relkind in ('v', 'm', 'r', 'p', 'f', 'S')
      and not c.relispartition and not exists (
        select from pg_depend as d
        where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
    union all
    select format('trigger %s on %s.%s', t.tgname, n.nspname, c.relname),
      concat_ws(E'\\n', pg_get_triggerdef(t.oid), t.tgenabled, obj_description(t.oid, 'pg_trigger')), t.xmin
    from pg_trigger as t
    join pg_class as c on c.oid = t.tgrelid
    join pg_namespace as n on n.oid = c.relnamespace
    where n.nspname in ('pra', 'pra_store') and not t.tgisinternal and not c.relispartition
    union all
    select format('schema %s', n.nspname),
      concat_ws(E'\\n', pg_get_userbyid(n.nspowner),
        (\(rights("coalesce(n.nspacl, acldefault('n', n.nspowner))"))), obj_description(n.oid, 'pg_namespace')),
      n.xmin
    from pg_namespace as n
    where n.nspname in ('pra', 'pra_store')
    """

  /// An access list as a text that does not depend on the order in which rights were given.
  private static func rights(_ list: String) -> String {
    """
    select string_agg(
      concat_ws(' ', case a.grantee when 0 then 'public' else pg_get_userbyid(a.grantee) end,
        a.privilege_type, a.is_grantable), ', ' order by a.grantee::regrole::text, a.privilege_type)
    from aclexplode(\(list)) as a
    """
  }
}
