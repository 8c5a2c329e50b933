// The text of a run file or of a file of arguments, which may be a pipe.

import Glibc
import Synchronization

/// Reads such files: regular ones each time anew, pipes and devices once.
package enum RunFileBytes {
  /// Texts of pipes: a sweep reads its file for every run, and a pipe gives its bytes once.
  private static let pipes = Mutex<[String: [UInt8]]>([:])
  /// Larger than any run file.
  private static let mostBytes = 64 << 20

  /// - Throws: `ConfigurationError`
  package static func text(_ path: String) throws -> String {
    guard let text = String(validating: try bytes(path), as: UTF8.self) else {
      throw ConfigurationError("\(path): is not UTF-8 text")
    }
    return text
  }

  private static func bytes(_ path: String) throws -> [UInt8] {
    if let known = pipes.withLock({ $0[path] }) { return known }
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw ConfigurationError(
        errno == ENOENT
          ? "\(path): there is no such file"
          : "\(path): cannot be read: \(String(cString: strerror(errno)))")
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT != S_IFDIR else {
      throw ConfigurationError("\(path): is a folder; expected a file")
    }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = Glibc.read(descriptor, &piece, piece.count)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else {
        throw ConfigurationError("\(path): cannot be read: \(String(cString: strerror(errno)))")
      }
      guard count > 0 else { break }
      bytes += piece[..<count]
      guard bytes.count <= mostBytes else {
        throw ConfigurationError("\(path): has more than \(mostBytes >> 20) MiB")
      }
    }
    if status.st_mode & S_IFMT != S_IFREG {
      pipes.withLock { $0[path] = bytes }
    }
    return bytes
  }
}
