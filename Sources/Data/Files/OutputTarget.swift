// The place of an output that a person has named: a file, or something that is no file.

import Glibc

/// The place behind a path.
///
/// A file is replaced as a whole, at the end of a link if the path is one. A device, a pipe or a socket
/// is written to and stays what it is.
package enum OutputTarget: Equatable {
  /// A regular file, or none yet. `mode` is that of the file that is there.
  case file(path: String, mode: mode_t?)
  /// Something to open and write to.
  case device(path: String)
  /// A Unix socket that somebody listens on.
  case socket(path: String)
  /// An open descriptor of this process, such as standard output.
  case descriptor(Int32)

  /// Longest chain of links that is followed, as in path_resolution(7).
  private static let mostLinks = 40

  /// - Parameter path: `-` is standard output
  /// - Throws: `FileError` for a folder, and for a chain of links without an end
  package init(_ path: String) throws {
    if path == "-" {
      self = .descriptor(STDOUT_FILENO)
      return
    }
    guard !path.isEmpty else { throw FileError("'': expected the path of a file") }
    var place = path
    for _ in 0..<Self.mostLinks {
      // A number of its own would be another position in the file behind it.
      if let descriptor = Self.number(ofDescriptor: place) {
        self = .descriptor(descriptor)
        return
      }
      var status = stat()
      guard lstat(place, &status) == 0 else {
        guard errno == ENOENT else { throw FileError(path, "be written", code: errno) }
        self = .file(path: place, mode: nil)
        return
      }
      switch status.st_mode & S_IFMT {
      // A link of the kernel, whose text is no path: a descriptor of another process.
      case S_IFLNK where place.hasPrefix("/proc/"):
        self = .device(path: place)
        return
      case S_IFLNK: place = try Self.resolved(place, of: path)
      case S_IFREG:
        self = .file(path: place, mode: status.st_mode & 0o7777)
        return
      case S_IFDIR: throw FileError("\(path): is a folder; expected the path of a file")
      case S_IFSOCK:
        self = .socket(path: place)
        return
      default:
        self = .device(path: place)
        return
      }
    }
    throw FileError(path, "be written", code: ELOOP)
  }

  /// The path to which a link points.
  private static func resolved(_ link: String, of path: String) throws -> String {
    var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = buffer.withUnsafeMutableBytes {
      readlink(link, $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
    }
    guard count > 0 else { throw FileError(path, "be written", code: errno) }
    let target = String(decoding: buffer[..<count], as: UTF8.self)
    guard !target.hasPrefix("/"), let slash = link.lastIndex(of: "/") else { return target }
    return String(link[...slash]) + target
  }

  private static func number(ofDescriptor path: String) -> Int32? {
    switch path {
    case "/dev/stdout": return STDOUT_FILENO
    case "/dev/stderr": return STDERR_FILENO
    default: break
    }
    for folder in ["/dev/fd/", "/proc/self/fd/", "/proc/\(getpid())/fd/"]
    where path.hasPrefix(folder) {
      return Int32(path.dropFirst(folder.count))
    }
    return nil
  }

  /// Opens what is no file for writing.
  /// - Parameter name: the path as it was given, for messages
  /// - Throws: `FileError`
  func open(called name: String) throws -> Int32 {
    let opened: Int32
    switch self {
    case .file: preconditionFailure("OutputTarget: \(name) is a file")
    case .descriptor(let number): opened = fcntl(number, F_DUPFD_CLOEXEC, 3)
    case .device(let path): opened = Glibc.open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY)
    case .socket(let path): opened = try Self.connected(to: path, called: name)
    }
    guard opened >= 0 else { throw FileError(name, "be written", code: errno) }
    return opened
  }

  private static func connected(to path: String, called name: String) throws -> Int32 {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let isShort = withUnsafeMutableBytes(of: &address.sun_path) { room in
      guard path.utf8.count < room.count else { return false }
      room.copyBytes(from: path.utf8)
      return true
    }
    guard isShort else { throw FileError(name, "be written", code: ENAMETOOLONG) }
    let opened = Glibc.socket(
      AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard opened >= 0 else { throw FileError(name, "be written", code: errno) }
    let isConnected = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(opened, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
      }
    }
    guard isConnected else {
      let code = errno
      close(opened)
      throw FileError(name, "be written", code: code)
    }
    return opened
  }
}
