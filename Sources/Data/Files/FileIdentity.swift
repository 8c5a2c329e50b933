// The numbers that tell a file from another, and from itself before it was changed.

import Glibc

/// The numbers by which the system knows a file, and its times. As long as they are equal so are the bytes:
/// whoever writes to a file moves its times, of which a program cannot set that of the last change.
package struct FileIdentity: Hashable, Sendable {
  private let device: UInt
  private let inode: UInt
  package let size: Int64
  private let modified: Time
  private let changed: Time

  private struct Time: Hashable {
    let seconds: Int
    let nanoseconds: Int

    init(_ time: timespec) { (seconds, nanoseconds) = (time.tv_sec, time.tv_nsec) }
  }

  /// Follows links.
  /// - Throws: `FileError`
  package init(_ path: String) throws {
    var status = stat()
    guard stat(path, &status) == 0 else { throw FileError(path, "be read", code: errno) }
    device = UInt(status.st_dev)
    inode = UInt(status.st_ino)
    size = Int64(status.st_size)
    (modified, changed) = (Time(status.st_mtim), Time(status.st_ctim))
  }

  /// All numbers in one line.
  package var text: String {
    "\(device) \(inode) \(size) \(modified.seconds).\(modified.nanoseconds) "
      + "\(changed.seconds).\(changed.nanoseconds)"
  }

  /// Whether the last change is so long ago that another would move the times: the system's clock for files
  /// goes in steps.
  package var isSettled: Bool {
    max(changed.seconds, modified.seconds) + Self.step < time(nil)
  }

  /// Seconds of the coarsest step, that of old network file systems.
  private static let step = 2
}
