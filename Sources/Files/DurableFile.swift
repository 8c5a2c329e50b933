// Files that are either whole and on disk, or not there.

import Glibc

/// A file being written under a temporary name in its folder. `commit` makes it durable and gives
/// it its name in one step; without it nothing remains.
package final class DurableFile {
  package let path: String
  private let temporary: String
  private var descriptor: Int32
  private var isCommitted = false

  /// - Throws: `FileError`
  package init(_ path: String) throws {
    self.path = path
    temporary = "\(path).\(getpid()).partial"
    descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw FileError(temporary, "be created", code: errno) }
  }

  deinit {
    if descriptor >= 0 { close(descriptor) }
    if !isCommitted { unlink(temporary) }
  }

  /// Appends bytes.
  /// - Throws: `FileError`, as when the disk is full
  package func write(_ bytes: UnsafeRawBufferPointer) throws {
    var rest = bytes
    while !rest.isEmpty {
      let written = Glibc.write(descriptor, rest.baseAddress, rest.count)
      if written < 0 {
        if errno == EINTR { continue }
        throw FileError(temporary, "be written", code: errno)
      }
      rest = UnsafeRawBufferPointer(rebasing: rest[written...])
    }
  }

  package func write(_ bytes: [UInt8]) throws {
    try bytes.withUnsafeBytes { try write($0) }
  }

  /// Replaces bytes written before, as a header whose content is known at the end.
  /// - Throws: `FileError`
  package func overwrite(_ bytes: [UInt8], at offset: Int) throws {
    try bytes.withUnsafeBytes {
      guard pwrite(descriptor, $0.baseAddress, $0.count, off_t(offset)) == $0.count else {
        throw FileError(temporary, "be written", code: errno)
      }
    }
  }

  /// Data to disk, then the name, then the folder's entry to disk.
  /// - Throws: `FileError`
  package func commit() throws {
    guard fsync(descriptor) == 0 else { throw FileError(temporary, "be synced", code: errno) }
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
}
