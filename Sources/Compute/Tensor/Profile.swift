// The time of operations by their kind.

import CKernels

/// All operations of one kind that were run while a device was measured.
package struct ProfiledOperation: Sendable {
  /// The row of operations.h, as `rms_norm`.
  package let name: String
  package let count: Int
  package let seconds: Double
  /// Element operations, where a multiply-add is two.
  package let operations: Double
  /// Bytes read and written, each number counted once.
  package let bytes: Double

  package init(name: String, count: Int, seconds: Double, operations: Double, bytes: Double) {
    (self.name, self.count, self.seconds) = (name, count, seconds)
    (self.operations, self.bytes) = (operations, bytes)
  }
}

/// Sums for every kind of operation, where the device adds to them.
final class Profile {
  let start: UnsafeMutablePointer<OperationProfile>
  private let count = Int(OPERATION_COUNT.rawValue)

  init() {
    start = .allocate(capacity: count)
    start.initialize(repeating: OperationProfile(), count: count)
  }

  deinit { start.deallocate() }

  var operations: [ProfiledOperation] {
    (0..<count).filter { start[$0].count > 0 }.map {
      ProfiledOperation(
        name: String(cString: operation_name(Int32($0))), count: start[$0].count,
        seconds: start[$0].seconds, operations: start[$0].operations, bytes: start[$0].bytes)
    }.sorted { $0.seconds > $1.seconds }
  }
}
