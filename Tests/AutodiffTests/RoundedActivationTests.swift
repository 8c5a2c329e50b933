// Activations in bfloat16: operations on them, and a step whose products are in bfloat16.

import Tensor
import Testing

@testable import Autodiff

/// An operation that has a form in bfloat16: the shapes of its inputs, those of them that are
/// activations, and the function.
struct RoundedCase: Sendable, CustomTestStringConvertible {
  let name: String
  let shapes: [[Int]]
  /// Whether the first input is an activation.
  let isRounded: Bool
  let apply: @Sendable ([Variable], ElementType?) -> Variable
  var testDescription: String { name }
}

private func normals(_ shape: [Int], _ n: UInt32, on device: Device) -> Tensor {
  Tensor(Philox(seed: 3).normals(shape.reduce(1, *), a: n, b: 0, stream: 97), shape, on: device)
}

let roundedCases: [RoundedCase] = [
  .init(name: "swiglu", shapes: [[300, 70]], isRounded: true) { x, _ in swiglu(x[0]) },
  .init(name: "attention", shapes: [[3, 37, 48]], isRounded: true) { x, _ in
    let device = x[0].value.device
    let angles = RotaryAngles(
      cosine: normals([37, 4], 1, on: device), sine: normals([37, 4], 2, on: device))
    return attention(x[0], heads: 2, angles: angles, causal: true)
  },
  .init(name: "rmsNormalized", shapes: [[300, 33], [33]], isRounded: false) {
    rmsNormalized($0[0], gain: $0[1], as: $1)
  },
  .init(name: "layerNormalized", shapes: [[300, 33], [33], [33]], isRounded: false) {
    layerNormalized($0[0], gain: $0[1], bias: $0[2], as: $1)
  },
  .init(name: "layerNormModulated", shapes: [[300, 33], [33], [33], [300, 66]], isRounded: false) {
    layerNormModulated(
      $0[0], gain: $0[1], bias: $0[2], scale: ModulationColumns($0[3], first: 0),
      shift: ModulationColumns($0[3], first: 33), as: $1)
  },
  .init(name: "linear", shapes: [[61, 800], [70, 800], [70]], isRounded: true) {
    linear($0[0], weight: $0[1], bias: $0[2], as: $1)
  },
  .init(name: "linear from floats", shapes: [[61, 33], [830, 33], [830]], isRounded: false) {
    linear($0[0], weight: $0[1], bias: $0[2], as: $1)
  },
  .init(name: "linear to floats", shapes: [[61, 33], [830, 33]], isRounded: true) { x, _ in
    linear(x[0], weight: x[1], bias: nil)
  },
]

@Suite struct RoundedActivationTests {
  static let sets = InstructionSet.allCases.filter { $0.rawValue <= InstructionSet.best.rawValue }

  @Test(arguments: sets)
  func roundingIsToTheNearestAndTiesToEven(_ set: InstructionSet) {
    let device = Device(threads: 2, instructions: set)
    // 1 + 2^-8 lies halfway between 1 and 1 + 2^-7, 1 + 3 * 2^-8 between that and 1 + 2^-6.
    let small: Float = 0x1p-130
    let given: [Float] = [1, 1.00390625, 1.01171875, 1.004, -2.5, 0, -0.0, .infinity, small, .nan]
    let rounded = Tensor(given, [given.count], on: device).converted(to: .bfloat16)
    #expect(rounded.byteCount == 20)
    for found in [rounded, rounded.converted(to: .float32)].map({ $0.download().floats }) {
      #expect(found.prefix(8) == [1, 1, 1.015625, 1.0078125, -2.5, 0, 0, .infinity])
      #expect(found[8] == small)
      #expect(found[9].isNaN && found[6].sign == .minus)
    }
    #expect(Tensor(repeating: 1.004, [3], type: .bfloat16, on: device).download()[2] == 1.0078125)
  }

  /// Result and gradients, with activations in float32 that were rounded before, or in bfloat16.
  private func run(_ tested: RoundedCase, _ device: Device, _ type: ElementType) -> [[Float]] {
    let tape = Tape(on: device, products: .bfloat16)
    let inputs = tested.shapes.enumerated().map { i, shape in
      let x = normals(shape, UInt32(i), on: device)
      guard tested.isRounded, i == 0 else { return tape.input(x) }
      return tape.input(x.converted(to: .bfloat16).converted(to: type))
    }
    let y = tested.apply(inputs, type)
    let dy = normals(y.shape, 9, on: device).converted(to: .bfloat16)
    tape.backward(from: y, gradient: dy.converted(to: y.value.type))
    return [y.value.converted(to: .bfloat16).download().floats]
      + inputs.map {
        let gradient = tape.gradient(of: $0)!
        // The gradient of an activation is rounded as it is.
        return
          (tested.isRounded && gradient.count == inputs[0].value.count
          ? gradient.converted(to: .bfloat16) : gradient).download().floats
      }
  }

  /// Operations compute in float32 and round once, on any number of threads. Sums over many rows
  /// may be taken in another order.
  @Test(arguments: roundedCases, sets)
  func resultsAreThoseOfFloatsRoundedOnce(_ tested: RoundedCase, _ set: InstructionSet) {
    let device = Device(threads: 1, instructions: set)
    let rounded = run(tested, device, .bfloat16)
    let floats = run(tested, device, .float32)
    for (n, (a, b)) in zip(rounded, floats).enumerated() {
      let scale = b.map(abs).max()!
      let isSum = n > 0 && tested.shapes[n - 1].count == 1
      let error = zip(a, b).map { abs($0 - $1) }.max()!
      // A GPU's products of training may add in another order, and its attention rounds what it multiplies.
      let share: Float = device.nameOfGPU != nil ? 0.02 : isSum ? 1e-5 : 0
      #expect(scale > 0 && error <= share * scale, "number \(n): \(error) of \(scale)")
    }
    let threaded = run(tested, Device(threads: 3, instructions: set), .bfloat16) == rounded
    #expect(threaded, "on three threads")
  }

  /// Gradients of an activation with two uses add up, in bfloat16.
  @Test(arguments: sets)
  func gradientsOfTwoUsesAddUp(_ set: InstructionSet) {
    let device = Device(threads: 2, instructions: set)
    func gradient(_ type: ElementType, _ uses: Int) -> [Float] {
      let tape = Tape(on: device)
      let x = tape.input(
        normals([20, 30], 0, on: device).converted(to: .bfloat16).converted(to: type))
      let parts = (0..<uses).map {
        linear(x, weight: tape.input(normals([8, 30], UInt32(1 + $0), on: device)), bias: nil)
      }
      let sum = parts.dropFirst().reduce(parts[0]) { add($0, $1) }
      tape.backward(from: sum, gradient: normals([20, 8], 7, on: device))
      return tape.gradient(of: x)!.download().floats
    }
    let (rounded, exact) = (gradient(.bfloat16, 3), gradient(.float32, 3))
    let scale = exact.map(abs).max()!
    #expect(zip(rounded, exact).allSatisfy { abs($0 - $1) < scale / 64 })
    #expect(rounded != gradient(.bfloat16, 2))
  }

  /// Products in bfloat16 keep what lies between them in bfloat16, if the device has such products.
  @Test func aTapeSaysHowActivationsAreKept() {
    let device = Device(threads: 1)
    let rounds = device.multipliesBFloat16
    #expect(Tape(on: device, products: .bfloat16).activations == (rounds ? .bfloat16 : .float32))
    #expect(Tape(on: device).activations == .float32)
    #expect(Tape(on: device, type: .float64, products: .bfloat16).activations == .float64)
    let base = Device(threads: 1, instructions: .base, kind: .cpu)
    #expect(Tape(on: base, products: .bfloat16).activations == .float32)
  }
}
