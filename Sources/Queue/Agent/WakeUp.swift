// A file descriptor that wakes a thread waiting on the server's socket.

import Glibc

/// Becomes readable at a signal, until that is drained.
final class WakeUp: Sendable {
  /// The descriptor to poll.
  let descriptor: Int32
  private let writer: Int32

  init() {
    var ends: [Int32] = [-1, -1]
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
    precondition(socketpair(AF_UNIX, kind, 0, &ends) == 0, "socketpair: \(systemError())")
    (descriptor, writer) = (ends[0], ends[1])
  }

  deinit {
    close(descriptor)
    close(writer)
  }

  /// Safe to call in a signal handler. A full buffer means that the other side will wake up anyway.
  func signal() { WakeUp.signal(writer) }

  /// For signal handlers, which can use only the number.
  var signalDescriptor: Int32 { writer }

  /// - Parameter byte: what `wait` returns for it
  static func signal(_ descriptor: Int32, _ byte: UInt8 = 0) {
    var byte = byte
    _ = send(descriptor, &byte, 1, Int32(MSG_NOSIGNAL))
  }

  /// Takes all signals so far.
  func drain() {
    var bytes: [UInt8] = Array(repeating: 0, count: 64)
    while read(descriptor, &bytes, bytes.count) > 0 {}
  }

  /// Blocks until a signal and takes it.
  /// - Returns: its byte
  @discardableResult
  func wait() -> UInt8 {
    var byte: UInt8 = 0
    while read(descriptor, &byte, 1) != 1 { wait(milliseconds: -1) }
    return byte
  }

  /// Blocks until a signal, which it does not take, or until the time is over.
  func wait(seconds: Double) { wait(milliseconds: Int32(seconds * 1000)) }

  private func wait(milliseconds: Int32) {
    var descriptors = [pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)]
    _ = poll(&descriptors, 1, milliseconds)
  }
}
