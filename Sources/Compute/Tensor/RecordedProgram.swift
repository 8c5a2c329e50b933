// A sequence of operations, recorded once and repeated at every training step.

import CKernels

/// The loops of some work, in order, with the addresses that they read and write.
///
/// A training step makes the same operations on the same shapes each time. A repetition allocates
/// nothing and builds no tape. Inputs that differ between runs (the step's number, labels) are read
/// from fixed addresses.
package final class RecordedProgram {
  private unowned let device: Device
  private var loops: [Device.Loop] = []
  let allocator: Allocator
  /// Multiply-adds of one run.
  package internal(set) var multiplyAdds = 0

  init(on device: Device) {
    self.device = device
    allocator = Allocator(counting: device.reserved)
  }

  func append(_ loop: Device.Loop) { loops.append(loop) }

  /// Runs all loops again.
  package func run() {
    device.count(multiplyAdds: multiplyAdds)
    for loop in loops { device.run(loop) }
  }
}
