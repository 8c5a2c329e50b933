// Convolutions and pooling against their definitions, and the distance of LPIPS at its kinks.

import Tensor
import Testing

@testable import Autodiff

private func numbers(_ count: Int, _ n: UInt32) -> [Double] {
  Philox(seed: 4).normals(count, a: n, b: 0, stream: 96)
}

@Suite struct ConvolutionTests {
  static let sets = InstructionSet.allCases.filter { $0.rawValue <= InstructionSet.best.rawValue }
  /// Side and channels of the input, outputs, window: those of VGG-16 and of Inception-v3.
  static let cases: [(Int, Int, Int, Window)] = [
    (9, 3, 5, Window(3, stride: 2)), (8, 4, 33, Window(3, padding: 1)),
    (7, 20, 6, Window((1, 7), padding: (0, 3))), (7, 6, 20, Window((7, 1), padding: (3, 0))),
    (6, 5, 7, Window(1)), (8, 3, 4, Window(5, padding: 2)),
    (9, 2, 3, Window((3, 2), stride: (2, 3), padding: (1, 0))), (12, 64, 40, Window(3, padding: 1)),
  ]

  /// Every output pixel as a sum over its window, in float64.
  @Test(arguments: sets, cases.indices)
  func convolutionMatchesItsDefinition(_ set: InstructionSet, _ number: Int) {
    let (side, inputs, outputs, window) = Self.cases[number]
    let (kh, kw) = window.kernel
    let x = numbers(2 * side * side * inputs, 1)
    let (w, b) = (numbers(outputs * inputs * kh * kw, 2), numbers(outputs, 3))
    func run(_ images: Range<Int>, threads: Int) -> Tensor {
      let device = Device(threads: threads, instructions: set)
      let layer = FrozenConvolution(
        weight: Tensor(w, [outputs, inputs, kh, kw], on: device),
        bias: Tensor(b, [outputs], on: device), window: window)
      let each = side * side * inputs
      let part = Array(x[images.lowerBound * each..<images.upperBound * each])
      let tape = Tape(on: device, recording: false)
      return layer(
        tape.constant(Tensor(part, [images.count, side, side, inputs], on: device)), relu: false
      ).value
    }
    let y = run(0..<2, threads: 1)
    let (height, width) = (y.shape[1], y.shape[2])
    let found = y.download()
    var worst = 0.0
    for n in 0..<2 {
      for r in 0..<height {
        for s in 0..<width {
          for o in 0..<outputs {
            var sum = b[o]
            for ky in 0..<kh {
              for kx in 0..<kw {
                let at = (
                  r * window.stride.0 - window.padding.0 + ky,
                  s * window.stride.1 - window.padding.1 + kx
                )
                guard (0..<side).contains(at.0), (0..<side).contains(at.1) else { continue }
                for i in 0..<inputs {
                  sum +=
                    x[((n * side + at.0) * side + at.1) * inputs + i]
                    * w[((o * inputs + i) * kh + ky) * kw + kx]
                }
              }
            }
            worst = max(worst, abs(sum - found[((n * height + r) * width + s) * outputs + o]))
          }
        }
      }
    }
    #expect(worst < 1e-5 * Double(inputs * kh * kw).squareRoot() + 1e-5)
    // The same bits for any threads and other images.
    #expect(run(0..<2, threads: 3).download().floats == y.download().floats)
    #expect(
      run(1..<2, threads: 2).download().floats
        == Array(y.download().floats.suffix(y.count / 2)))
  }

  @Test(arguments: sets)
  func averagesLeaveThePaddingOut(_ set: InstructionSet) {
    let device = Device(threads: 2, instructions: set)
    let x = Tensor((0..<9).map(Double.init), [1, 3, 3, 1], on: device)
    let y = averagePooled(x, Window(3, padding: 1))
    #expect(y.download().doubles == [2, 2.5, 3, 3.5, 4, 4.5, 5, 5.5, 6])
  }

  /// The first of equal values wins; a NaN is kept.
  @Test func poolingAtTiesAndNaN() {
    let device = Device(threads: 1)
    let tape = Tape(on: device)
    let x = tape.input(Tensor([0, 0, 0, 0, 1, .nan, 3, 2] as [Double], [2, 2, 2, 1], on: device))
    let y = maxPooled(x, Window(2, stride: 2))
    #expect(y.value.download()[0] == 0 && y.value.download()[1].isNaN)
    tape.backward([(1, meanSquaredDifference(y, Tensor([1, 0] as [Double], [2], on: device)))])
    #expect(tape.gradient(of: x)!.download().doubles.prefix(4) == [-1, 0, 0, 0])
  }

  private func distance(_ x: Variable, _ y: Tensor, _ weight: Tensor) -> Scalar {
    featureDistance(x, y, weight: weight, factor: 0.5)
  }

  @Test(arguments: sets)
  func featureDistanceMatchesItsDefinitionAndCentralDifferences(_ set: InstructionSet) {
    let (rows, width) = (131, 20)
    let (a, b) = (numbers(rows * width, 5), numbers(rows * width, 6))
    let w = numbers(width, 7).map(abs)
    func run(_ type: ElementType, _ device: Device) -> (Double, [Double]) {
      let tape = Tape(on: device, type: type)
      let x = tape.input(Tensor(a, [1, rows, width], type: type, on: device))
      let y = Tensor(b, [1, rows, width], type: type, on: device)
      let loss = distance(x, y, Tensor(w, [width], type: type, on: device))
      tape.backward([(3, loss)])
      return (loss.value, tape.gradient(of: x)!.download().doubles)
    }
    var expected = 0.0
    for r in 0..<rows {
      let (p, q) = (a[r * width..<(r + 1) * width], b[r * width..<(r + 1) * width])
      func unit(_ v: ArraySlice<Double>) -> [Double] {
        let length = (v.reduce(0) { $0 + $1 * $1 } + 1e-20).squareRoot() + 1e-10
        return v.map { $0 / length }
      }
      for (c, (s, t)) in zip(unit(p), unit(q)).enumerated() {
        expected += 0.5 * w[c] * (s - t) * (s - t)
      }
    }
    let exact = run(.float64, Device(threads: 1))
    #expect(abs(exact.0 - expected) < 1e-12 * expected)
    let rounded = run(.float32, Device(threads: 2, instructions: set))
    #expect(abs(rounded.0 - expected) < 1e-6 * expected)
    #expect(zip(rounded.1, exact.1).allSatisfy { abs($0 - $1) < 1e-5 })
    let device = Device(threads: 1)
    for i in [0, 19, 777, rows * width - 1] {
      func value(_ step: Double) -> Double {
        var moved = a
        moved[i] += step
        let tape = Tape(on: device, type: .float64, recording: false)
        let x = tape.constant(Tensor(moved, [1, rows, width], type: .float64, on: device))
        return distance(
          x, Tensor(b, [1, rows, width], type: .float64, on: device),
          Tensor(w, [width], type: .float64, on: device)
        ).value
      }
      let slope = 3 * (value(1e-6) - value(-1e-6)) / 2e-6
      #expect(abs(exact.1[i] - slope) < 1e-7, "\(i)")
    }
  }

  /// If all features of a pixel are zero, the square root has no derivative.
  @Test(arguments: sets)
  func featureDistanceIsZeroSafe(_ set: InstructionSet) {
    let device = Device(threads: 1, instructions: set)
    let tape = Tape(on: device)
    let x = tape.input(Tensor([0, 0, 1, 2] as [Double], [1, 2, 2], on: device))
    let y = Tensor([3, 4, 0, 0] as [Double], [1, 2, 2], on: device)
    let loss = featureDistance(x, y, weight: Tensor(repeating: 1, [2], on: device), factor: 1)
    #expect(abs(loss.value - 2) < 1e-6)
    tape.backward([(1, loss)])
    #expect(tape.gradient(of: x)!.download().doubles.prefix(2) == [0, 0])
    #expect(!tape.gradient(of: x)!.download().doubles.contains { !$0.isFinite })
  }
}
