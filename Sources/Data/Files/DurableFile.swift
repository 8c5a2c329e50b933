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
///
/// A path that leads to a device, a pipe or a socket, or `-` for standard output, gets the whole bytes
/// at `commit` (`OutputTarget`); until then they lie in a file without a name.
package final class DurableFile {
  /// The path as it was given, for messages.
  package let path: String
  private let target: OutputTarget
  /// The file that is written; nil where it has no name.
  private let temporary: String?
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
    target = try OutputTarget(path)
    switch target {
    case .file(let file, _):
      let partial = "\(file).\(getpid()).partial"
      temporary = partial
      descriptor = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0o666)
    case .device, .socket, .descriptor:
      temporary = nil
      let folder = getenv("TMPDIR").map { String(cString: $0) } ?? ""
      var template = Array("\(folder.isEmpty ? "/tmp" : folder)/pra-output-XXXXXX".utf8CString)
      descriptor = mkstemp(&template)
      if descriptor >= 0 {
        unlink(&template)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
      }
    }
    writer = DirectWriter(descriptor: descriptor)
    guard descriptor >= 0 else { throw FileError(path, "be created", code: errno) }
  }

  deinit {
    if descriptor >= 0 { close(descriptor) }
    if !isCommitted, let temporary { unlink(temporary) }
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
        throw FileError(path, "be written", code: errno)
      }
    }
  }

  /// Syncs the file, renames it, then syncs the folder; or copies it to what is no file.
  /// - Throws: `FileError`
  package func commit() throws {
    try writing { (writer) throws(SystemCallError) in try writer.flush() }
    guard case .file(let file, let mode) = target, let temporary else {
      return try copy()
    }
    // A file that a person has closed to others stays closed.
    if let mode, fchmod(descriptor, mode) != 0 {
      throw FileError(path, "be given its mode", code: errno)
    }
    guard fsync(descriptor) == 0 else { throw FileError(path, "be synced", code: errno) }
    finishDigest()
    close(descriptor)
    descriptor = -1
    guard rename(temporary, file) == 0 else { throw FileError(path, "be renamed to", code: errno) }
    isCommitted = true
    let folder = file.lastIndex(of: "/").map { String(file[...$0]) } ?? "."
    let handle = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard handle >= 0 else { throw FileError(folder, "be opened", code: errno) }
    defer { close(handle) }
    guard fsync(handle) == 0 else { throw FileError(folder, "be synced", code: errno) }
  }

  private func finishDigest() {
    if let hash = hash.take() { digest = FileDigest(sha256: hash.hexadecimal(), size: size) }
  }

  /// Copies the bytes to a device, a pipe, a socket or a descriptor.
  private func copy() throws {
    let output = try target.open(called: path)
    defer { close(output) }
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    var done: off_t = 0
    while true {
      let count = pread(descriptor, &buffer, buffer.count, done)
      guard count >= 0 else { throw FileError(path, "be written", code: errno) }
      if count == 0 { break }
      if let code = writeWhole(buffer[..<count], to: output) {
        throw FileError(path, "be written", code: code)
      }
      done += off_t(count)
    }
    finishDigest()
    isCommitted = true
  }

  private func writing(_ body: (inout DirectWriter) throws(SystemCallError) -> Void) throws {
    do {
      try body(&writer)
    } catch {
      throw FileError(path, "be written", code: error.code)
    }
  }
}

/// Writes all bytes to a descriptor, also to one that does not block.
/// - Returns: the `errno` of a write that failed
package func writeWhole(_ bytes: ArraySlice<UInt8>, to descriptor: Int32) -> Int32? {
  var rest = bytes
  while !rest.isEmpty {
    let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    if count > 0 {
      rest = rest.dropFirst(count)
    } else if count == 0 {
      return ENOSPC
    } else if errno == EAGAIN {
      var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
      _ = poll(&ready, 1, -1)
    } else if errno != EINTR {
      return errno
    }
  }
  return nil
}
