// Sequences of tokens: lookup, concatenation and slices.

import CKernels
import Tensor

/// Rows of a table: [rows, width] -> [index.count, width].
package func embedding(_ table: Variable, index: Indices) -> Variable {
  let (rows, width) = table.value.dimensions2
  let count = index.count
  let out = Tensor(
    uninitialized: [count, width], type: table.value.type, on: table.value.device)
  let gather = out.kernels.pointee.gather_rows!
  let (to, from, numbers) = (out.pointer, table.value.pointer, index.pointer)
  out.device.perform {
    for i in 0..<count {
      precondition(numbers[i] >= 0 && numbers[i] < rows, "embedding: index outside 0..<\(rows)")
    }
    gather(to, from, numbers, Int64(width), 0, Int64(count))
  }
  let place = table.place
  return table.tape.record(out, from: [table]) { tape, dout in
    tape.accumulate(into: place) { gradient, accumulate in
      if !accumulate { gradient.fill(with: 0) }
      let scatter = gradient.kernels.pointee.scatter_add_rows!
      let (to, from, numbers) = (gradient.pointer, dout.pointer, index.pointer)
      gradient.device.perform {
        scatter(to, from, numbers, Int64(count), Int64(width), 0, Int64(width))
      }
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
    let out = pointer(at: to.lowerBound * width)
    let source = other.pointer(at: from.lowerBound * width)
    let kernel = kernels.pointee.copy_block!
    let rows = Int64(to.count)
    device.parallel(batch, cost: to.count * width) { begin, end, _ in
      kernel(
        out, Int64(mine * width), Int64(width), source, Int64(theirs * width), Int64(width), rows,
        Int64(width), accumulate ? 1 : 0, begin, end)
    }
  }
}

extension Tensor {
  /// Row `to` of self = row `from` of another tensor of the same width.
  package func copyRow(_ to: Int, from other: Tensor, _ from: Int) {
    precondition(other.width == width && to < rows && from < other.rows, "copyRow")
    device.copy(
      to: pointer(at: to * width), from: other.pointer(at: from * width),
      byteCount: width * type.size)
  }
}
