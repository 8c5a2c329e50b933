// Writes long files, bypassing the page cache.

import Glibc

/// A system call's `errno`.
package struct SystemCallError: Error {
  package let code: Int32
}

/// Appends to a new file in pieces of 4 MiB that go directly to the disk if the file system allows
/// it (open(2), O_DIRECT): copying them to the page cache would take the CPU longer than the disk
/// needs, and would evict other programs' pages. An incomplete piece is written as usual.
package struct DirectWriter: ~Copyable {
  package static let pieceSize = 4 << 20
  /// Alignment that the disk may require of addresses, sizes and offsets.
  private static let alignment = 4096

  /// The file's descriptor; closed by the code that opened it.
  private let descriptor: Int32
  private let piece: UnsafeMutableRawBufferPointer
  private var filled = 0
  private var goesDirect = true

  package init(descriptor: Int32) {
    self.descriptor = descriptor
    piece = .allocate(byteCount: Self.pieceSize, alignment: Self.alignment)
  }

  deinit { piece.deallocate() }

  package mutating func write(_ bytes: UnsafeRawBufferPointer) throws(SystemCallError) {
    var rest = bytes
    while !rest.isEmpty {
      let count = min(rest.count, piece.count - filled)
      UnsafeMutableRawBufferPointer(rebasing: piece[filled..<filled + count])
        .copyMemory(from: UnsafeRawBufferPointer(rebasing: rest[..<count]))
      filled += count
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      if filled == piece.count { try writePiece() }
    }
  }

  package mutating func write(_ bytes: [UInt8]) throws(SystemCallError) {
    var failure: SystemCallError?
    bytes.withUnsafeBytes { (bytes) -> Void in
      do throws(SystemCallError) { try write(bytes) } catch { failure = error }
    }
    if let failure { throw failure }
  }

  /// Writes the incomplete piece. Later bytes go through the page cache.
  package mutating func flush() throws(SystemCallError) {
    setDirect(false)
    goesDirect = false
    try put(0)
    filled = 0
  }

  /// Waits until everything is on disk.
  package mutating func sync() throws(SystemCallError) {
    try flush()
    guard fsync(descriptor) == 0 else { throw SystemCallError(code: errno) }
  }

  private mutating func writePiece() throws(SystemCallError) {
    var done = 0
    if goesDirect {
      goesDirect = setDirect(true)
      while goesDirect && done < filled {
        let count = Glibc.write(descriptor, piece.baseAddress! + done, filled - done)
        if count < 0 && errno == EINTR { continue }
        if count < 0 && errno != EINVAL { throw SystemCallError(code: errno) }
        done += max(0, count)
        // The file system does not support it, or the write ended between two blocks.
        if count <= 0 || done % Self.alignment != 0 { goesDirect = setDirect(false) && false }
      }
    }
    try put(done)
    filled = 0
  }

  /// Writes the piece from an offset on.
  private func put(_ start: Int) throws(SystemCallError) {
    var done = start
    while done < filled {
      let count = Glibc.write(descriptor, piece.baseAddress! + done, filled - done)
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw SystemCallError(code: count == 0 ? ENOSPC : errno) }
      done += count
    }
  }

  /// - Returns: whether the mode could be set
  @discardableResult
  private func setDirect(_ wanted: Bool) -> Bool {
    let flags = fcntl(descriptor, F_GETFL)
    guard flags >= 0 else { return false }
    return fcntl(descriptor, F_SETFL, wanted ? flags | __O_DIRECT : flags & ~__O_DIRECT) == 0
  }
}
