// A profile as a table, beside what the machine can do.

import Tensor

/// The limits of a machine, measured in the process whose operations they are compared with.
package struct MachineLimits: Sendable {
  /// Floating-point operations of large matrix products in a second, on all threads; a multiply-add
  /// is two.
  package let products: Double
  package let precision: ProductPrecision
  /// Bytes read and written in a second by a copy that fits no cache.
  package let memory: Double

  package init(products: Double, precision: ProductPrecision, memory: Double) {
    (self.products, self.precision, self.memory) = (products, precision, memory)
  }

  /// The best of some products of the sizes of a large model, and of some copies.
  package init(of device: Device, _ precision: ProductPrecision, rounds: Int = 3) {
    var products = 0.0
    for (rows, inputs, outputs) in [(2176, 768, 2304), (2176, 2048, 768)] {
      let x = Tensor(repeating: 0.5, [rows, inputs], on: device)
      let w = Tensor(repeating: 0.25, [outputs, inputs], on: device)
      let y = Tensor(uninitialized: [rows, outputs], on: device)
      for _ in 0..<rounds {
        let spent = seconds {
          matrixProduct(
            into: Matrix(y), Matrix(x), Matrix(w).transposed, m: rows, n: outputs, k: inputs,
            precision: precision)
        }
        products = max(products, 2 * Double(rows * inputs * outputs) / spent)
      }
    }
    let from = Tensor(repeating: 1, [48 << 20], on: device)
    let to = Tensor(repeating: 0, [48 << 20], on: device)
    let spent = (0...rounds).map { _ in seconds { to.copy(from: from) } }.min()!
    self.init(
      products: products, precision: precision, memory: 2 * Double(from.byteCount) / spent)
  }
}

/// Seconds of some work.
package func seconds(_ work: () throws -> Void) rethrows -> Double {
  let spent = try ContinuousClock().measure(work).components
  return Double(spent.seconds) + Double(spent.attoseconds) * 1e-18
}

extension MachineLimits {
  /// A line for every kind of operation of one round, the slowest kind first.
  ///
  /// `at least` is the time that its operations would take at the rate of products, or its bytes at
  /// the rate of copies, whichever is longer. Numbers that stay in a cache move faster than a copy.
  /// - Parameters:
  ///   - rows: of all rounds
  ///   - seconds: of one round, with what the host did between operations
  package func table(_ rows: [ProfiledOperation], rounds: Int, seconds: Double) -> String {
    let all = rows.reduce(0) { $0 + $1.seconds }
    func line(_ name: String, _ count: Int, _ spent: Double, _ operations: Double, _ bytes: Double)
      -> [String]
    {
      let (each, rate, moved) = (Double(rounds), operations / spent, bytes / spent)
      return [
        name, "\(count / rounds)", decimal(1e3 * spent / each, 3),
        "\(decimal(100 * spent / all, 1)) %", decimal(1e-9 * operations / each, 3),
        decimal(1e-9 * rate, 1), "\(decimal(100 * rate / products, 0)) %",
        decimal(1e-6 * bytes / each, 2), decimal(1e-9 * moved, 1),
        "\(decimal(100 * moved / memory, 0)) %",
        decimal(1e3 * max(operations / products, bytes / memory) / each, 3),
      ]
    }
    let lines = rows.map { line($0.name, $0.count, $0.seconds, $0.operations, $0.bytes) }
    let sum = line(
      "all operations", rows.reduce(0) { $0 + $1.count }, all,
      rows.reduce(0) { $0 + $1.operations }, rows.reduce(0) { $0 + $1.bytes })
    let least = rows.reduce(0) {
      $0 + max($1.operations / products, $1.bytes / memory) / Double(rounds)
    }
    let head = [
      "operation", "runs", "ms", "share", "GFLOP", "GF/s", "of limit", "MB", "GB/s", "of limit",
      "at least ms",
    ]
    let kind = precision == .bfloat16 ? "bf16" : "fp32"
    return """
      limits, measured here: products \(decimal(1e-9 * products, 1)) GF/s (\(kind)), copies \
      \(decimal(1e-9 * memory, 1)) GB/s

      \(columns([head] + lines + [Array(sum.dropLast()) + [decimal(1e3 * least, 3)]]))

      one round \(decimal(1e3 * seconds, 3)) ms, of it \(decimal(1e3 * all / Double(rounds), 3)) ms \
      in operations
      """
  }
}

/// Cells under each other, the first of a line to the left and the others to the right.
private func columns(_ lines: [[String]]) -> String {
  let widths = lines[0].indices.map { i in lines.map { $0[i].count }.max()! }
  return lines.map { cells in
    cells.enumerated().map { i, cell in
      let blanks = String(repeating: " ", count: widths[i] - cell.count)
      return i == 0 ? cell + blanks : blanks + cell
    }.joined(separator: "  ")
  }.joined(separator: "\n")
}

/// A number that is not negative, with so many digits after the point.
private func decimal(_ x: Double, _ digits: Int) -> String {
  guard x.isFinite else { return "-" }
  var scale = 1.0
  for _ in 0..<digits { scale *= 10 }
  let whole = String(Int((x * scale).rounded()))
  guard digits > 0 else { return whole }
  let filled = String(repeating: "0", count: max(0, digits + 1 - whole.count)) + whole
  return "\(filled.dropLast(digits)).\(filled.suffix(digits))"
}
