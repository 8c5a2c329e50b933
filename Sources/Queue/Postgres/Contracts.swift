import CMigrations

/// The contracts of the job kinds, which the database checks arguments against.
package struct Contracts {
  /// `workers/<kind>/contract.json` as of the program's build, by kind.
  package static let known: [(kind: String, json: String)] = {
    var count = 0
    let contracts = UnsafeBufferPointer(start: pra_contracts(&count), count: count)
    return contracts.map { contract in
      (
        String(cString: contract.kind),
        String(
          decoding: UnsafeBufferPointer(start: contract.json, count: contract.length),
          as: UTF8.self)
      )
    }
  }()

  /// Writes the contracts that differ; the session must be allowed to migrate.
  package static func write(to connection: Connection) throws(PostgresError) {
    try connection.query(
      """
      select pra.set_kind(c ->> 'kind', c -> 'arguments')
      from jsonb_array_elements($1::jsonb) as c
      """, [.text("[\(known.map(\.json).joined(separator: ","))]")])
  }
}
