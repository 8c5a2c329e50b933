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
  /// Numbers of operations behind which a mark stands, in rising order.
  private var marks: [Int] = []
  /// The device's forms of the operations up to each mark and behind the last one.
  private var graphs: [UnsafeMutableRawPointer?] = []
  let allocator: Allocator
  /// Multiply-adds of one run.
  package internal(set) var multiplyAdds = 0

  init(on device: Device) {
    self.device = device
    allocator = Allocator(of: device.memory, counting: device.reserved)
  }

  func append(_ operation: Operation) { operations.append(operation) }
  func keep(_ storage: Storage) { kept.append(storage) }
  func mark() { marks.append(operations.count) }

  /// Runs all operations again.
  package func run() { run { _ in } }

  /// Runs all operations again, and stops for a moment at each mark.
  /// - Parameter reached: is told the number of each mark, from 0 on, when the operations before it are done; its error
  ///   ends the run there
  package func run(_ reached: (_ mark: Int) throws -> Void) rethrows {
    device.count(multiplyAdds: multiplyAdds)
    if graphs.isEmpty { graphs = Array(repeating: nil, count: marks.count + 1) }
    var begin = 0
    for (number, end) in marks.enumerated() {
      run(begin..<end, &graphs[number])
      device.wait()
      try reached(number)
      begin = end
    }
    run(begin..<operations.count, &graphs[marks.count])
  }

  private func run(_ range: Range<Int>, _ graph: inout UnsafeMutableRawPointer?) {
    guard !range.isEmpty else { return }
    operations.withUnsafeBufferPointer {
      device.run(program: UnsafeBufferPointer(rebasing: $0[range]), graph: &graph)
    }
  }

  deinit {
    for case let graph? in graphs { device.forget(graph: graph) }
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
