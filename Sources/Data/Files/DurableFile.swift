// Files that are either complete and on disk, or not there.

import Digest
import Glibc

/// Digest and size of a file's contents.
package struct FileDigest: Sendable, Equatable {
  /// 64 lower-case hexadecimal digits.
  package let sha256: String
  /// Bytes.
  package let size: Int64

  package init(sha256: String, size: Int64) {
    (self.sha256, self.size) = (sha256, size)
  }
}

/// A file being written under a temporary name in its folder. `commit` makes it durable and renames
/// it; without that nothing remains.
package final class DurableFile {
  package let path: String
  private let temporary: String
  private var descriptor: Int32
  private var writer: DirectWriter
  private var hash: SHA256?
  private var size: Int64 = 0
  private var isCommitted = false
  /// Known after `commit`, if the file is hashed.
  package private(set) var digest: FileDigest?

  /// - Parameter isHashed: whether the digest is computed during the writing; then nothing may be
  ///   overwritten
  /// - Throws: `FileError`
  package init(_ path: String, isHashed: Bool = false) throws {
    self.path = path
    if isHashed { hash = SHA256() }
    temporary = "\(path).\(getpid()).partial"
    descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    writer = DirectWriter(descriptor: descriptor)
    guard descriptor >= 0 else { throw FileError(temporary, "be created", code: errno) }
  }

  deinit {
    if descriptor >= 0 { close(descriptor) }
    if !isCommitted { unlink(temporary) }
  }

  /// Appends bytes.
  /// - Throws: `FileError`, as when the disk is full
  package func write(_ bytes: UnsafeRawBufferPointer) throws {
    hash?.update(bytes)
    size += Int64(bytes.count)
    try writing { (writer) throws(SystemCallError) in try writer.write(bytes) }
  }

  package func write(_ bytes: [UInt8]) throws {
    try bytes.withUnsafeBytes { try write($0) }
  }

  /// Replaces bytes written before, such as a header whose contents are known only at the end.
  /// - Throws: `FileError`
  package func overwrite(_ bytes: [UInt8], at offset: Int) throws {
    precondition(hash == nil, "DurableFile: hashed bytes cannot be overwritten")
    try writing { (writer) throws(SystemCallError) in try writer.flush() }
    try bytes.withUnsafeBytes {
      guard pwrite(descriptor, $0.baseAddress, $0.count, off_t(offset)) == $0.count else {
        throw FileError(temporary, "be written", code: errno)
      }
    }
  }

  /// Syncs the file, renames it, then syncs the folder.
  /// - Throws: `FileError`
  package func commit() throws {
    try writing { (writer) throws(SystemCallError) in try writer.flush() }
    guard fsync(descriptor) == 0 else { throw FileError(temporary, "be synced", code: errno) }
    if let hash = hash.take() { digest = FileDigest(sha256: hash.hexadecimal(), size: size) }
    close(descriptor)
    descriptor = -1
    guard rename(temporary, path) == 0 else { throw FileError(path, "be renamed to", code: errno) }
    isCommitted = true
    let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
    let handle = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard handle >= 0 else { throw FileError(folder, "be opened", code: errno) }
    defer { close(handle) }
    guard fsync(handle) == 0 else { throw FileError(folder, "be synced", code: errno) }
  }

  private func writing(_ body: (inout DirectWriter) throws(SystemCallError) -> Void) throws {
    do {
      try body(&writer)
    } catch {
      throw FileError(temporary, "be written", code: error.code)
    }
  }
}
