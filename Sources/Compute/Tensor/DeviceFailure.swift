// Errors of a device that end the program.

import CKernels
import Synchronization

/// An error of a GPU, its driver or its compiler, after which nothing can be computed.
package struct DeviceFailure: Sendable {
  /// Whether another machine, or this one later, may do better: no memory, no driver, a GPU that does
  /// not answer. Otherwise an operation is at fault.
  package let isOfMachine: Bool
  package let sentence: String

  private static let handler = Mutex<(@Sendable (DeviceFailure) -> Never)?>(nil)

  /// Sets what ends the program. Without it, the sentence goes to standard error, and the exit code is 71
  /// for the machine's errors and 70 for others.
  /// - Parameter advice: what a user may lower where memory is lacking, as the words that follow "; "
  package static func end(
    memoryAdvice advice: String, _ end: @escaping @Sendable (DeviceFailure) -> Never
  ) {
    handler.withLock { $0 = end }
    // The sentence is read when the program ends: it has to stay.
    let words = UnsafeMutableBufferPointer<CChar>.allocate(capacity: advice.utf8.count + 1)
    _ = words.initialize(from: advice.utf8.map(CChar.init(bitPattern:)) + [0])
    device_set_memory_advice(words.baseAddress)
    device_on_failure { fault, sentence in
      let end = DeviceFailure.handler.withLock { $0 }
      end?(
        DeviceFailure(
          isOfMachine: Int(fault) == DEVICE_LOST, sentence: String(cString: sentence!)))
    }
  }
}
