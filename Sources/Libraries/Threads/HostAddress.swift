// The addresses of this host.

import Glibc

/// An address of an interface of this host, in numbers.
package struct HostAddress: Sendable, Equatable {
  /// As in `eth0`.
  package let interface: String
  /// As in `10.0.0.7`.
  package let text: String

  /// Those of all interfaces, in the order of the system.
  package static var all: [HostAddress] {
    var first: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&first) == 0 else { return [] }
    defer { freeifaddrs(first) }
    return sequence(first: first, next: { $0?.pointee.ifa_next }).compactMap { entry in
      guard let entry, let address = entry.pointee.ifa_addr else { return nil }
      let family = Int32(address.pointee.sa_family)
      guard family == AF_INET || family == AF_INET6 else { return nil }
      let size =
        family == AF_INET ? MemoryLayout<sockaddr_in>.size : MemoryLayout<sockaddr_in6>.size
      var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
      guard
        getnameinfo(address, socklen_t(size), &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST)
          == 0
      else { return nil }
      return HostAddress(
        interface: String(cString: entry.pointee.ifa_name),
        text: text.withUnsafeBufferPointer { String(cString: $0.baseAddress!) })
    }
  }

  package static func isLocal(_ address: String) -> Bool {
    all.contains { $0.text == address } || address.hasPrefix("127.")
  }
}
