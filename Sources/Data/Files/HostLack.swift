// Errors that tell of something that the machine lacks, and not of the work that met them.

import FoundationEssentials
import Glibc

/// An error of a system call.
package protocol SystemFailure: Error {
  /// The `errno`; nil if another reason is described.
  var code: Int32? { get }
}

/// The error numbers of a lack.
package enum HostLack {
  /// No room, no quota, no file as large as wanted (`ulimit -f`), no descriptors, no memory, no disk that can be
  /// written or read: another machine, or this one later, may have them.
  private static let codes: Set<Int32> = [
    ENOSPC, EDQUOT, EFBIG, EMFILE, ENFILE, ENOMEM, EROFS, EIO, ENXIO, ENODEV,
  ]

  package static func contains(_ code: Int32) -> Bool { codes.contains(code) }
}

extension Error {
  /// Whether the error says that this machine lacks something.
  package var isHostLack: Bool {
    switch self {
    case let failure as any SystemFailure: failure.code.map(HostLack.contains) ?? false
    case let failure as CocoaError:
      [.fileWriteOutOfSpace, .fileWriteVolumeReadOnly].contains(failure.code)
    default: false
    }
  }
}
