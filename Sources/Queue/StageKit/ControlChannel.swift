// What the agent says to its stage, on standard input.

import Glibc
import Synchronization
import Threads

/// The line `stop` asks for a checkpoint and the exit; the end of the channel means that the agent
/// is gone, and with it the lease: the stage must not go on (G2).
final class ControlChannel: Sendable {
  private let stop = Atomic(false)
  private let closed = Atomic(false)

  var stopRequested: Bool { stop.load(ordering: .relaxed) }

  /// From now on the end of the channel ends nothing: the attempt is over.
  func close() { closed.store(true, ordering: .relaxed) }

  /// Reads on a thread of its own, for as long as there is something to read.
  func start(descriptor: Int32, onEnd: @escaping @Sendable () -> Void) {
    _ = DedicatedThread("control") {
      var line: [UInt8] = []
      var byte: UInt8 = 0
      while true {
        let count = read(descriptor, &byte, 1)
        if count < 0 && errno == EINTR { continue }
        guard count == 1 else { break }
        guard byte == UInt8(ascii: "\n") else {
          line.append(byte)
          continue
        }
        if line == Array("stop".utf8) { self.stop.store(true, ordering: .relaxed) }
        line = []
      }
      if !self.closed.load(ordering: .relaxed) { onEnd() }
    }
  }
}
