// Reads everything that the stores hold, and names what is missing or damaged.

import JobQueue
import Postgres

/// An artifact whose bytes are damaged, missing or lost.
package struct SuspectArtifact: Sendable {
  package struct Use: Sendable {
    package let run: Int64?
    package let runName: String?
    package let job: Int64
    package let kind: String
    /// `input`, `output NAME`, `image N`, or the file of a checkpoint.
    package let what: String
  }

  package let sha256: String
  package let size: Int64
  package let location: String
  package let reason: String
  package let uses: [Use]

  /// The way in which the bytes come back.
  package var remedy: String {
    if uses.isEmpty { return "nothing needs it; `pra gc` deletes it" }
    if uses.contains(where: { $0.what.hasPrefix("input") }) {
      return "give the file again: `pra run`, or `pra enqueue --file`, stores it anew"
    }
    let makers = Set(uses.map(\.job)).sorted().map(String.init).joined(separator: ", ")
    let again =
      "the work of job \(makers) done again (`pra run` of the same file) makes the same bytes, which are "
      + "stored anew"
    return uses.allSatisfy { $0.what.contains("checkpoint") }
      ? "a job that goes on takes its newest checkpoint that reads; \(again)" : again
  }
}

/// The outcome of a verification.
package struct Verification: Sendable {
  package var artifacts: Int64 = 0
  package var bytes: Int64 = 0
  package var suspects: [SuspectArtifact] = []
  /// Objects of which the database knows nothing, as those that were stored after the backup it was restored from: their
  /// stores, names and bytes.
  package var superfluous: [(location: String, name: String, size: Int64)] = []
  /// Locations of stores that could not be asked, with the reasons.
  package var away: [(location: String, reason: String)] = []
}

extension ArtifactStore {
  /// Reads every artifact in every store. What is right counts for everybody afterwards, and what is
  /// damaged is stored again by whoever has the bytes; nothing is deleted.
  package mutating func verify() throws -> Verification {
    var result = Verification()
    var after = ""
    while let row = try connection.run({ try $0.query(Queries.checkInline, [.text(after)]).first })
    {
      after = try row.string("sha256")
      result.artifacts += try row.integer("number")
    }
    let stored = try connection.run {
      try $0.query(Queries.storedOutside).map {
        (
          sha256: try $0.string("sha256"), size: try $0.integer("size"),
          location: try $0.text("location") ?? "database"
        )
      }
    }
    for (sha256, size, location) in stored where !result.away.contains(where: { $0.0 == location })
    {
      do {
        try read(sha256: sha256, into: HashSink())
        result.bytes += size
      } catch is DamagedArtifact {
        // The database knows it now.
      } catch let error where error is StoreAway || error is StoreError {
        result.away.append((location, "\(error)"))
        continue
      }
      result.artifacts += 1
    }
    result.suspects = try suspects()
    try findSuperfluous(&result)
    return result
  }

  private mutating func findSuperfluous(_ result: inout Verification) throws {
    let locations = try connection.run {
      try $0.query(Queries.stores).map { try $0.string("location") }
    }
    for location in locations where !result.away.contains(where: { $0.location == location }) {
      do {
        try StoreLocation.open(location, environment: environment, patience: patience).list {
          found in
          let unknown = try connection.run {
            try $0.query(Queries.unknownObjects, [.text(location), .texts(found.map(\.name))]).map {
              try $0.string("name")
            }
          }
          for object in found where unknown.contains(object.name) {
            result.superfluous.append((location, object.name, object.size))
          }
        }
      } catch let error where error is StoreAway || error is StoreError {
        result.away.append((location, "\(error)"))
      }
    }
  }

  private mutating func suspects() throws -> [SuspectArtifact] {
    try connection.run { connection in
      try connection.query(Queries.suspects).map { row in
        let sha256 = try row.string("sha256")
        let uses = try connection.query(Queries.uses, [.text(sha256)]).map {
          SuspectArtifact.Use(
            run: try $0.optionalInteger("run"), runName: try $0.text("name"),
            job: try $0.integer("job"), kind: try $0.string("kind"), what: try $0.string("use"))
        }
        return SuspectArtifact(
          sha256: sha256, size: try row.integer("size"), location: try row.string("location"),
          reason: try row.text("suspicion") ?? "", uses: uses)
      }
    }
  }
}
