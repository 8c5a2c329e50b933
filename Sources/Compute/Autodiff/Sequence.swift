// Sequences of tokens: lookup, concatenation and slices.

import CKernels
import Tensor

/// Rows of a table: [rows, width] -> [index.count, width].
package func embedding(_ table: Variable, index: Indices) -> Variable {
  let (rows, width) = table.value.dimensions2
  let count = index.count
  let out = Tensor(
    uninitialized: [count, width], type: table.value.type, on: table.value.device)
  out.run(
    .gatherRows(
      .init(
        out: out.address, table: table.value.address, index: index.address, rows: rows,
        width: width)), over: count)
  let place = table.place
  return table.tape.record(out, from: [table]) { tape, dout in
    tape.accumulate(into: place) { gradient, accumulate in
      if !accumulate { gradient.fill(with: 0) }
      gradient.run(
        .scatterAddRows(
          .init(
            table: gradient.address, x: dout.address, index: index.address, rows: count,
            width: width)), over: width)
    }
  }
}

/// a[batch, m, width] followed by b[batch, n, width]: [batch, m + n, width].
package func concatenatedTokens(_ a: Variable, _ b: Variable) -> Variable {
  let (batch, m, width) = a.value.dimensions3
  let n = b.shape[1]
  precondition(b.shape == [batch, n, width], "concatenatedTokens: \(a.shape) and \(b.shape)")
  let out = Tensor(
    uninitialized: [batch, m + n, width], type: a.value.type, on: a.value.device)
  out.copyTokens(0..<m, from: a.value, 0..<m)
  out.copyTokens(m..<m + n, from: b.value, 0..<n)
  let (first, second) = (a.place, b.place)
  return a.tape.record(out, from: [a, b]) { tape, dout in
    tape.accumulate(into: first) { $0.copyTokens(0..<m, from: dout, 0..<m, accumulate: $1) }
    tape.accumulate(into: second) { $0.copyTokens(0..<n, from: dout, m..<m + n, accumulate: $1) }
  }
}

/// x[:, range, :] of x[batch, tokens, width].
package func tokens(_ x: Variable, _ range: Range<Int>) -> Variable {
  let (batch, count, width) = x.value.dimensions3
  precondition(range.lowerBound >= 0 && range.upperBound <= count, "tokens: \(range) of \(count)")
  let out = Tensor(
    uninitialized: [batch, range.count, width], type: x.value.type, on: x.value.device)
  out.copyTokens(0..<range.count, from: x.value, range)
  let place = x.place
  return x.tape.record(out, from: [x]) { tape, dout in
    tape.accumulate(into: place) { gradient, accumulate in
      if !accumulate { gradient.fill(with: 0) }
      gradient.copyTokens(range, from: dout, 0..<range.count, accumulate: accumulate)
    }
  }
}

extension Tensor {
  /// self[:, to, :] = (or +=) other[:, from, :], for two [batch, tokens, width] of equal batch and
  /// width.
  package func copyTokens(
    _ to: Range<Int>, from other: Tensor, _ from: Range<Int>, accumulate: Bool = false
  ) {
    let (batch, mine, width) = dimensions3
    let theirs = other.shape[1]
    precondition(to.count == from.count && other.shape == [batch, theirs, width], "copyTokens")
    guard !to.isEmpty else { return }
    run(
      .copyBlock(
        .init(
          out: address(at: to.lowerBound * width), out_outer: mine * width, out_row: width,
          x: other.address(at: from.lowerBound * width), x_outer: theirs * width, x_row: width,
          rows: to.count, width: width, accumulate: accumulate)), over: batch)
  }
}

extension Tensor {
  /// The sum over the tokens of [batch, tokens, width]: [batch, width].
  package func tokenSums() -> Tensor {
    let (batch, tokens, width) = dimensions3
    let sums = Tensor(uninitialized: [batch, width], type: type, on: device)
    sums.run(
      .sumRepeats(
        .init(out: sums.address, x: address, outer: batch, repeats: tokens, inner: width)),
      over: width)
    return sums
  }

  /// Row `to` of self = row `from` of another tensor of the same width.
  package func copyRow(_ to: Int, from other: Tensor, _ from: Int) {
    precondition(other.width == width && to < rows && from < other.rows, "copyRow")
    run(
      .copyBlock(
        .init(
          out: address(at: to * width), out_outer: width, out_row: width,
          x: other.address(at: from * width), x_outer: width, x_row: width, rows: 1, width: width,
          accumulate: false)))
  }
}
