// Words for systemd about the state of the worker: sd_notify(3).

import Glibc

/// The socket of a service manager that wants to be told (`Type=notify`, `WatchdogSec=`).
struct ServiceManager: Sendable {
  /// The path of a socket; an abstract one begins with @.
  private let address: String

  /// Variables by which a manager says what it wants; of the agent alone, not of its stages.
  static let variables = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"]

  /// Nil where nobody wants to know.
  init?(environment: [String: String]) {
    guard let address = environment["NOTIFY_SOCKET"], address.count > 1,
      address.hasPrefix("/") || address.hasPrefix("@")
    else { return nil }
    self.address = address
  }

  /// Sends assignments, a line each, as one datagram. Nobody waits for it, and one that does not arrive is no fault of
  /// the worker's: the manager then acts by its own time limits.
  func tell(_ assignments: String) {
    var socketAddress = sockaddr_un()
    socketAddress.sun_family = sa_family_t(AF_UNIX)
    var path = Array(address.utf8)
    let isAbstract = path[0] == UInt8(ascii: "@")
    if isAbstract { path[0] = 0 }
    guard path.count < MemoryLayout.size(ofValue: socketAddress.sun_path) else { return }
    withUnsafeMutableBytes(of: &socketAddress.sun_path) { $0.copyBytes(from: path) }
    // An abstract name ends with the address, a path with a zero byte: unix(7).
    let length =
      MemoryLayout<sockaddr_un>.offset(of: \.sun_path)! + path.count + (isAbstract ? 0 : 1)
    let kind = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue)
    let descriptor = socket(AF_UNIX, kind, 0)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    let bytes = Array(assignments.utf8)
    withUnsafePointer(to: socketAddress) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        _ = sendto(
          descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT), $0,
          socklen_t(length))
      }
    }
  }

  /// Says that the worker is well, though the database is away: a watchdog must not end stages that compute through an
  /// outage, nor a limit of the start a worker that waits for its database.
  func waitsForDatabase(registered: Bool) {
    tell(
      "STATUS=waits for the database\n"
        + (registered ? "WATCHDOG=1" : "EXTEND_TIMEOUT_USEC=60000000\nWATCHDOG=1"))
  }
}
