// The kernels: compared, compiled, and guarded from the host.

import CKernels
import OperationChecks
import Tensor

/// Prints a line for each operation and type, with its largest error of all seeds.
/// - Parameters:
///   - only: names of the operations that are checked, between commas; all without it
///   - wanted: the one type in which they are checked; every one without it
/// - Returns: the exit code
func checkKernels(seeds: Int, size: Int, first: Int, only: String?, type wanted: String?) -> Int32 {
  let (device, cpu) = (Device(threads: 1), Device(threads: 1, kind: .cpu))
  let names = only?.split(separator: ",").map(String.init)
  if let unknown = names?.first(where: { name in
    !OperationChecks.all.contains { $0.name == name }
  }) {
    print("--only: found '\(unknown)', which no check is called")
    return 64
  }
  let types = [ElementType.float32, .float64, .bfloat16]
  if let wanted, !types.contains(where: { "\($0)" == wanted }) {
    print("--type: found '\(wanted)', expected float32, float64 or bfloat16")
    return 64
  }
  let checks = OperationChecks.all.filter { names?.contains($0.name) ?? true }
  var failures = OperationChecks.uncovered.map { "\($0): no check speaks of it" }
  for check in checks {
    for type in types where type != .bfloat16 || check.isStored {
      if let wanted, "\(type)" != wanted { continue }
      var worst: CheckOutcome?
      for seed in first..<first + seeds {
        let outcome = OperationChecks.run(
          check, on: device, against: cpu, type, seed: UInt64(seed), most: size)
        if let fault = outcome.fault {
          failures.append("\(check.name) \(type), seed \(seed): \(fault)")
        }
        if outcome.error >= worst?.error ?? 0 { worst = outcome }
      }
      if let worst { print("\(check.name) \(type): error \(worst.error)") }
    }
  }
  for failure in failures { print("FAILED \(failure)") }
  print(failures.isEmpty ? "all operations agree" : "\(failures.count) failed")
  return failures.isEmpty ? 0 : 1
}

/// Does what no part of the product may: reads a tensor of the device where it lies.
func touchDeviceMemory() -> Never {
  let tensor = Tensor(repeating: 1, [64], on: Device(threads: 1))
  tensor.device.wait()
  let address = withUnsafeBytes(of: tensor.address) { $0.loadUnaligned(as: UInt.self) }
  print(UnsafePointer<Float>(bitPattern: address)!.pointee)
  fatalError("the host has read memory of the device")
}
