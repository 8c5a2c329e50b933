// A run of operations recorded once and repeated: what a training step does every time.

import CKernels

/// The loops of some work, in order, with the addresses that they read and write.
///
/// A step does the same operations on the same shapes each time. Repeating them takes no memory from
/// the heap and none of the time of building a tape. What differs between runs (numbers of a step,
/// labels) the loops read from where they are told to look.
package final class RecordedProgram {
  private unowned let device: Device
  private var loops: [Device.Loop] = []
  let allocator: Allocator
  /// Of one run.
  package internal(set) var multiplyAdds = 0

  init(on device: Device) {
    self.device = device
    allocator = Allocator(counting: device.reserved)
  }

  func append(_ loop: Device.Loop) { loops.append(loop) }

  /// Does everything again.
  package func run() {
    device.count(multiplyAdds: multiplyAdds)
    for loop in loops { device.run(loop) }
  }
}
