// Reads artifacts from wherever they lie, checks every byte, and tells the database what it found.

import Digest
import Glibc
import JobQueue
import Postgres

extension ArtifactStore {
  /// Reads the bytes in order. While their copies are in doubt the first right one is taken.
  /// - Parameter open: called before each reading; returns what takes its pieces
  /// - Throws: `DamagedArtifact` if no copy reads
  mutating func read(
    sha256: String, into open: () throws -> ([UInt8]) throws -> Void
  ) throws {
    var seen: [StoredCopy] = []
    var damage: DamagedArtifact?
    // A copy that fails makes the database tell the others.
    while let copy = try copies(of: sha256).first(where: { !seen.contains($0.asSeen) }) {
      seen.append(copy.asSeen)
      do {
        try readAgain(copy, into: open)
      } catch let error as DamagedArtifact {
        damage = damage ?? error
        try doubt(copy, error.description)
        continue
      }
      if !copy.isCertain { try confirm(copy) }
      return
    }
    if let damage {
      throw DamagedArtifact(
        description: "\(damage); `pra store verify` tells what it belongs to and how it comes back",
        isMissing: damage.isMissing)
    }
    let row = try connection.run { try $0.query(Queries.artifact, [.text(sha256)]).first }
    guard let row else { throw StoreError("there is no artifact \(sha256)") }
    throw DamagedArtifact(
      description: "artifact \(sha256) is lost: \(try row.text("suspicion") ?? "it lies nowhere")")
  }

  mutating func copies(of sha256: String) throws -> [StoredCopy] {
    try connection.run { connection in
      try connection.query(Queries.copies, [.text(sha256)]).map { row in
        StoredCopy(
          sha256: sha256, size: try row.integer("size"),
          upload: try row.optionalInteger("upload"), chunks: try row.integer("chunks"),
          store: try row.optionalInteger("store"), location: try row.text("location"),
          object: try row.text("object") ?? "", number: try row.optionalInteger("copy"),
          isCertain: try row.boolean("certain"), isMarked: try row.text("mark") != nil)
      }
    }
  }

  /// Reads what does not match its name once more from the start before it is called damaged: it may
  /// have been spoilt on its way.
  private mutating func readAgain(
    _ copy: StoredCopy, into open: () throws -> ([UInt8]) throws -> Void
  ) throws {
    do {
      try patience.run { try readOnce(copy, into: open) }
    } catch let error as DamagedArtifact where !error.isMissing {
      try patience.run { try readOnce(copy, into: open) }
    }
  }

  private mutating func readOnce(
    _ copy: StoredCopy, into open: () throws -> ([UInt8]) throws -> Void
  ) throws {
    let sha256 = copy.sha256
    func damaged(_ what: String) -> DamagedArtifact {
      DamagedArtifact(description: "artifact \(sha256) is damaged: \(what)")
    }
    let consume = try open()
    let digest = try BackgroundDigest()
    var size: Int64 = 0
    func take(_ piece: [UInt8]) throws {
      digest.update(piece)
      size += Int64(piece.count)
      guard size <= copy.size else { throw damaged("more than \(copy.size) bytes") }
      try consume(piece)
    }
    do {
      if let location = copy.location {
        var store = try StoreLocation.open(
          location, environment: environment, patience: patience)
        do {
          try store.read(copy.object, size: copy.size, into: take)
        } catch is MissingObject where copy.isMarked {
          // A store that is not mounted has lost nothing.
          if try store.mark() == nil { throw OwnedStore.away(location) }
          try store.read(copy.object, size: copy.size, into: take)
        }
      } else {
        try DatabaseStore.read(copy, over: &connection, into: take)
      }
    } catch let error as MissingObject {
      throw DamagedArtifact(
        description: "artifact \(sha256) is missing: there is no \(error.place)", isMissing: true)
    }
    guard size == copy.size else { throw damaged("\(size) bytes instead of \(copy.size)") }
    let name = digest.hexadecimal()
    guard name == sha256 else { throw damaged("the SHA-256 of its bytes is \(name)") }
  }

  /// Tells the database that a copy is damaged or missing, so that whoever has the bytes stores them
  /// again. A login without that right does not: it stays with the reader's error.
  mutating func doubt(_ copy: StoredCopy, _ reason: String) throws {
    let attempt = reader.parameters
    let statement = attempt.isEmpty ? Queries.submitDoubt : Queries.doubt
    let parameters = attempt + copy.parameters + [.text(reason)]
    do {
      if var doubting {
        defer { doubting.close() }
        try doubting.attempt { try $0.query(statement, parameters) }
      } else {
        try connection.run { try $0.query(statement, parameters) }
      }
    } catch let error as PostgresError where ["42501", "25006"].contains(error.sqlState) {}
  }

  /// Tells the database that a copy is right, if this reader's word counts.
  private mutating func confirm(_ copy: StoredCopy) throws {
    let attempt = reader.parameters
    switch reader {
    case .attempt:
      try connection.run { try $0.query(Queries.confirm, attempt + copy.parameters) }
    case .administrator:
      try connection.run { try $0.query(Queries.confirmStored, copy.parameters) }
    case .submitter: break
    }
  }
}

extension StoredCopy {
  /// The fields that tell it from other copies.
  fileprivate var asSeen: StoredCopy {
    StoredCopy(
      sha256: sha256, size: 0, upload: upload, chunks: 0, store: store, location: nil, object: "",
      number: number, isCertain: false, isMarked: false)
  }
}
