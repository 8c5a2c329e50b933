// The derivative of every operation, compared with central differences in float64.

import Tensor
import Testing

@testable import Autodiff

/// One operation under test: the shapes of its inputs, and the function of these.
struct GradientCase: Sendable, CustomTestStringConvertible {
  let name: String
  let shapes: [[Int]]
  let apply: @Sendable ([Variable]) -> Variable
  var testDescription: String { name }
}

private func random(
  _ shape: [Int], _ n: UInt32, _ device: Device, _ type: ElementType = .float64
) -> Tensor {
  let count = shape.reduce(1, *)
  return Tensor(
    Philox(seed: 7).normals(count, a: n, b: 0, stream: 99), shape, type: type, on: device)
}

private func angles(_ tokens: Int, _ half: Int, like x: Variable) -> RotaryAngles {
  let w = Philox(seed: 8).normals(tokens * half, a: 0, b: 0, stream: 98)
  let (type, device) = (x.value.type, x.value.device)
  return RotaryAngles(
    cosine: Tensor(w.map { cosine($0) }, [tokens, half], type: type, on: device),
    sine: Tensor(w.map { sine($0) }, [tokens, half], type: type, on: device))
}

/// cos and sin by their series, which are exact enough here and need no platform library.
private func cosine(_ x: Double) -> Double {
  var (term, sum) = (1.0, 1.0)
  for k in 1..<30 {
    term *= -x * x / Double((2 * k - 1) * 2 * k)
    sum += term
  }
  return sum
}
private func sine(_ x: Double) -> Double {
  var (term, sum) = (x, x)
  for k in 1..<30 {
    term *= -x * x / Double(2 * k * (2 * k + 1))
    sum += term
  }
  return sum
}

private func frozen(_ shape: [Int], _ window: Window, like x: Variable) -> FrozenConvolution {
  let (device, type) = (x.value.device, x.value.type)
  return FrozenConvolution(
    weight: random(shape, 60, device, type), bias: random([shape[0]], 61, device, type),
    window: window, differentiable: true)
}

private func columns(_ v: Variable, _ first: Int) -> ModulationColumns {
  ModulationColumns(v, first: first)
}

let gradientCases: [GradientCase] = [
  .init(name: "linear", shapes: [[2, 3, 5], [4, 5], [4]]) {
    linear($0[0], weight: $0[1], bias: $0[2])
  },
  .init(name: "linear without bias, used twice", shapes: [[3, 4], [4, 4]]) {
    linear(linear($0[0], weight: $0[1], bias: nil), weight: $0[1], bias: nil)
  },
  .init(name: "add", shapes: [[3, 4], [3, 4]]) { add($0[0], add($0[1], $0[0])) },
  .init(name: "addRepeated", shapes: [[6, 2, 3], [2, 2, 3]]) {
    addRepeated($0[0], $0[1], repeats: 3)
  },
  .init(name: "silu", shapes: [[3, 5]]) { silu($0[0]) },
  .init(name: "swiglu", shapes: [[3, 6]]) { swiglu($0[0]) },
  .init(name: "rmsNormalized", shapes: [[4, 5], [5]]) { rmsNormalized($0[0], gain: $0[1]) },
  .init(name: "layerNormalized", shapes: [[4, 5], [5], [5]]) {
    layerNormalized($0[0], gain: $0[1], bias: $0[2])
  },
  .init(name: "layerNormalized without weights", shapes: [[4, 5]]) { layerNormalized($0[0]) },
  .init(name: "sphereNormalized", shapes: [[4, 5]]) { sphereNormalized($0[0]) },
  .init(name: "attention, causal", shapes: [[2, 5, 24]]) {
    attention($0[0], heads: 2, angles: angles(5, 2, like: $0[0]), causal: true)
  },
  .init(name: "attention, full", shapes: [[2, 5, 24]]) {
    attention($0[0], heads: 2, angles: angles(5, 2, like: $0[0]), causal: false)
  },
  .init(name: "embedding", shapes: [[4, 3]]) {
    embedding($0[0], index: Indices([2, 0, 2, 3], on: $0[0].tape.device))
  },
  .init(name: "concatenatedTokens", shapes: [[2, 2, 3], [2, 3, 3]]) {
    concatenatedTokens($0[0], add($0[1], $0[1]))
  },
  .init(name: "tokens", shapes: [[2, 5, 3]]) {
    add(tokens($0[0], 1..<4), tokens($0[0], 2..<5))
  },
  .init(name: "layerNormModulated", shapes: [[4, 3], [3], [3], [4, 9]]) {
    layerNormModulated(
      $0[0], gain: $0[1], bias: $0[2], scale: columns($0[3], 0), shift: columns($0[3], 3))
  },
  .init(name: "layerNormModulated without weights", shapes: [[4, 3], [4, 9]]) {
    layerNormModulated($0[0], scale: columns($0[1], 0), shift: columns($0[1], 3))
  },
  .init(name: "gatedAdd", shapes: [[4, 3], [4, 3], [4, 9]]) {
    gatedAdd($0[0], $0[1], gate: columns($0[2], 6))
  },
  .init(name: "one modulation for all three", shapes: [[4, 3], [4, 9]]) {
    let u = layerNormModulated($0[0], scale: columns($0[1], 0), shift: columns($0[1], 3))
    return gatedAdd($0[0], u, gate: columns($0[1], 6))
  },
  .init(name: "interpolated", shapes: [[2, 3, 4]]) {
    let (device, type) = ($0[0].value.device, $0[0].value.type)
    let t = Tensor([0.1, 0.9, 0.5, 0.3, 0.7, 0.65], [2, 1, 3], type: type, on: device)
    let noise = random([2, 1, 3, 4], 50, device, type)
    return interpolated(noise: noise, to: $0[0], t: t, repeats: 1)
  },
  .init(name: "rowsScaled", shapes: [[3, 4]]) {
    let (device, type) = ($0[0].value.device, $0[0].value.type)
    return rowsScaled($0[0], by: Tensor([0.5, -2, 3], [3], type: type, on: device))
  },
  .init(name: "convolution", shapes: [[2, 5, 6, 3]]) {
    frozen([4, 3, 3, 3], Window(3, padding: 1), like: $0[0])($0[0], relu: false)
  },
  .init(name: "convolution, rectangular", shapes: [[1, 4, 9, 2]]) {
    frozen([3, 2, 1, 7], Window((1, 7), padding: (0, 3)), like: $0[0])($0[0], relu: false)
  },
  .init(name: "convolution without padding, with ReLU", shapes: [[1, 5, 4, 2]]) {
    frozen([17, 2, 2, 3], Window((2, 3)), like: $0[0])($0[0])
  },
  .init(name: "maxPooled", shapes: [[2, 4, 6, 3]]) { maxPooled($0[0], Window(2, stride: 2)) },
  .init(name: "maxPooled, overlapping", shapes: [[1, 5, 5, 2]]) {
    maxPooled($0[0], Window(3, stride: 2, padding: 1))
  },
  .init(name: "imagesOfPatches", shapes: [[2, 4, 12]]) {
    imagesOfPatches($0[0], patch: 2, channels: 3)
  },
  .init(name: "reshaped", shapes: [[2, 6]]) { add($0[0], $0[0]).reshaped([3, 4]) },
]

@Suite struct GradientTests {
  static let sets = InstructionSet.allCases.filter { $0.rawValue <= InstructionSet.best.rawValue }

  /// Result and gradients of a case.
  private func run(_ tested: GradientCase, _ device: Device, _ type: ElementType) -> [[Double]] {
    let tape = Tape(on: device, type: type)
    let inputs = tested.shapes.enumerated().map {
      tape.input(random($1, UInt32($0), device, type))
    }
    let y = tested.apply(inputs)
    tape.backward([(1, meanSquaredDifference(y, random(y.shape, 77, device, type)))])
    return [y.value.download().doubles] + inputs.map { tape.gradient(of: $0)!.download().doubles }
  }

  @Test(arguments: gradientCases, sets)
  func everyInstructionSetAgreesWithFloat64(_ tested: GradientCase, _ set: InstructionSet) {
    let exact = run(tested, Device(threads: 1), .float64)
    let rounded = run(tested, Device(threads: 1, instructions: set), .float32)
    for (a, b) in zip(exact, rounded) {
      let scale = a.map(abs).max()!
      #expect(zip(a, b).allSatisfy { abs($0 - $1) <= 2e-6 * max(scale, 1) })
    }
    #expect(rounded == run(tested, Device(threads: 3, instructions: set), .float32))
  }

  @Test(arguments: gradientCases)
  func matchesCentralDifferences(_ tested: GradientCase) {
    let device = Device(threads: 1)
    let inputs = tested.shapes.enumerated().map { random($1, UInt32($0), device) }
    func losses(_ tape: Tape, _ variables: [Variable]) -> [(weight: Double, of: Scalar)] {
      let y = tested.apply(variables)
      // Both losses at once; the targets are far from the results, where |x - y| has no kink.
      let target = Tensor(repeating: 50, y.shape, type: .float64, on: device)
      return [
        (0.5, meanSquaredDifference(y, random(y.shape, 77, device))),
        (0.25, meanAbsoluteDifference(y, target)),
      ]
    }
    func value() -> Double {
      let tape = Tape(on: device, type: .float64, recording: false)
      return losses(tape, inputs.map { tape.constant($0) }).reduce(0) {
        $0 + $1.weight * $1.of.value
      }
    }
    let tape = Tape(on: device, type: .float64)
    let variables = inputs.map { tape.input($0) }
    tape.backward(losses(tape, variables))
    for (input, variable) in zip(inputs, variables) {
      let gradient = tape.gradient(of: variable)?.download().doubles ?? []
      #expect(gradient.count == input.count, "no gradient reached an input")
      let kept = input.download().doubles
      /// The loss with element i moved.
      func moved(_ i: Int, by step: Double) -> Double {
        var numbers = kept
        numbers[i] += step
        input.upload(HostArray(numbers, input.shape))
        return value()
      }
      for i in 0..<min(input.count, gradient.count) {
        let step = 1e-5
        let (above, below) = (moved(i, by: step), moved(i, by: -step))
        input.upload(HostArray(kept, input.shape))
        let expected = (above - below) / (2 * step)
        #expect(
          abs(gradient[i] - expected) < 1e-7 * max(1, abs(expected)),
          "element \(i) of shape \(input.shape): \(gradient[i]), expected \(expected)")
      }
    }
  }

  @Test func absoluteDifferenceHasNoSlopeWhereEqual() {
    let device = Device(threads: 1)
    let tape = Tape(on: device, type: .float64)
    let x = tape.input(Tensor([1, 2, 3] as [Double], [3], type: .float64, on: device))
    let target = Tensor([1, 1, 4] as [Double], [3], type: .float64, on: device)
    tape.backward([(3, meanAbsoluteDifference(x, target))])
    #expect(tape.gradient(of: x)?.download().doubles == [0, 1, -1])
  }

  @Test func nothingFlowsThroughDetached() {
    let device = Device(threads: 1)
    let tape = Tape(on: device, type: .float64)
    let x = tape.input(random([2, 3], 1, device))
    let y = add(x.detached, silu(x))
    tape.backward([(1, meanSquaredDifference(y, random([2, 3], 2, device)))])
    let through = tape.gradient(of: x)!.download().doubles
    let tape2 = Tape(on: device, type: .float64)
    let x2 = tape2.input(x.value)
    let y2 = add(tape2.constant(x.value), silu(x2))
    tape2.backward([(1, meanSquaredDifference(y2, random([2, 3], 2, device)))])
    #expect(through == tape2.gradient(of: x2)!.download().doubles)
  }

  /// A parameter's gradient is handed over behind the derivative of its first use, whichever part of the tape that is in; a
  /// use that no gradient reaches delays nothing.
  @Test(arguments: [false, true])
  func gradientsAreHandedOverAsSoonAsTheyAreComplete(recomputing: Bool) {
    let device = Device(threads: 1)
    let names = ["a", "b", "twice", "c", "d", "e"]
    let weights = Dictionary(
      uniqueKeysWithValues: names.enumerated().map { i, name in
        (name, Parameter(name: name, value: random([3, 3], UInt32(20 + i), device)))
      })
    let (input, target) = (random([2, 3], 1, device), random([2, 3], 2, device))
    func loss(_ tape: Tape) -> Scalar {
      func layer(_ x: Variable, _ name: String) -> Variable {
        recomputed([x]) {
          linear($0[0], weight: $0[0].tape.variable(weights[name]!), bias: nil)
        }
      }
      let x = tape.constant(input)
      _ = layer(x, "d")
      let passed = ["a", "twice", "b", "twice", "c", "d"].reduce(layer(x, "e")) { layer($0, $1) }
      return meanSquaredDifference(passed, target)
    }
    let whole = Tape(on: device, type: .float64)
    whole.backward([(1, loss(whole))])
    var taken: [String] = []
    let tape = Tape(on: device, type: .float64, recomputing: recomputing)
    tape.backward([(1, loss(tape))]) { parameter, gradient in
      taken.append(parameter.name)
      #expect(
        gradient.download().doubles == whole.gradient(of: parameter)!.download().doubles,
        "\(parameter.name)")
    }
    #expect(taken == ["d", "c", "b", "twice", "a", "e"])
  }

  @Test func inferenceKeepsNothing() {
    let device = Device(threads: 1)
    let tape = Tape(on: device, type: .float64, recording: false)
    let y = silu(tape.variable(Parameter(name: "x", value: random([2, 3], 1, device))))
    #expect(!y.needsGradient)
  }
}
