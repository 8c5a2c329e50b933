// Writes one artifact to the place that the database tells, or looks whether it is there.

import JobQueue
import Postgres

extension ArtifactStore {
  /// - Returns: false if the store was believed to have the bytes and has not
  mutating func putOnce(
    _ artifact: Artifact, owner: ArtifactOwner, adopting path: String?,
    open: () throws -> () throws -> [UInt8]
  ) throws -> Bool {
    let attempt = owner.parameters
    let isAttempt = !attempt.isEmpty
    let sha256 = Parameter.text(artifact.sha256)
    let place = try connection.run { connection in
      try Place(
        try connection.query(
          isAttempt ? Queries.beginObject : Queries.beginSubmittedObject,
          attempt + [sha256, .integer(artifact.size)]
        ).single())
    }
    guard let location = place.location, let store = place.store, let number = place.number else {
      if place.has { return true }
      try DatabaseStore(owner: owner).put(artifact, next: try open(), over: &connection)
      return true
    }
    var objects = try StoreLocation.open(
      location, environment: environment, patience: patience)
    if place.has {
      let isThere = try patience.run {
        if try objects.holds(place.object, size: artifact.size) { return true }
        if try place.isMarked && objects.mark() == nil { throw OwnedStore.away(location) }
        return false
      }
      if isThere { return true }
      let copy = StoredCopy(
        sha256: artifact.sha256, size: artifact.size, upload: nil, chunks: 0, store: store,
        location: location, object: place.object, number: number, isCertain: false,
        isMarked: place.isMarked)
      try doubt(copy, "its object is missing, or of another size")
      return false
    }
    var multipart: String?
    try patience.run {
      try place.owned?.prove(&objects)
      if let path, try objects.adopt(artifact, as: place.object, file: path) { return }
      try objects.put(artifact, as: place.object, next: try open()) { upload in
        multipart = upload
        try connection.run {
          try $0.query(
            isAttempt ? Queries.noteUpload : Queries.noteSubmittedUpload,
            attempt + [.integer(store), sha256, .integer(number), .text(upload)])
        }
      }
    }
    try connection.run {
      try $0.query(
        isAttempt ? Queries.commitObject : Queries.commitSubmittedObject,
        attempt + [
          .integer(store), sha256, .integer(artifact.size), .text(artifact.mediaType),
          .integer(number), .optional(multipart) { .text($0) },
        ])
    }
    return true
  }

  /// A place to write to, or where the bytes lie (`pra.begin_object`).
  private struct Place {
    let has: Bool
    let store: Int64?
    let location: String?
    let object: String
    let number: Int64?
    let isMarked: Bool
    /// Nil where nothing is to be written.
    let owned: OwnedStore?

    init(_ row: Row) throws {
      has = try row.boolean("has")
      store = try row.optionalInteger("store")
      location = try row.text("location")
      object = try row.text("object") ?? ""
      number = try row.optionalInteger("copy")
      isMarked = try row.text("is_marked") == "t"
      owned = try row.text("database") == nil ? nil : OwnedStore(row)
    }
  }
}
