// The socket on which the dashboard listens.

import Glibc

/// A fault of the command line or of the machine, as one sentence.
struct StartFault: Error {
  let message: String
}

/// Where to listen: `unix:PATH`, or ADDRESS:PORT with an IPv4 address; port 0 is any free one.
enum Listening {
  case unix(String)
  case address(String, UInt16)

  init(_ text: String) throws(StartFault) {
    if text.hasPrefix("unix:"), text.count > 5 {
      self = .unix(String(text.dropFirst(5)))
      return
    }
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    var address = in_addr()
    guard parts.count == 2, let port = UInt16(parts[1]),
      inet_pton(AF_INET, String(parts[0]), &address) == 1
    else {
      throw StartFault(
        message:
          "--listen \(text): expected unix:PATH or an IPv4 address and a port, as in 127.0.0.1:8700"
      )
    }
    self = .address(String(parts[0]), port)
  }

  var isLocal: Bool {
    switch self {
    case .unix: true
    case .address(let address, _): address.hasPrefix("127.")
    }
  }

  /// - Returns: the socket, and the address as people give it to a browser
  func open() throws(StartFault) -> (socket: Int32, shown: String) {
    switch self {
    case .unix(let path): return (try open(path: path), "unix:\(path)")
    case .address(let address, let port): return try open(address, port)
    }
  }

  /// A socket of this user alone (0600). One that nobody listens on any more is replaced.
  private func open(path: String) throws(StartFault) -> Int32 {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
      throw StartFault(
        message: "--listen unix:\(path): the path is longer than a socket's may be (107 bytes)")
    }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    let size = socklen_t(MemoryLayout.size(ofValue: address))
    func call(_ function: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
      withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { function(descriptor, $0, size) }
      }
    }
    var status = stat()
    if lstat(path, &status) == 0 {
      guard status.st_mode & S_IFMT == S_IFSOCK, call(connect) != 0 else {
        close(descriptor)
        throw StartFault(message: "--listen unix:\(path): is there already and in use")
      }
      unlink(path)
    }
    let mask = umask(0o177)
    let isBound = call(bind) == 0
    let code = errno
    umask(mask)
    guard isBound, listen(descriptor, 128) == 0 else {
      close(descriptor)
      throw StartFault(message: "--listen unix:\(path): \(String(cString: strerror(code)))")
    }
    return descriptor
  }

  private func open(_ text: String, _ port: UInt16) throws(StartFault) -> (Int32, String) {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var yes: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    inet_pton(AF_INET, text, &address.sin_addr)
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isOpen = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, size) == 0 && listen(descriptor, 128) == 0
          && getsockname(descriptor, $0, &size) == 0
      }
    }
    guard isOpen else {
      let reason = String(cString: strerror(errno))
      close(descriptor)
      throw StartFault(message: "--listen \(text):\(port): \(reason)")
    }
    return (descriptor, "\(text):\(UInt16(bigEndian: address.sin_port))")
  }
}
