// The mark in a store: of which database it is, and which of that database's stores.

import FoundationEssentials
import JobQueue
import Postgres

/// The contents of a store's mark. It is written at the first use and compared at every later one, since
/// two databases that delete from one store would each delete what the other one keeps.
struct StoreMark: Equatable {
  /// The name of the object that holds it.
  static let name = "pra-store.json"

  /// The id of the database (`pra_store.identity`).
  let database: String
  /// The id of the store in that database.
  let store: String

  init(database: String, store: String) { (self.database, self.store) = (database, store) }

  /// - Returns: nil for a text that is no mark
  init?(parsing text: String) {
    guard let document = try? JSONDecoder().decode(Document.self, from: Data(text.utf8)) else {
      return nil
    }
    (database, store) = (document.database, document.store)
  }

  init(parsing text: String, of location: String) throws(StoreError) {
    guard let mark = Self(parsing: text) else {
      throw StoreError(
        "store \(location): its \(Self.name) is none that pra wrote; if no other database uses the store, "
          + "put there what `pra store` wrote, or choose another place")
    }
    self = mark
  }

  var text: String { "{\"database\": \"\(database)\", \"store\": \"\(store)\"}\n" }

  private struct Document: Decodable {
    let database: String
    let store: String
  }
}

/// A store of this database, as its row describes it.
struct OwnedStore {
  let location: String
  let mark: StoreMark
  /// Whether the mark is known to lie in the store.
  let isMarked: Bool

  init(_ row: Row) throws {
    location = try row.string("location")
    mark = StoreMark(database: try row.string("database"), store: try row.string("mark"))
    isMarked = try row.boolean("is_marked")
  }

  /// Makes sure that the store belongs to this database, before anything is written or deleted.
  /// The first use of a store writes its mark.
  /// - Throws: `StoreError` if it belongs to another, `StoreAway` if its mark has gone
  func prove(_ objects: inout any ObjectStore) throws {
    var found = try objects.mark()
    if found == nil {
      guard !isMarked else { throw Self.away(location) }
      if try !objects.write(mark: mark.text, replacing: false) { found = try objects.mark() }
    }
    guard let found else { return }
    let other = try StoreMark(parsing: found, of: location)
    guard other == mark else { throw refusal(other) }
  }

  static func away(_ location: String) -> StoreAway {
    StoreAway(
      "store \(location): its \(StoreMark.name) is not there: mount what belongs there; if it was "
        + "emptied, `pra store \(location)` begins it anew")
  }

  func refusal(_ other: StoreMark) -> StoreError {
    if other.database == mark.database {
      return StoreError(
        "store \(location): it is another store of this database under another name; `pra store` shows them"
      )
    }
    return StoreError(
      "store \(location): it belongs to another database (\(other.database); this one is "
        + "\(mark.database)); choose another place, or if this database takes the other's place, "
        + "`pra store \(location) --take-over`")
  }
}

extension ArtifactStore {
  /// Makes a place a store of this database and probes it.
  /// - Parameter takingOver: whether it may belong to another database, whose place this one takes
  /// - Returns: the store's id, for `pra.use_store`
  package mutating func claim(_ given: String, takingOver: Bool) throws -> String {
    // Errors name the location as it was given.
    _ = try StoreLocation.open(given, environment: environment, patience: patience)
    let (isKnown, store) = try connection.run { connection in
      let row = try connection.query(Queries.findStore, [.text(given)]).single()
      return (try row.text("id") != nil, try OwnedStore(row))
    }
    var objects = try StoreLocation.open(
      store.location, environment: environment, patience: patience)
    var mark = store.mark
    var found = try objects.mark()
    if found == nil {
      try objects.requireFree(isKnown: isKnown)
      if try !objects.write(mark: mark.text, replacing: false) { found = try objects.mark() }
    }
    if let text = found {
      let other = try StoreMark(parsing: text, of: store.location)
      if other.database == mark.database && other != mark {
        // Begun by a command that was killed, or forgotten since; unless it has another name here.
        let name = try connection.run {
          try $0.query(Queries.storeOfMark, [.text(other.store)]).first?.string("location")
        }
        if let name {
          throw StoreError("store \(given): it is the store \(name) under another name")
        }
        mark = other
      } else if other != mark {
        guard takingOver else { throw store.refusal(other) }
        _ = try objects.write(mark: mark.text, replacing: true)
      }
    }
    try probe(store.location)
    return mark.store
  }
}
