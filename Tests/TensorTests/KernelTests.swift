// One conformance case per kernel: every instruction set compared with float64, and each row's
// result independent of other rows and of the number of threads.

import CKernels
import Testing

@testable import Tensor

private func numbers(_ count: Int, _ n: UInt32) -> [Double] {
  Philox(seed: 3).normals(count, a: n, b: 0, stream: 97)
}

@Suite struct MatrixProductTests {
  static let sets = InstructionSet.allCases.filter { $0.rawValue <= InstructionSet.best.rawValue }
  static let sizes = [
    (1, 1, 1), (3, 5, 7), (13, 33, 65), (50, 130, 400), (7, 600, 12), (97, 16, 900),
  ]

  @Test(arguments: sets, sizes)
  func matchesFloat64(_ set: InstructionSet, _ size: (Int, Int, Int)) {
    let (m, n, k) = size
    let device = Device(threads: 2, instructions: set)
    let (a, b, bias) = (numbers(m * k, 1), numbers(k * n, 2), numbers(n, 3))
    var expected = [Double](repeating: 0, count: m * n)
    for i in 0..<m {
      for j in 0..<n {
        expected[i * n + j] = (0..<k).reduce(bias[j]) {
          $0 + Double(Float(a[i * k + $1])) * Double(Float(b[$1 * n + j]))
        }
      }
    }
    func transposed(_ x: [Double], _ rows: Int, _ columns: Int) -> [Double] {
      (0..<columns * rows).map { x[$0 % rows * columns + $0 / rows] }
    }
    // Every combination of layouts.
    for (turnA, turnB) in [(false, false), (true, false), (false, true), (true, true)] {
      let c = Tensor(uninitialized: [m, n], on: device)
      let left =
        turnA
        ? Matrix(Tensor(transposed(a, m, k), [k, m], on: device)).transposed
        : Matrix(Tensor(a, [m, k], on: device))
      let right =
        turnB
        ? Matrix(Tensor(transposed(b, k, n), [n, k], on: device)).transposed
        : Matrix(Tensor(b, [k, n], on: device))
      matrixProduct(
        into: Matrix(c), left, right, m: m, n: n, k: k, bias: Tensor(bias, [n], on: device))
      let error = zip(c.download().doubles, expected).map { abs($0 - $1) }.max()!
      #expect(error < 2e-6 * Double(k) + 1e-5, "\(set) \(size) \(turnA) \(turnB): \(error)")
      // Accumulation starts each chain from the present value.
      matrixProduct(into: Matrix(c), left, right, m: m, n: n, k: k, accumulate: true)
      let twice = zip(c.download().doubles, expected).enumerated().map {
        abs($1.0 - (2 * $1.1 - Double(Float(bias[$0 % n]))))
      }.max()!
      #expect(twice < 4e-6 * Double(k) + 2e-5, "accumulate \(set) \(size): \(twice)")
    }
  }

  /// Rounds to nearest even, as the instruction's operands are rounded.
  private func rounded(_ x: Double) -> Double {
    let bits = Float(x).bitPattern
    return Double(Float(bitPattern: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) & 0xFFFF_0000))
  }

  /// bfloat16 factors and float sums; float32 if the CPU has no such product.
  @Test(
    arguments: sizes + [(5, 70, 33), (1, 40, 1700), (40, 31, 769), (260, 70, 1601), (97, 33, 7)])
  func bfloat16ProductsAreThoseOfRoundedFactors(_ size: (Int, Int, Int)) {
    let (m, n, k) = size
    let device = Device(threads: 2)
    func factors(_ count: Int, _ n: UInt32) -> [Double] {
      device.multipliesBFloat16 ? numbers(count, n).map(rounded) : numbers(count, n)
    }
    let (a, b) = (factors(m * k, 1), factors(k * n, 2))
    var expected = [Double](repeating: 0, count: m * n)
    for i in 0..<m {
      for j in 0..<n {
        expected[i * n + j] = (0..<k).reduce(0) { $0 + a[i * k + $1] * b[$1 * n + j] }
      }
    }
    func turned(_ x: [Double], _ rows: Int, _ columns: Int) -> [Double] {
      (0..<columns * rows).map { x[$0 % rows * columns + $0 / rows] }
    }
    let (x, y) = (numbers(m * k, 1), numbers(k * n, 2))
    for (turnA, turnB) in [(false, false), (true, false), (false, true), (true, true)] {
      let c = Tensor(repeating: 0, [m, n], on: device)
      let left =
        turnA
        ? Matrix(Tensor(turned(x, m, k), [k, m], on: device)).transposed
        : Matrix(Tensor(x, [m, k], on: device))
      let right =
        turnB
        ? Matrix(Tensor(turned(y, k, n), [n, k], on: device)).transposed
        : Matrix(Tensor(y, [k, n], on: device))
      for pass in 1...2 {
        matrixProduct(
          into: Matrix(c), left, right, m: m, n: n, k: k, accumulate: pass == 2,
          precision: .bfloat16)
        let error = zip(c.download().doubles, expected).map { abs($0 - Double(pass) * $1) }.max()!
        #expect(error < 4e-6 * Double(k) + 1e-5, "\(size) \(turnA) \(turnB): \(error)")
      }
    }
  }

  /// A sampled image must not depend on the images sampled with it.
  @Test(
    arguments: sets,
    [(false, ProductPrecision.full), (true, .full), (false, .bfloat16), (true, .bfloat16)])
  func aRowDependsOnItselfAlone(
    _ set: InstructionSet, _ layout: (turnB: Bool, precision: ProductPrecision)
  ) {
    let (turnB, precision) = layout
    let (m, n, k) = (61, 200, 800)
    let values = numbers(m * k, 4)
    let weights = numbers(n * k, 5)
    func product(rows: Range<Int>, threads: Int) -> [Float] {
      let device = Device(threads: threads, instructions: set)
      let a = Tensor(
        Array(values[rows.lowerBound * k..<rows.upperBound * k]), [rows.count, k], on: device)
      let b = turnB ? Tensor(weights, [n, k], on: device) : Tensor(weights, [k, n], on: device)
      let c = Tensor(uninitialized: [rows.count, n], on: device)
      matrixProduct(
        into: Matrix(c), Matrix(a), turnB ? Matrix(b).transposed : Matrix(b), m: rows.count, n: n,
        k: k, precision: precision)
      return c.download().floats
    }
    let whole = product(rows: 0..<m, threads: 1)
    for threads in [2, 3] { #expect(product(rows: 0..<m, threads: threads) == whole) }
    for rows in [0..<1, 5..<6, 60..<61, 3..<16, 12..<40] {
      #expect(
        product(rows: rows, threads: 2) == Array(whole[rows.lowerBound * n..<rows.upperBound * n]))
    }
  }
}
