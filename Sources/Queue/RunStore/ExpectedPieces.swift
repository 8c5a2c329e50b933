// Pieces of artifacts that will be read, so that those of a bucket are read together and side by side.

import Threads

/// A part of an artifact: bytes from `start` on.
package struct ArtifactPiece: Hashable, Sendable {
  package let sha256: String
  package let start: Int64
  package let count: Int64

  package init(sha256: String, start: Int64, count: Int64) {
    (self.sha256, self.start, self.count) = (sha256, start, count)
  }

  var end: Int64 { start + count }

  fileprivate func holds(_ other: ArtifactPiece) -> Bool {
    sha256 == other.sha256 && start <= other.start && other.end <= end
  }
}

/// The pieces that a caller has announced, and what has been read of them.
///
/// They are taken in groups of some megabytes, in the order in which they will be asked for. Within a group near pieces of
/// an artifact are one span, which is one request.
struct ExpectedPieces {
  private var pieces: [ArtifactPiece] = []
  private var numbers: [ArtifactPiece: Int] = [:]
  private var group = 0..<0
  private var spans: [ArtifactPiece] = []
  private var windows: [String: [(span: ArtifactPiece, bytes: [UInt8])]] = [:]

  /// A request takes longer than this many bytes do.
  private static let gap: Int64 = 64 << 10
  private static let longestSpan: Int64 = 4 << 20
  /// Bytes of the pieces of a group. With small pieces and gaps it takes some twenty times as much memory.
  private static let groupSize: Int64 = 4 << 20

  mutating func expect(_ pieces: [ArtifactPiece]) {
    self = ExpectedPieces()
    self.pieces = pieces
    numbers = Dictionary(zip(pieces, pieces.indices)) { first, _ in first }
  }

  /// The bytes of a piece that lies in what has been read.
  func bytes(of piece: ArtifactPiece) -> [UInt8]? {
    guard let window = windows[piece.sha256]?.first(where: { $0.span.holds(piece) }),
      piece.end <= window.span.start + Int64(window.bytes.count)
    else { return nil }
    let first = Int(piece.start - window.span.start)
    return Array(window.bytes[first..<first + Int(piece.count)])
  }

  mutating func add(_ bytes: [UInt8], of span: ArtifactPiece) {
    windows[span.sha256, default: []].append((span, bytes))
  }

  /// Begins the group of a piece that has been announced.
  /// - Returns: its spans; nil for another piece, or one of the group that is read already
  mutating func begin(_ piece: ArtifactPiece) -> [ArtifactPiece]? {
    guard let number = numbers[piece], !group.contains(number) else { return nil }
    var (end, size) = (number, Int64(0))
    while end < pieces.count, end == number || size + pieces[end].count <= Self.groupSize {
      size += pieces[end].count
      end += 1
    }
    (group, windows, spans) = (number..<end, [:], [])
    let sorted = pieces[group].sorted { ($0.sha256, $0.start) < ($1.sha256, $1.start) }
    for piece in sorted {
      if let last = spans.last, last.sha256 == piece.sha256, piece.start - last.end <= Self.gap,
        max(last.end, piece.end) - last.start <= Self.longestSpan
      {
        spans[spans.count - 1] = ArtifactPiece(
          sha256: last.sha256, start: last.start, count: max(last.end, piece.end) - last.start)
      } else {
        spans.append(piece)
      }
    }
    return spans
  }

  /// The span of the group in which a piece lies.
  func span(of piece: ArtifactPiece) -> ArtifactPiece? { spans.first { $0.holds(piece) } }

  /// Forgets an artifact that does not read as it was written: each piece is read by itself then.
  mutating func forget(_ sha256: String) {
    windows[sha256] = nil
    spans.removeAll { $0.sha256 == sha256 }
  }
}

/// Connections to buckets, for threads that read side by side. Sendable because a store is used by the thread alone that
/// has taken it.
final class BucketConnections: @unchecked Sendable {
  private let idle = Monitor<[String: [any ObjectStore]]>([:])
  private let environment: [String: String]
  private let patience: StorePatience

  /// Requests at a time: more wait for each other at a usual connection.
  private static let most = 8

  init(environment: [String: String], patience: StorePatience) {
    (self.environment, self.patience) = (environment, patience)
  }

  /// Reads spans, several at a time.
  /// - Parameter took: gets the bytes of each; none where its object is missing
  func read(
    _ spans: [(span: ArtifactPiece, copy: StoredCopy)],
    took: (ArtifactPiece, [UInt8]) -> Void
  ) throws {
    try OrderedWork.run(0..<spans.count, threads: min(Self.most, spans.count)) { [self] i in
      Result { try self.read(spans[i].span, of: spans[i].copy) }
    } consume: { i, result in
      if let bytes = try result.get() { took(spans[i].span, bytes) }
    }
  }

  private func read(_ span: ArtifactPiece, of copy: StoredCopy) throws -> [UInt8]? {
    let location = copy.location!
    var objects =
      try idle.update { $0[location]?.popLast() }
      ?? StoreLocation.open(location, environment: environment, patience: patience)
    defer { idle.update { $0[location, default: []].append(objects) } }
    do {
      return try objects.read(
        copy.object, from: span.start, count: max(0, min(span.count, copy.size - span.start)))
    } catch is MissingObject {
      return nil
    }
  }
}
