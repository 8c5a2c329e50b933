// Parts of artifacts, for pieces that have digests of their own, such as the images of a packed set.

import Glibc
import JobQueue
import Postgres

/// Reads pieces of artifacts without the rest of them. The caller checks each piece: the SHA-256 of the whole says
/// nothing of a part. Pieces that follow one another are read together, and so are those that a caller has announced.
package struct ArtifactRanges {
  private var store: ArtifactStore
  private var places: [String: Place] = [:]
  private var window: Window?
  private var expected = ExpectedPieces()
  private let buckets: BucketConnections

  private struct Place {
    let copy: StoredCopy
    var objects: (any ObjectStore)?
  }

  private struct Window {
    let sha256: String
    let start: Int64
    let bytes: [UInt8]
    var end: Int64 { start + Int64(bytes.count) }
  }

  /// The most bytes that are read together.
  private static let longest: Int64 = 4 << 20

  package init(_ store: ArtifactStore) {
    self.store = store
    buckets = BucketConnections(environment: store.environment, patience: store.patience)
  }

  /// Announces what will be read, in this order: near pieces of an artifact are read together, those of a bucket side
  /// by side.
  package mutating func expect(_ pieces: [ArtifactPiece]) { expected.expect(pieces) }

  /// The bytes of a piece.
  /// - Parameter isRight: tells whether they are those that were written. A piece that is not is read once
  ///   more before the artifact is called damaged
  /// - Throws: `DamagedArtifact` if it is missing, shorter, or wrong twice
  package mutating func bytes(
    of sha256: String, from start: Int64, count: Int, isRight: ([UInt8]) -> Bool
  ) throws -> [UInt8] {
    for isLast in [false, true] {
      let piece = try read(sha256, from: start, count: Int64(count))
      if piece.count == count && isRight(piece) { return piece }
      window = nil
      expected.forget(sha256)
      if isLast {
        let damage = DamagedArtifact(
          description:
            "artifact \(sha256) is damaged: bytes \(start) to \(start + Int64(count) - 1) are not those "
            + "that were written")
        try store.doubt(places[sha256]!.copy, damage.description)
        throw damage
      }
    }
    preconditionFailure("the loop returns or throws")
  }

  // MARK: details

  private mutating func read(_ sha256: String, from start: Int64, count: Int64) throws -> [UInt8] {
    let piece = ArtifactPiece(sha256: sha256, start: start, count: count)
    if let spans = expected.begin(piece) { try readAhead(spans) }
    if let bytes = expected.bytes(of: piece) { return bytes }
    if let span = expected.span(of: piece) {
      expected.add(try fetch(sha256, from: span.start, count: span.count), of: span)
      if let bytes = expected.bytes(of: piece) { return bytes }
    }
    if let window, window.sha256 == sha256, window.start <= start, start + count <= window.end {
      let first = Int(start - window.start)
      return Array(window.bytes[first..<first + Int(count)])
    }
    // Twice as much as before where a piece follows the last ones, and nothing more where it does not.
    var wanted = count
    if let window, window.sha256 == sha256, window.start < start, start <= window.end {
      wanted = max(count, min(Self.longest, 2 * Int64(window.bytes.count)))
    }
    let bytes = try fetch(sha256, from: start, count: wanted)
    window = Window(sha256: sha256, start: start, bytes: bytes)
    return Array(bytes.prefix(Int(count)))
  }

  /// Reads the spans that lie in buckets. What is missing there is named when it is asked for.
  private mutating func readAhead(_ spans: [ArtifactPiece]) throws {
    let unknown = Set(spans.map(\.sha256)).filter { places[$0] == nil }
    for (sha256, copies) in try store.copies(of: Array(unknown)) {
      places[sha256] = copies.first.map { Place(copy: $0) }
    }
    let remote = spans.compactMap { span in
      places[span.sha256].map { (span: span, copy: $0.copy) }
    }.filter { $0.copy.location?.hasPrefix("s3://") == true }
    guard remote.count > 1 else { return }
    try buckets.read(remote) { expected.add($1, of: $0) }
  }

  private mutating func fetch(_ sha256: String, from start: Int64, count: Int64) throws -> [UInt8] {
    if places[sha256] == nil {
      guard let copy = try store.copies(of: sha256).first else {
        throw DamagedArtifact(description: "artifact \(sha256) is lost, or there is none")
      }
      places[sha256] = Place(copy: copy)
    }
    let copy = places[sha256]!.copy
    let count = max(0, min(count, copy.size - start))
    guard let location = copy.location else {
      return try store.connection.run {
        try $0.bytes(
          Queries.artifactRange, [.text(sha256), .integer(start), .integer(count)]) ?? []
      }
    }
    if places[sha256]!.objects == nil {
      places[sha256]!.objects = try StoreLocation.open(
        location, environment: store.environment, patience: store.patience)
    }
    var objects = places[sha256]!.objects!
    do {
      return try store.patience.run {
        do {
          return try objects.read(copy.object, from: start, count: count)
        } catch let missing as MissingObject {
          // A store that is not mounted has lost nothing.
          if copy.isMarked, try objects.mark() == nil { throw OwnedStore.away(location) }
          throw missing
        }
      }
    } catch let missing as MissingObject {
      let damage = DamagedArtifact(
        description: "artifact \(sha256) is missing: there is no \(missing.place)", isMissing: true)
      try store.doubt(copy, damage.description)
      throw damage
    }
  }
}

extension FileStore {
  func read(_ object: String, from start: Int64, count: Int64) throws -> [UInt8] {
    let path = path(object)
    return try asked {
      guard access(path, F_OK) == 0 || errno != ENOENT else {
        guard access(root, F_OK) == 0 else { throw away }
        throw MissingObject(place: path)
      }
      return try FileBytes(reading: path).read(from: start, count: Int(count))
    }
  }
}

extension BucketStore {
  func read(_ object: String, from start: Int64, count: Int64) throws -> [UInt8] {
    guard count > 0 else { return [] }
    var odd = 0
    while true {
      var bytes: [UInt8] = []
      var skipped: Int64 = 0
      let answer = try requests.once(
        "GET", url(object), headers: ["Range: bytes=\(start)-\(start + count - 1)"]
      ) { status, piece in
        // A server that knows no ranges sends everything from the beginning.
        let before = status == 206 ? 0 : Int(min(max(0, start - skipped), Int64(piece.count)))
        skipped += Int64(before)
        bytes += piece.dropFirst(before).prefix(Int(count) - bytes.count)
        return bytes.count < count
      }
      if bytes.count == count || answer.status == 416 {
        requests.succeeded()
        return bytes
      }
      if answer.status == 404, BucketRequests.element("Code", in: answer.text) != "NoSuchBucket" {
        throw MissingObject(place: url(object))
      }
      if [200, 206].contains(answer.status) {
        odd += 1
        if odd == Self.ends { return bytes }
        continue
      }
      try requests.afterFailure("GET", answer, odd: &odd)
    }
  }
}
