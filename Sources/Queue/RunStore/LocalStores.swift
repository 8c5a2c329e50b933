// The stores in folders of this machine itself, from which nothing need be fetched.

import Postgres

package enum LocalStores {
  /// The locations of stores that lie on file systems of this machine.
  package static func locations(_ connection: Connection) throws -> [String] {
    try connection.query(Queries.folderStores).compactMap { row -> String? in
      let location = try row.string("location")
      var store = try FileStore(location)
      // A folder of the same name may be another one.
      guard !FileSystem.isRemote(store.root), let text = try? store.mark(),
        let mark = try? StoreMark(parsing: text, of: location),
        mark.store == (try row.text("mark"))
      else { return nil }
      return location
    }
  }
}
