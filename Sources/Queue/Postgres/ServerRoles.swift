/// The roles of ops/roles/README.md on a server, which shares them among its databases.
package struct ServerRoles {
  let connection: Connection

  package init(_ connection: Connection) { self.connection = connection }

  /// Makes the roles that are missing, and lets the session's login act as each: roles that an
  /// administrator has made beforehand are used as they are.
  ///
  /// From PostgreSQL 16 on who makes a role without being a superuser is a member of it that may
  /// grant it, but may neither act as it nor inherit its rights.
  func prepare() throws(PostgresError) {
    try connection.run("reset role")
    for role in DatabaseRole.allCases {
      do {
        try connection.run(
          """
          do $$
          begin
            if to_regrole('\(role.rawValue)') is null then
              create role \(role.rawValue) nologin;
            end if;
          -- Another database of the server is being migrated at the same moment.
          exception when duplicate_object or unique_violation then null;
          end
          $$
          """)
        guard try !canAct(as: role) else { continue }
        let options = try version() >= 160_000 ? " with set true, inherit true" : ""
        try connection.run("grant \(role.rawValue) to current_user\(options)")
      } catch  where error.sqlState == "42501" || error.sqlState == "0LP01" {
        throw PostgresError(
          error.kind, sqlState: error.sqlState, message: "role \(role.rawValue): \(error.message)",
          hint: Self.administration)
      }
    }
  }

  /// Lets a login act as the owner, where it may: one that does not inherit its roles' rights sees
  /// nothing of the schema by itself. A superuser stays what it is.
  package func actAsOwner() throws(PostgresError) {
    try connection.query(
      """
      select set_config('role', 'pra_owner', false)
      from pg_roles
      where rolname = session_user and not rolsuper
        and pg_has_role(session_user, to_regrole('pra_owner'), '\(try setPrivilege())')
      """)
  }

  /// Throws if the schema belongs to another role, as after a restore into a server without ours.
  func checkOwner() throws(PostgresError) {
    if let fault = try ownerFault() {
      throw SchemaMismatch.error(fault.found, hint: fault.remedy)
    }
  }

  package struct Fault: Sendable, Equatable {
    package let found: String
    package let remedy: String
  }

  /// Faults of roles, of their rights on the schemas, and of the session's login.
  package func faults() throws(PostgresError) -> [Fault] {
    var missing: [String] = []
    for role in DatabaseRole.allCases where try !exists(role) { missing.append(role.rawValue) }
    guard missing.isEmpty else {
      return [
        Fault(
          found: "this server has no \(missing.joined(separator: ", "))", remedy: Self.restoration)
      ]
    }
    if let fault = try ownerFault() { return [fault] }
    var faults: [Fault] = []
    for role in DatabaseRole.allCases where role != .owner {
      let may = try connection.query(
        "select has_schema_privilege($1, 'pra', 'usage') as may", [.text(role.rawValue)]
      ).single().boolean("may")
      if !may {
        faults.append(
          Fault(
            found: "\(role.rawValue) has no right on schema pra",
            remedy: "grant usage on schema pra to \(role.rawValue), as pra_owner; then pra migrate")
        )
      }
    }
    var able = 0
    for role in DatabaseRole.allCases where try canAct(as: role) { able += 1 }
    if able == 0 {
      let login = try connection.query("select session_user as login").single().string("login")
      faults.append(
        Fault(
          found: "the login \(login) is a member of none of our roles",
          remedy: "grant pra_read, pra_submit or pra_worker to it (ops/roles/README.md)"))
    }
    return faults
  }

  /// The text of a numbered file without the first one's part that makes roles, which `prepare` has
  /// done: it asks for the right to create them even where they are there.
  static func withoutRoles(_ migration: Migration) -> String {
    guard migration.version == 1, let start = migration.sql.firstRange(of: "do $$\n"),
      let end = migration.sql.firstRange(of: "\n$$;\n")
    else { return migration.sql }
    return String(migration.sql[..<start.lowerBound] + migration.sql[end.upperBound...])
  }

  // MARK: details

  private static let administration: String = {
    let names = DatabaseRole.allCases.map(\.rawValue)
    return "An administrator must say: "
      + names.map { "create role \($0) nologin; " }.joined()
      + "grant \(names.joined(separator: ", ")) to the login that migrates"
  }()

  private static let restoration = """
    copy the roles first (pg_dumpall --roles-only from the old server), or make them by `pra migrate` in \
    an empty database of this server; then restore the dump into a new database: this one, which was \
    restored without them, lacks owners and rights
    """

  private func ownerFault() throws(PostgresError) -> Fault? {
    let row = try connection.query(
      """
      select string_agg(format('%s belongs to %s', n.nspname, pg_get_userbyid(n.nspowner)), ', '
        order by n.nspname) as found
      from pg_namespace as n
      where n.nspname in ('pra', 'pra_store') and pg_get_userbyid(n.nspowner) <> 'pra_owner'
      """
    ).single()
    return try row.text("found").map {
      Fault(found: "schema \($0), not to pra_owner", remedy: Self.restoration)
    }
  }

  private func exists(_ role: DatabaseRole) throws(PostgresError) -> Bool {
    try connection.query(
      "select to_regrole($1) is not null as there", [.text(role.rawValue)]
    ).single().boolean("there")
  }

  /// Whether the session's login may `set role`.
  private func canAct(as role: DatabaseRole) throws(PostgresError) -> Bool {
    try connection.query(
      "select pg_has_role(session_user, $1, '\(try setPrivilege())') as may",
      [.text(role.rawValue)]
    ).single().boolean("may")
  }

  /// The name of that privilege: until PostgreSQL 15 every member had it.
  private func setPrivilege() throws(PostgresError) -> String {
    try version() >= 160_000 ? "SET" : "MEMBER"
  }

  private func version() throws(PostgresError) -> Int {
    Int(
      try connection.query("select current_setting('server_version_num')::int as number").single()
        .integer("number"))
  }
}
