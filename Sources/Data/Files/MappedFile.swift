// A file's bytes mapped into memory, which the system reads on demand.

import Glibc

/// A read-only mapping of a whole file. Sendable: neither the bytes nor the object change.
package final class MappedFile: @unchecked Sendable {
  package let path: String
  /// The bytes; valid while this object lives.
  package let bytes: UnsafeRawBufferPointer

  /// - Throws: `FileError`
  package init(_ path: String) throws {
    self.path = path
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw FileError(path, "be opened", code: errno) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw FileError(path, "be read", code: errno) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw FileError("\(path): is no regular file")
    }
    let size = Int(status.st_size)
    guard size > 0 else {
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    let start = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0)
    guard let start, start != MAP_FAILED else { throw FileError(path, "be mapped", code: errno) }
    bytes = UnsafeRawBufferPointer(start: start, count: size)
  }

  /// Tells the system whether the next reads are far from each other: it then reads no further than asked,
  /// where it would read 128 KiB at each (madvise(2), MADV_RANDOM).
  package func expectReads(atRandom: Bool) {
    guard let start = bytes.baseAddress else { return }
    madvise(
      UnsafeMutableRawPointer(mutating: start), bytes.count, atRandom ? MADV_RANDOM : MADV_NORMAL)
  }

  deinit {
    if let start = bytes.baseAddress {
      munmap(UnsafeMutableRawPointer(mutating: start), bytes.count)
    }
  }
}
