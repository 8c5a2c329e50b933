/// The logins of the private server: one for each of our roles, which has that role's rights and no
/// others. Its superuser `pra` migrates; a session that only reads, submits or works is not one that a
/// query could turn into the superuser again.
package enum PrivateLogin {
  package static func name(for role: DatabaseRole) -> String {
    switch role {
    case .owner: "pra"
    case .read: "pra_reader"
    case .submit: "pra_submitter"
    case .worker: "pra_agent"
    }
  }

  /// Makes those that are missing, in a migrated database; for a session of the superuser.
  package static func make(_ connection: Connection) throws(PostgresError) {
    for role in DatabaseRole.allCases where role != .owner {
      let login = name(for: role)
      let isRight = try connection.query(
        """
        select exists (
          select from pg_roles as r
          where r.rolname = $1 and r.rolcanlogin and not r.rolsuper
            and pg_has_role(r.oid, to_regrole($2), 'member')) as ok
        """, [.text(login), .text(role == .submit ? "pra_operator" : role.rawValue)]
      ).single().boolean("ok")
      if isRight { continue }
      // One person has it: the submitter operates, too.
      let roles = role == .submit ? "\(role.rawValue), pra_operator" : role.rawValue
      // Another call may be making it at the same moment.
      try connection.run(
        """
        do $$
        begin
          create role \(login) login;
        exception when duplicate_object or unique_violation then null;
        end
        $$;
        grant \(roles) to \(login)
        """)
    }
  }
}
