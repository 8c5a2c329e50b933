// Rounded activations that training with bfloat16 products keeps for the backward pass.

import Tensor
import Testing

@testable import Autodiff

@Suite struct RoundedActivationTests {
  private func normals(_ shape: [Int], _ n: UInt32, on device: Device) -> Tensor {
    Tensor(
      Philox(seed: 3).normals(shape.reduce(1, *), a: n, b: 0, stream: 97), shape, on: device)
  }

  @Test func roundingIsToTheNearestAndTiesToEven() {
    let device = Device(threads: 2)
    // 1 + 2^-8 lies halfway between 1 and 1 + 2^-7, 1 + 3 * 2^-8 between that and 1 + 2^-6.
    let small: Float = 0x1p-130
    let given: [Float] = [1, 1.00390625, 1.01171875, 1.004, -2.5, 0, -0.0, .infinity, small, .nan]
    let found = RoundedTensor(Tensor(given, [given.count], on: device)).widened.download().floats
    #expect(found.prefix(8) == [1, 1, 1.015625, 1.0078125, -2.5, 0, 0, .infinity])
    #expect(found[8] == small)
    #expect(found[9].isNaN && found[6].sign == .minus)
  }

  /// SwiGLU and attention that round their inputs, and their derivatives, equal those of inputs
  /// rounded before, bit for bit.
  @Test(arguments: ["swiglu", "attention"])
  func keptNumbersAreTheRoundedOnes(_ operation: String) {
    let device = Device(threads: 2)
    guard device.multipliesBFloat16 else { return }
    let x = normals([3, 5, 24], 0, on: device)
    func result(_ x: Tensor, _ products: ProductPrecision) -> [[Float]] {
      let tape = Tape(on: device, products: products)
      let input = tape.input(x)
      let y: Variable
      if operation == "swiglu" {
        y = swiglu(input)
      } else {
        let angles = RotaryAngles(
          cosine: normals([5, 2], 1, on: device), sine: normals([5, 2], 2, on: device))
        y = attention(input, heads: 2, angles: angles, causal: true)
      }
      let value = y.value.download().floats
      tape.backward(from: y, gradient: normals(y.shape, 3, on: device))
      return [value, tape.gradient(of: input)!.download().floats]
    }
    let rounded = result(x, .bfloat16)
    #expect(rounded == result(RoundedTensor(x).widened, .full))
    #expect(rounded != result(x, .full))
  }
}
