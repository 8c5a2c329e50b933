// The places where the bytes of an artifact arrive, and what they keep when a reading breaks off.

import Glibc

/// Takes the bytes of one artifact in order. A reading that broke off goes on behind those that it has.
protocol ArtifactSink: AnyObject {
  /// Bytes so far.
  var count: Int64 { get }

  /// Called before each reading.
  /// - Parameter file: the file of this machine that is read; nil where the bytes come from elsewhere
  func begin(from file: String?) throws

  func take(_ piece: [UInt8]) throws

  /// The SHA-256 of all bytes; nothing may be taken afterwards, unless after `restart`.
  func sha256() throws -> String

  /// Forgets all bytes, since they are not the right ones.
  func restart() throws
}

/// Bytes in memory.
final class MemorySink: ArtifactSink {
  private(set) var bytes: [UInt8] = []
  private var digest: BackgroundDigest?

  var count: Int64 { Int64(bytes.count) }

  func begin(from file: String?) throws { if digest == nil { digest = try BackgroundDigest() } }

  func take(_ piece: [UInt8]) {
    digest!.update(piece)
    bytes += piece
  }

  func sha256() -> String { digest!.hexadecimal() }

  func restart() { (bytes, digest) = ([], nil) }
}

/// Bytes that are hashed and not kept.
class HashSink: ArtifactSink {
  private var digest: BackgroundDigest?
  private(set) var count: Int64 = 0

  func begin(from file: String?) throws { if digest == nil { digest = try BackgroundDigest() } }

  func take(_ piece: [UInt8]) throws {
    digest!.update(piece)
    count += Int64(piece.count)
  }

  func sha256() -> String { digest!.hexadecimal() }

  func restart() throws { (digest, count) = (nil, 0) }
}

/// Bytes in a file that gets its name when they are complete and correct.
class PartialFile: HashSink {
  let path: String
  private let name: String
  private let mode: mode_t
  private let meter: CopyMeter?
  private var file: OpenFile?

  private final class OpenFile {
    let bytes: FileBytes

    init(_ bytes: consuming FileBytes) { self.bytes = bytes }
  }

  /// - Parameters:
  ///   - path: of a file that an earlier reading may have begun
  ///   - name: what messages call it, if not its path
  ///   - mode: permissions of a new file, by default for its owner alone
  ///   - meter: told of the bytes that are there already, as they are hashed
  init(
    _ path: String, called name: String? = nil, mode: mode_t = 0o600, meter: CopyMeter? = nil
  ) {
    (self.path, self.name, self.mode, self.meter) = (path, name ?? path, mode, meter)
  }

  override func begin(from file: String?) throws {
    try super.begin(from: file)
    guard self.file == nil else { return }
    let opened = try FileBytes(continuing: path, called: name, mode: mode)
    var ring = PieceRing()
    while true {
      let piece = try ring.read(opened)
      if piece.isEmpty { break }
      try super.take(piece)
      try meter?.moved(to: count)
    }
    self.file = OpenFile(opened)
  }

  override func take(_ piece: [UInt8]) throws {
    try file!.bytes.write(piece)
    try super.take(piece)
  }

  override func restart() throws {
    try super.restart()
    try file?.bytes.truncate()
  }

  /// Makes the file durable.
  func sync() throws(StoreError) { try file!.bytes.sync() }
}
