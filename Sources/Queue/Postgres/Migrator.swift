/// Brings the schema of a database to the one this program knows: numbered files of structure that are
/// missing, then all current files of functions and views where one of them differs
/// (migrations/README.md).
package struct Migrator {
  package struct Applied: Sendable, Equatable {
    package let version: Int
    package let name: String
    /// Hexadecimal.
    package let sha256: String
  }

  package enum State: Sendable, Equatable {
    /// The schema is the one this program was built for.
    case current(version: Int)
    /// Some numbered files are missing; 0 is an empty database.
    case behind(version: Int, known: Int)
    /// The structure is this program's, the text of these current files is not.
    case outdated(files: [String])
    /// Somebody with a newer program has migrated it.
    case newer(version: Int, known: Int)
    /// A numbered file was applied with another text than this program's.
    case altered(name: String)
  }

  let connection: Connection

  /// The session must be allowed to create roles and schemas to migrate; any role may ask the state.
  package init(_ connection: Connection) { self.connection = connection }

  /// The numbered files that were applied, in order.
  package func applied() throws(PostgresError) -> [Applied] {
    let exists = try connection.query(
      "select to_regclass('pra.schema_versions') is not null as exists"
    ).single().boolean("exists")
    guard exists else { return [] }
    var applied: [Applied] = []
    for row in try connection.query(
      "select version, name, sha256 from pra.schema_versions order by version")
    {
      applied.append(
        Applied(
          version: Int(try row.integer("version")), name: try row.string("name"),
          sha256: try row.string("sha256")))
    }
    return applied
  }

  package func state() throws(PostgresError) -> State {
    let all = try applied()
    let newest = Migration.known.last?.version ?? 0
    if let last = all.last, last.version > newest {
      return .newer(version: last.version, known: newest)
    }
    let steps = all.filter { DevelopmentSteps.versions.contains($0.version) }
    if let last = steps.last, !DevelopmentSteps.areKnown(steps) { return .altered(name: last.name) }
    let applied = all.filter { !DevelopmentSteps.versions.contains($0.version) }
    for (migration, done) in zip(Migration.known, applied) {
      guard migration.sha256 == done.sha256, migration.version == done.version else {
        return .altered(name: done.name)
      }
    }
    let version = all.last?.version ?? 0
    guard version == newest else { return .behind(version: version, known: newest) }
    let files = try changedFiles()
    return files.isEmpty ? .current(version: version) : .outdated(files: files)
  }

  /// Paths of current files whose text is not the one applied last, and of those applied that this
  /// program does not have.
  private func changedFiles() throws(PostgresError) -> [String] {
    var there: [String: String] = [:]
    for row in try connection.query("select path, sha256 from pra.schema_files") {
      there[try row.string("path")] = try row.string("sha256")
    }
    var changed: [String] = []
    for file in CurrentFile.known where there.removeValue(forKey: file.path) != file.sha256 {
      changed.append(file.path)
    }
    return changed + there.keys.sorted()
  }

  /// The use that a program makes of the database: it reads, or it submits and works.
  package enum Use: Sendable { case read, work }

  /// Throws unless the schema is current, or a newer one that admits this program; says what to do. Programs call it
  /// before anything else.
  /// - Returns: whether the schema is this program's
  @discardableResult
  package func verify(for use: Use = .work) throws(PostgresError) -> Bool {
    let state = try state()
    if case .outdated(let files) = state {
      throw SchemaMismatch.error(
        "the database has other functions or views than this program: \(files[0])"
          + (files.count > 1 ? " and \(files.count - 1) more" : ""),
        hint: "Run `pra migrate`.")
    }
    try verifyStructure(state, for: use)
    if case .newer = state { return false }
    return true
  }

  /// Throws unless the numbered files are this program's, or of a newer schema that admits it. A running worker asks for
  /// no more: a change of a function that the version before could not work with is a numbered file.
  package func verifyStructure(for use: Use = .work) throws(PostgresError) {
    try verifyStructure(try state(), for: use)
  }

  /// Throws if the schema no longer admits this program to work: one short question, for workers that run.
  package func verifyWork() throws(PostgresError) {
    let known = Migration.known.last?.version ?? 0
    if let from = try lowest(.work), from > known {
      throw Self.tooOld(version: try applied().last?.version ?? from, known: known, .work, from)
    }
  }

  /// The version of the schema that a program must know for a use; nil if the schema does not say.
  private func lowest(_ use: Use) throws(PostgresError) -> Int? {
    let exists = try connection.query(
      "select to_regclass('pra.compatibility') is not null as exists"
    ).single().boolean("exists")
    guard exists else { return nil }
    let row = try connection.query("select reads_from, works_from from pra.compatibility").single()
    return Int(try row.integer(use == .read ? "reads_from" : "works_from"))
  }

  private static func tooOld(version: Int, known: Int, _ use: Use, _ from: Int?) -> PostgresError {
    let admits = from.map {
      ", and it admits programs from \($0) on to \(use == .read ? "read" : "work")"
    }
    return SchemaMismatch.error(
      "the schema is at \(version), this program knows \(known) at most\(admits ?? "")",
      hint: "Upgrade this program.")
  }

  private func verifyStructure(_ state: State, for use: Use) throws(PostgresError) {
    switch state {
    case .current, .outdated: return
    case .behind(let version, let known):
      throw SchemaMismatch.error(
        version == 0
          ? "the database has no schema of ours" : "the schema is at \(version), not \(known)",
        hint: "Run `pra migrate`.")
    case .newer(let version, let known):
      let from = try lowest(use)
      if let from, from <= known { return }
      throw Self.tooOld(version: version, known: known, use, from)
    case .altered(let name):
      throw SchemaMismatch.error(
        "migration \(name) was applied with another text than this program's",
        hint:
          "It was made by a development version, which reads it still; a database for this program "
          + "is another one.")
    }
  }

  /// A line for each function, view, trigger or table that is not as the current files made it: changed by
  /// hand, dropped or added. Empty unless the state is `current`.
  package func differences() throws(PostgresError) -> [String] {
    guard case .current = try state() else { return [] }
    return try SchemaObjects(connection: connection).differences()
  }
}

package enum SchemaMismatch {
  /// object_not_in_prerequisite_state
  package static let sqlState = "55000"

  static func error(_ message: String, hint: String) -> PostgresError {
    PostgresError(.refused, sqlState: sqlState, message: message, hint: hint)
  }
}
