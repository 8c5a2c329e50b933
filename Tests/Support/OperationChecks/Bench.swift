// A place where an operation runs on numbers that are the same on every device, and is looked at.

import CKernels
import Tensor

#if canImport(Glibc)
  import Glibc
#endif

/// One operation with random sizes and numbers.
package struct OperationCheck: Sendable {
  /// The row of operations.h, perhaps with a variant after a blank.
  package let name: String
  /// Whether results must be the same bits as on a CPU in the same type.
  let isExact: Bool
  /// Whether the operation has a form with activations in bfloat16.
  package let isStored: Bool
  /// The largest difference in bfloat16, as a share of the largest number of a result.
  let roundedTolerance: Double
  let work: @Sendable (Bench) -> Void

  init(
    _ name: String, exact: Bool = false, stored: Bool = false, roundedTolerance: Double = 6e-3,
    _ work: @escaping @Sendable (Bench) -> Void
  ) {
    (self.name, isExact, isStored, self.work) = (name, exact, stored, work)
    self.roundedTolerance = roundedTolerance
  }
}

/// The numbers of one run of a check on one device.
final class Bench {
  let device: Device
  /// The type of all numbers but activations.
  let type: ElementType
  /// The type of activations, with which an operation runs.
  let stored: ElementType
  /// How large random sizes are.
  private let most: Int
  private var draws: UInt64
  private(set) var outputs: [HostArray] = []
  private var waiting: [Tensor] = []
  /// Operands, which stay until all operations are done: arguments hold their addresses alone.
  private var kept: [Any] = []
  private var waitingNumbers: [DeviceList<Double>] = []

  init(on device: Device, _ type: ElementType, seed: UInt64, most: Int) {
    (self.device, self.type, stored, self.most) = (device, type.wide, type, most)
    draws = seed &* 0x9E37_79B9_7F4A_7C15 &+ 0x1234_5678
  }

  // ---- random choices, the same on every device ----------------------------------------------------

  private func word() -> UInt64 {
    // SplitMix64, Steele et al. 2014.
    draws &+= 0x9E37_79B9_7F4A_7C15
    var z = draws
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  func chance() -> Bool { word() >> 63 == 1 }

  /// A size: often at the edge of a warp or of a tile.
  func size(_ limit: Int = .max) -> Int {
    let edges = [1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129].filter { $0 <= most }
    let size =
      chance() ? edges[Int(word() % UInt64(edges.count))] : 1 + Int(word() % UInt64(most))
    return min(size, limit)
  }

  func number(_ range: ClosedRange<Int>) -> Int {
    range.lowerBound + Int(word() % UInt64(range.count))
  }

  // ---- tensors -------------------------------------------------------------------------------------

  /// Numbers of about 1, each a bfloat16, so that every type and every product has the same factors.
  func floats(_ count: Int) -> [Float] {
    (0..<count).map { _ in
      let unit = Float(Int64(bitPattern: word()) >> 40) / Float(1 << 23)
      return Float(bitPattern: (unit * 2).bitPattern & 0xFFFF_0000)
    }
  }

  func input(_ shape: [Int], positive: Bool = false) -> Tensor {
    let numbers = floats(shape.reduce(1, *))
    return held(
      Tensor(
        positive ? numbers.map { abs($0) + 0.125 } : numbers, shape, type: type, on: device))
  }

  /// Keeps the memory of an operand.
  func held<Operand>(_ operand: Operand) -> Operand {
    kept.append(operand)
    return operand
  }

  /// A tensor that an operation overwrites: it begins as NaN.
  func output(_ shape: [Int]) -> Tensor {
    let poison = [Float](repeating: .nan, count: shape.reduce(1, *))
    let tensor = Tensor(poison, shape, type: type, on: device)
    waiting.append(tensor)
    return tensor
  }

  /// Activations: numbers in bfloat16 where the operation runs in its form for that.
  func activations(_ shape: [Int]) -> Tensor { held(input(shape).converted(to: stored)) }

  /// Activations that an operation overwrites: they begin as NaN.
  func activationOutput(_ shape: [Int]) -> Tensor {
    let poison = [Float](repeating: .nan, count: shape.reduce(1, *))
    let tensor = Tensor(poison, shape, type: type, on: device).converted(to: stored)
    waiting.append(tensor)
    return tensor
  }

  /// Takes an operand for a result as well.
  func look(at tensor: Tensor) { waiting.append(tensor) }

  /// Runs an operation that has a form for activations in bfloat16.
  func runStored(_ operation: Operation, over extent: Int) { run(operation, over: extent, stored) }

  /// A tensor that an operation changes.
  func changed(_ shape: [Int], positive: Bool = false) -> Tensor {
    let tensor = input(shape, positive: positive)
    waiting.append(tensor)
    return tensor
  }

  func doubles(_ count: Int) -> DeviceList<Double> {
    held(DeviceList(floats(count).map(Double.init), on: device))
  }

  /// Numbers in double that an operation overwrites.
  func sums(_ count: Int) -> DeviceList<Double> {
    let list = DeviceList([Double](repeating: .nan, count: count), on: device)
    waitingNumbers.append(list)
    return list
  }

  /// Cosines and sines of random angles.
  func angles(_ shape: [Int]) -> (cosine: Tensor, sine: Tensor) {
    let angles = floats(shape.reduce(1, *)).map { 2 * Double($0) }
    return (
      held(Tensor(angles.map { Float(cos($0)) }, shape, type: type, on: device)),
      held(Tensor(angles.map { Float(sin($0)) }, shape, type: type, on: device))
    )
  }

  func indices(_ count: Int, below rows: Int) -> Indices {
    held(Indices((0..<count).map { _ in Int32(word() % UInt64(rows)) }, on: device))
  }

  func run(_ operation: Operation, over extent: Int = 1, _ type: ElementType? = nil) {
    device.run(operation, type ?? self.type, over: extent)
  }

  /// Integers that an operation has written.
  func keep(_ list: Indices) {
    outputs.append(HostArray((0..<list.count).map { Double(list.read($0)) }, [list.count]))
  }

  /// Takes the results to the host.
  func finish() {
    outputs += waiting.map { $0.download() }
    outputs += waitingNumbers.map { list in
      HostArray((0..<list.count).map { list.read($0) }, [list.count])
    }
  }
}
