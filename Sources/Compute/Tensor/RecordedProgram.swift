// A sequence of operations, recorded once and repeated at every training step.

import CKernels

/// The operations of some work, in order, with the addresses that they read and write: plain data.
///
/// A training step makes the same operations on the same shapes each time. A repetition allocates
/// nothing and builds no tape. Inputs that differ between runs (the step's number, labels) are read
/// from fixed addresses, where the host writes them before a run.
package final class RecordedProgram {
  private let device: Device
  private var operations: ContiguousArray<Operation> = []
  private var kept: [Storage] = []
  private var graph: UnsafeMutableRawPointer?
  let allocator: Allocator
  /// Multiply-adds of one run.
  package internal(set) var multiplyAdds = 0

  init(on device: Device) {
    self.device = device
    allocator = Allocator(of: device.memory, counting: device.reserved)
  }

  func append(_ operation: Operation) { operations.append(operation) }
  func keep(_ storage: Storage) { kept.append(storage) }

  /// Runs all operations again.
  package func run() {
    device.count(multiplyAdds: multiplyAdds)
    operations.withUnsafeBufferPointer { device.run(program: $0, graph: &graph) }
  }

  deinit {
    if let graph { device.forget(graph: graph) }
  }
}

extension RecordedProgram: CustomStringConvertible {
  /// One line for each operation: its name, type and extent, its element operations and bytes.
  package var description: String {
    operations.map { operation in
      var (cost, bytes) = (0.0, 0.0)
      withUnsafePointer(to: operation) { operation_cost($0, &cost, &bytes) }
      return "\(String(cString: operation_name(operation.kind))) "
        + "\(ElementType(rawValue: operation.type)!) over \(operation.extent): "
        + "\(Int(cost)) operations, \(Int(bytes)) bytes"
    }.joined(separator: "\n")
  }
}
