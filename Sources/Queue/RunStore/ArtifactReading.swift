// Reads artifacts from wherever they lie, checks every byte, and tells the database what it found.

import Digest
import Glibc
import JobQueue
import Postgres

extension ArtifactStore {
  /// Reads the bytes in order. While their copies are in doubt the first right one is taken.
  /// - Throws: `DamagedArtifact` if no copy reads
  mutating func read(sha256: String, into sink: any ArtifactSink) throws {
    var seen: [StoredCopy] = []
    var damage: DamagedArtifact?
    // A copy that fails makes the database tell the others.
    while let copy = try copies(of: sha256).first(where: { !seen.contains($0.asSeen) }) {
      seen.append(copy.asSeen)
      do {
        try readAgain(copy, into: sink)
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
    try copies(of: [sha256])[sha256] ?? []
  }

  /// The copies of artifacts, the best of each first.
  mutating func copies(of artifacts: [String]) throws -> [String: [StoredCopy]] {
    guard !artifacts.isEmpty else { return [:] }
    return try connection.run { connection in
      let copies = try connection.query(Queries.copies, [.texts(artifacts)]).map { row in
        StoredCopy(
          sha256: try row.string("sha256"), size: try row.integer("size"),
          upload: try row.optionalInteger("upload"), chunks: try row.integer("chunks"),
          store: try row.optionalInteger("store"), location: try row.text("location"),
          object: try row.text("object") ?? "", number: try row.optionalInteger("copy"),
          isCertain: try row.boolean("certain"), isMarked: try row.text("mark") != nil)
      }
      return Dictionary(grouping: copies, by: \.sha256)
    }
  }

  /// Reads what does not match its name once more from the start before it is called damaged: it may
  /// have been spoilt on its way.
  private mutating func readAgain(_ copy: StoredCopy, into sink: any ArtifactSink) throws {
    do {
      if try patience.run({ try readOnce(copy, into: sink) }) { return }
      // The part that was there before this reading may be what is wrong.
      try patience.run { _ = try readOnce(copy, into: sink) }
    } catch let error as DamagedArtifact where !error.isMissing {
      try patience.run { _ = try readOnce(copy, into: sink) }
    }
  }

  /// - Returns: false if the bytes are not the right ones, and some of them were there before
  private mutating func readOnce(_ copy: StoredCopy, into sink: any ArtifactSink) throws -> Bool {
    let sha256 = copy.sha256
    func damaged(_ what: String) -> DamagedArtifact {
      DamagedArtifact(description: "artifact \(sha256) is damaged: \(what)")
    }
    var store: (any ObjectStore)?
    if let location = copy.location {
      store = try StoreLocation.open(location, environment: environment, patience: patience)
    }
    try sink.begin(from: store?.file(of: copy.object))
    let start = sink.count
    let meter = CopyMeter(watch, .fetching, total: copy.size)
    func take(_ piece: [UInt8]) throws {
      guard sink.count + Int64(piece.count) <= copy.size else {
        throw damaged("more than \(copy.size) bytes")
      }
      try sink.take(piece)
      try meter.moved(to: sink.count)
    }
    do {
      if start < copy.size {
        try readFrom(start, of: copy, in: &store, take)
      }
      guard sink.count == copy.size else {
        throw damaged("\(sink.count) bytes instead of \(copy.size)")
      }
      let name = try sink.sha256()
      guard name == sha256 else { throw damaged("the SHA-256 of its bytes is \(name)") }
    } catch let error as DamagedArtifact where !error.isMissing {
      try sink.restart()
      if start > 0 { return false }
      throw error
    }
    return true
  }

  private mutating func readFrom(
    _ start: Int64, of copy: StoredCopy, in store: inout (any ObjectStore)?,
    _ take: ([UInt8]) throws -> Void
  ) throws {
    do {
      guard store != nil else {
        return try DatabaseStore.read(copy, from: start, over: &connection, into: take)
      }
      do {
        try store!.read(copy.object, from: start, size: copy.size, into: take)
      } catch is MissingObject where copy.isMarked {
        // A store that is not mounted has lost nothing.
        if try store!.mark() == nil { throw OwnedStore.away(copy.location ?? "") }
        try store!.read(copy.object, from: start, size: copy.size, into: take)
      }
    } catch let error as MissingObject {
      throw DamagedArtifact(
        description: "artifact \(copy.sha256) is missing: there is no \(error.place)",
        isMissing: true)
    } catch let error as StoreAway {
      // A stop ends a request of which nothing comes, as it ends one between two pieces.
      if watch.isStopped() { throw CopyStopped() }
      throw error
    }
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
