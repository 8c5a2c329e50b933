// Improved precision and recall. Kynkaanniemi et al. 2019, arXiv 1904.06991.

import COpenBLAS
import Tensor

/// Shares of images inside the other side's manifold: the union of balls around its images, each
/// reaching to the third nearest image of its own side.
///
/// ADM (evaluator.py) and torch-fidelity (metric_prc.py) agree on this. ADM computes in float16 or
/// float32, torch-fidelity in float32, this in float64: an image at the very edge of a ball may
/// count differently.
package struct PrecisionRecall: Sendable, Equatable {
  /// Share of drawn images inside the reference's manifold.
  package let precision: Double
  /// Share of the reference's images inside the manifold of the drawn ones.
  package let recall: Double

  package static let neighbours = 3

  /// - Parameters:
  ///   - drawn: more than three rows
  ///   - reference: more than three rows
  ///   - progress: called with the share done; may throw to stop
  package init(
    drawn: FeatureTable, reference: FeatureTable, columns: Range<Int>, referenceColumns: Range<Int>,
    on device: Device, progress: (Double) throws -> Void = { _ in }
  ) throws {
    let (a, b) = (Points(drawn, columns), Points(reference, referenceColumns))
    let (n, m) = (Double(a.count), Double(b.count))
    let work = n * n + m * m + 2 * n * m
    var done = 0.0
    func step(_ pairs: Double) throws {
      done += pairs
      try progress(done / work)
    }
    let radii = (
      try a.squaredRadii(on: device, step: step), try b.squaredRadii(on: device, step: step)
    )
    precision = try a.share(inside: b, radii.1, on: device, step: step)
    recall = try b.share(inside: a, radii.0, on: device, step: step)
  }
}

/// Points of one side with their squared lengths.
private struct Points {
  let count: Int
  private let table: FeatureTable
  private let columns: Range<Int>
  private let lengths: [Double]
  /// Number of points whose distances are computed together.
  private static let block = 512

  init(_ table: FeatureTable, _ columns: Range<Int>) {
    precondition(table.count > PrecisionRecall.neighbours, "PrecisionRecall: \(table.count) images")
    (self.table, self.columns, count) = (table, columns, table.count)
    let d = columns.count
    var lengths: [Double] = []
    for first in stride(from: 0, to: table.count, by: Self.block) {
      let rows = first..<min(first + Self.block, table.count)
      let x = table.doubles(rows, columns: columns)
      for row in 0..<rows.count {
        lengths.append((row * d..<(row + 1) * d).reduce(0) { $0 + x[$1] * x[$1] })
      }
    }
    self.lengths = lengths
  }

  /// Squared distances of a block's points to those of another block, [block, other.block]:
  /// |x|^2 + |y|^2 - 2 x y.
  private func squaredDistances(
    _ rows: Range<Int>, _ x: [Double], to other: Points, _ columns: Range<Int>
  ) -> [Double] {
    let d = self.columns.count
    let y = other.table.doubles(columns, columns: other.columns)
    var distances = [Double](repeating: 0, count: rows.count * columns.count)
    cblas_dgemm(
      CblasRowMajor, CblasNoTrans, CblasTrans, blasint(rows.count), blasint(columns.count),
      blasint(d), -2, x, blasint(d), y, blasint(d), 0, &distances, blasint(columns.count))
    for (i, row) in rows.enumerated() {
      for (j, column) in columns.enumerated() {
        let at = i * columns.count + j
        let squared = distances[at] + lengths[row] + other.lengths[column]
        // The distance of a point to itself is 0, without rounding error.
        distances[at] = self.isSame(as: other) && row == column ? 0 : max(squared, 0)
      }
    }
    return distances
  }

  private func isSame(as other: Points) -> Bool { identity == other.identity }
  private let identity = Identity()
  private final class Identity: Equatable {
    static func == (a: Identity, b: Identity) -> Bool { a === b }
  }

  /// Calls `body` with the distances of every pair of blocks; the blocks of this side run on all
  /// threads.
  private func forBlocks(
    to other: Points, on device: Device, step: (Double) throws -> Void,
    _ body: @escaping (_ rows: Range<Int>, _ columns: Range<Int>, _ distances: [Double]) -> Void
  ) rethrows {
    let blocks = stride(from: 0, to: count, by: Self.block).map {
      $0..<min($0 + Self.block, count)
    }
    try withOneBLASThread {
      for first in stride(from: 0, to: blocks.count, by: device.threads) {
        let part = blocks[first..<min(first + device.threads, blocks.count)]
        device.parallelOnHost(part.count, cost: Self.block * other.count * columns.count) {
          for rows in part[first + $0.lowerBound..<first + $0.upperBound] {
            let x = table.doubles(rows, columns: columns)
            for start in stride(from: 0, to: other.count, by: Self.block) {
              let columns = start..<min(start + Self.block, other.count)
              body(rows, columns, squaredDistances(rows, x, to: other, columns))
            }
          }
        }
        try step(Double(part.reduce(0) { $0 + $1.count }) * Double(other.count))
      }
    }
  }

  /// For each point, the squared distance to its third nearest on the same side: the fourth
  /// smallest, as it counts itself.
  func squaredRadii(on device: Device, step: (Double) throws -> Void) rethrows -> [Double] {
    let kept = PrecisionRecall.neighbours + 1
    // The smallest distances of each point so far, rising.
    let nearest = UnsafeMutablePointer<Double>.allocate(capacity: count * kept)
    nearest.initialize(repeating: .infinity, count: count * kept)
    defer { nearest.deallocate() }
    try forBlocks(to: self, on: device, step: step) { rows, columns, distances in
      for (i, row) in rows.enumerated() {
        let least = nearest + row * kept
        for j in 0..<columns.count {
          let distance = distances[i * columns.count + j]
          guard distance < least[kept - 1] else { continue }
          var place = kept - 1
          while place > 0, least[place - 1] > distance {
            least[place] = least[place - 1]
            place -= 1
          }
          least[place] = distance
        }
      }
    }
    return (0..<count).map { nearest[$0 * kept + kept - 1] }
  }

  /// The share of these points that lie in a ball of the other side.
  func share(
    inside other: Points, _ radii: [Double], on device: Device, step: (Double) throws -> Void
  ) rethrows -> Double {
    let inside = UnsafeMutablePointer<Bool>.allocate(capacity: count)
    inside.initialize(repeating: false, count: count)
    defer { inside.deallocate() }
    try forBlocks(to: other, on: device, step: step) { rows, columns, distances in
      for (i, row) in rows.enumerated() where !inside[row] {
        inside[row] = (0..<columns.count).contains {
          distances[i * columns.count + $0] <= radii[columns.lowerBound + $0]
        }
      }
    }
    return Double((0..<count).count { inside[$0] }) / Double(count)
  }
}
