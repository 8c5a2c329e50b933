// Blocks of rows: concatenation, slices, sums.

import CKernels

extension Tensor {
  /// Concatenates tensors of equal width along the first dimension.
  package static func stacked(_ parts: [Tensor]) -> Tensor {
    let first = parts[0]
    precondition(
      parts.allSatisfy { $0.shape.dropFirst() == first.shape.dropFirst() && $0.type == first.type },
      "stacked: shapes \(parts.map(\.shape))")
    let out = Tensor(
      uninitialized: [parts.reduce(0) { $0 + $1.shape[0] }] + first.shape.dropFirst(),
      type: first.type, on: first.device)
    var at = 0
    for part in parts {
      out.device.copy(to: out.address(at: at), from: part.address, bytes: part.byteCount)
      at += part.count
    }
    return out
  }

  /// A copy of self[range] along the first dimension.
  package func slice(_ range: Range<Int>) -> Tensor {
    precondition(range.lowerBound >= 0 && range.upperBound <= shape[0], "slice: \(range)")
    let out = Tensor(
      uninitialized: [range.count] + shape.dropFirst(), type: type, on: device)
    let each = shape[0] == 0 ? 0 : count / shape[0]
    device.copy(
      to: out.address, from: address(at: range.lowerBound * each), bytes: out.byteCount)
    return out
  }

  /// alpha * self + beta * other, of equal shapes.
  package func combined(_ alpha: Double, _ beta: Double, _ other: Tensor) -> Tensor {
    precondition(other.shape == shape && other.type == type, "combined: \(shape), \(other.shape)")
    let out = Tensor(uninitialized: shape, type: type, on: device)
    out.combine(alpha, self, beta, other)
    return out
  }

  /// self = alpha * x + beta * y; self may be one of them.
  package func combine(_ alpha: Double, _ x: Tensor, _ beta: Double, _ y: Tensor) {
    run(
      .combine(
        .init(out: address, alpha: alpha, x: x.address, beta: beta, y: y.address, width: width)),
      over: rows)
  }
}
