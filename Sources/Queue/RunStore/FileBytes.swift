// Files as the store needs them: reads and writes without short counts, errors that name the file.

import Files
import Glibc

/// An open file; closed with its owner.
struct FileBytes: ~Copyable {
  private let descriptor: Int32
  let path: String

  init(reading path: String) throws(StoreError) {
    descriptor = open(path, O_RDONLY | O_CLOEXEC)
    self.path = path
    guard descriptor >= 0 else { throw Self.failure("open", path) }
  }

  /// Creates a file that must not exist yet; only its owner can read it.
  init(creating path: String) throws(StoreError) {
    descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    self.path = path
    guard descriptor >= 0 else { throw Self.failure("create", path) }
  }

  /// Opens a file for reading and appending, or creates it.
  /// - Parameters:
  ///   - name: what messages call it, if not its path
  ///   - mode: permissions of a new file, of which the umask takes some away
  init(continuing path: String, called name: String? = nil, mode: mode_t) throws(StoreError) {
    descriptor = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, mode)
    self.path = name ?? path
    guard descriptor >= 0 else { throw Self.failure("create", self.path) }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  fileprivate var directWriter: DirectWriter { DirectWriter(descriptor: descriptor) }

  /// The size in bytes.
  func size() throws(StoreError) -> Int64 {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw Self.failure("look at", path) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw StoreError("\(path) is not a regular file")
    }
    return Int64(status.st_size)
  }

  /// Fills the buffer as far as the file goes; returns the number of bytes read.
  func read(into buffer: inout [UInt8]) throws(StoreError) -> Int {
    var filled = 0
    while filled < buffer.count {
      let count = buffer.withUnsafeMutableBytes {
        Glibc.read(descriptor, $0.baseAddress! + filled, $0.count - filled)
      }
      if count == 0 { break }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw Self.failure("read", path) }
      filled += count
    }
    return filled
  }

  /// Reads a part, which is shorter where the file ends.
  func read(from start: Int64, count: Int) throws(StoreError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var filled = 0
    while filled < count {
      let read = bytes.withUnsafeMutableBytes {
        pread(descriptor, $0.baseAddress! + filled, $0.count - filled, off_t(start) + filled)
      }
      if read == 0 { break }
      if read < 0 && errno == EINTR { continue }
      guard read > 0 else { throw Self.failure("read", path) }
      filled += read
    }
    return filled == count ? bytes : Array(bytes[..<filled])
  }

  func write(_ bytes: [UInt8]) throws(StoreError) {
    var written = 0
    while written < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.write(descriptor, $0.baseAddress! + written, $0.count - written)
      }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw Self.failure("write", path) }
      written += count
    }
  }

  /// Goes to a byte, from which the next call reads or writes.
  func seek(to position: Int64) throws(StoreError) {
    guard lseek(descriptor, off_t(position), SEEK_SET) >= 0 else {
      throw Self.failure("read", path)
    }
  }

  /// Makes the file empty.
  func truncate() throws(StoreError) {
    guard ftruncate(descriptor, 0) == 0 else { throw Self.failure("write", path) }
    try seek(to: 0)
  }

  /// Waits until the file is on disk.
  func sync() throws(StoreError) {
    guard fsync(descriptor) == 0 else { throw Self.failure("sync", path) }
  }

  static func failure(_ verb: String, _ path: String, _ code: Int32 = errno) -> StoreError {
    StoreError(
      "cannot \(verb) \(path): \(String(cString: strerror(code)))", code: code, path: path)
  }
}

/// A new file of the store; `sync` makes it durable. Its bytes bypass the page cache where that is
/// possible.
struct NewFile: ~Copyable {
  private let file: FileBytes
  private var writer: DirectWriter

  init(_ path: String) throws(StoreError) {
    file = try FileBytes(creating: path)
    writer = file.directWriter
  }

  mutating func write(_ bytes: [UInt8]) throws(StoreError) {
    do {
      try writer.write(bytes)
    } catch {
      throw FileBytes.failure("write", file.path, error.code)
    }
  }

  mutating func sync() throws(StoreError) {
    do {
      try writer.sync()
    } catch {
      throw FileBytes.failure("write", file.path, error.code)
    }
  }
}

/// A ring of buffers for the pieces of a file, used again because new memory must be cleared each
/// time.
struct PieceRing {
  /// More buffers than `BackgroundDigest` holds at once. A piece that is kept for longer becomes a
  /// copy.
  private var buffers = [[UInt8]](repeating: [], count: 2 * BackgroundDigest.most + 2)
  private var last = 0

  /// The next `Artifact.chunkSize` bytes, fewer where the file ends.
  mutating func read(_ file: borrowing FileBytes) throws(StoreError) -> [UInt8] {
    last = (last + 1) % buffers.count
    if buffers[last].isEmpty {
      buffers[last] = [UInt8](repeating: 0, count: Artifact.chunkSize)
    }
    let count = try file.read(into: &buffers[last])
    return count == Artifact.chunkSize ? buffers[last] : Array(buffers[last][..<count])
  }
}
