// The room that the tables take on the disk, as `pra gc` tells it.

import Files
import Postgres

/// The room that the database takes.
struct DatabaseSize {
  let bytes: Int64
  /// Bytes of pages that hold nothing, as far as the server knows.
  let unused: Int64
  /// Bytes of the log of writes; nil for a login that may not look.
  let log: Int64?

  /// - Parameter isWhole: writes every table anew, so that nothing is unused
  init(afterVacuum isWhole: Bool, _ connection: Connection) throws {
    for row in try connection.query(isWhole ? Queries.tablesWithRoom : Queries.tablesChanged) {
      let table = try row.string("name")
      try connection.run("vacuum (\(isWhole ? "full, " : "")analyze) \(table)")
    }
    let row = try connection.query(Queries.databaseSize).single()
    (bytes, unused) = (try row.integer("bytes"), try row.integer("unused"))
    log =
      try connection.query(Queries.mayReadLog).single().boolean("may")
      ? connection.query(Queries.logSize).single().integer("bytes") : nil
  }

  var sentence: String {
    "the database takes \(ByteCount.words(bytes))"
      + (unused > bytes / 20
        ? ", of which \(ByteCount.words(unused)) are free for new rows; pra gc --compact gives them back to the disk"
        : "")
      + (log.map {
        "; the log of its writes takes \(ByteCount.words($0)) besides, which the server frees or writes over after its next "
          + "checkpoints"
      }
        ?? "; the log of its writes (WAL) takes room besides, which the server frees or writes over after its next checkpoints")
  }
}
