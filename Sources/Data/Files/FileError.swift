// Errors of files, in one sentence each.

import Glibc

/// A file that cannot be read or written: names it, what was found and what would be right.
package struct FileError: BadInput, SystemFailure, CustomStringConvertible, Equatable {
  package let description: String
  package let code: Int32?

  package init(_ description: String) { (self.description, code) = (description, nil) }

  /// A failed system call, with the system's message.
  package init(_ path: String, _ action: String, code: Int32) {
    self.code = code
    description = "\(path): cannot \(action): \(String(cString: strerror(code)))"
  }
}
