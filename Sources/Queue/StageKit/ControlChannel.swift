// The agent's messages to its stage, on standard input.

import Glibc
import Synchronization
import Threads

/// The line `stop` asks for a checkpoint and exit, and so does a signal (`StopSignals`). The end of the channel means that the agent is
/// gone and the lease with it: the stage must not go on (G2).
final class ControlChannel: Sendable {
  private let stop = Atomic(false)
  private let closed = Atomic(false)

  var stopRequested: Bool {
    stop.load(ordering: .relaxed) || StopSignals.number.load(ordering: .relaxed) != 0
  }

  /// Ignores the end of the channel from now on: the attempt is over.
  func close() { closed.store(true, ordering: .relaxed) }

  /// Reads on a thread of its own until the channel ends.
  func start(descriptor: Int32, onEnd: @escaping @Sendable () -> Void) throws(ThreadError) {
    try DedicatedThread("control") {
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
