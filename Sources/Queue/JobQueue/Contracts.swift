import Postgres

/// The types of jobs' arguments, from the program to the database, which checks them.
package enum Contracts {
  /// Writes those that differ; for a session that may migrate.
  /// - Parameter contracts: JSON objects with the keys `kind` and `arguments`
  package static func write(
    _ contracts: [String], to connection: Connection
  ) throws(PostgresError) {
    try connection.query(
      """
      select pra.set_kind(c ->> 'kind', c -> 'arguments')
      from jsonb_array_elements($1::jsonb) as c
      """, [.text("[\(contracts.joined(separator: ","))]")])
  }
}
