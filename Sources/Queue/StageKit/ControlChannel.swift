// The agent's messages to its stage, on standard input.

import Glibc
import JobQueue
import RunStore
import Synchronization
import Threads

/// The first line is `token` and the attempt's token. The line `stop` asks for a checkpoint and exit,
/// as a signal does (`StopSignals`). The end of the channel means that the agent is
/// gone and the lease with it: the stage must not go on (G2).
final class ControlChannel: Sendable {
  private let stop = Atomic(false)
  private let closed = Atomic(false)

  var stopRequested: Bool {
    stop.load(ordering: .relaxed) || StopSignals.number.load(ordering: .relaxed) != 0
  }

  /// Ignores the end of the channel from now on: the attempt is over.
  func close() { closed.store(true, ordering: .relaxed) }

  /// Reads the first line.
  /// - Throws: `LeaseLost` if the channel ends before; `StoreError` if it is another line
  static func token(_ descriptor: Int32) throws -> String {
    var line: [UInt8] = []
    var byte: UInt8 = 0
    while true {
      let count = read(descriptor, &byte, 1)
      if count < 0 && errno == EINTR { continue }
      guard count == 1 else { throw LeaseLost(description: "the agent is gone") }
      if byte == UInt8(ascii: "\n") { break }
      line.append(byte)
      guard line.count <= 100 else { break }
    }
    let text = String(decoding: line, as: UTF8.self)
    guard let token = text.wholeMatch(of: /token ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/)?.1
    else {
      throw StoreError(
        "standard input does not begin with the attempt's token: a stage is started by `pra worker`"
      )
    }
    return String(token)
  }

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
