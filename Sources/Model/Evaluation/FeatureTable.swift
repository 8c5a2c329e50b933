// Features of many images, in the shards in which they were computed.

/// Rows of float32, one per image, in the order of the images; the shards are read in place.
package struct FeatureTable {
  package let count: Int
  /// Number of features per image.
  package let width: Int
  private let parts: [Part]

  private struct Part {
    let first: Int
    let rows: UnsafeRawBufferPointer
    let owner: AnyObject?
  }

  /// - Parameter parts: the rows of each shard, in order, and the object that keeps them
  package init(width: Int, parts: [(rows: UnsafeRawBufferPointer, owner: AnyObject?)]) {
    precondition(width > 0, "FeatureTable: width \(width)")
    self.width = width
    var first = 0
    self.parts = parts.map { part in
      precondition(part.rows.count % (4 * width) == 0, "FeatureTable: \(part.rows.count) bytes")
      defer { first += part.rows.count / (4 * width) }
      return Part(first: first, rows: part.rows, owner: part.owner)
    }
    count = first
  }

  /// A table of numbers in memory, [count, width].
  package init(_ values: [Float], width: Int) {
    let copy = OwnedRows(values)
    self.init(width: width, parts: [(copy.bytes, copy)])
  }

  private final class OwnedRows {
    let bytes: UnsafeRawBufferPointer

    init(_ values: [Float]) {
      let copy = UnsafeMutableRawBufferPointer.allocate(
        byteCount: values.count * 4, alignment: 64)
      values.withUnsafeBytes { copy.copyMemory(from: $0) }
      bytes = UnsafeRawBufferPointer(copy)
    }

    deinit { bytes.deallocate() }
  }

  private func part(of row: Int) -> Part {
    var (low, high) = (0, parts.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if parts[middle].first <= row { low = middle } else { high = middle }
    }
    // Empty shards before the row share its number.
    return parts[low]
  }

  /// Columns of some rows as float64, row-major, into `out`.
  package func gather(
    _ rows: some Collection<Int>, columns: Range<Int>, into out: UnsafeMutablePointer<Double>
  ) {
    precondition(columns.lowerBound >= 0 && columns.upperBound <= width, "gather: \(columns)")
    withUnsafeTemporaryAllocation(of: Float.self, capacity: columns.count) { line in
      var to = out
      for row in rows {
        precondition(row >= 0 && row < count, "gather: row \(row) of \(count)")
        let part = part(of: row)
        // A shard's bytes need not be aligned.
        let start = ((row - part.first) * width + columns.lowerBound) * 4
        UnsafeMutableRawBufferPointer(line).copyMemory(
          from: UnsafeRawBufferPointer(rebasing: part.rows[start..<start + columns.count * 4]))
        for i in 0..<columns.count { to[i] = Double(line[i]) }
        to += columns.count
      }
    }
  }

  /// Columns of some rows as an array of float64.
  package func doubles(_ rows: some Collection<Int>, columns: Range<Int>) -> [Double] {
    [Double](unsafeUninitializedCapacity: rows.count * columns.count) { buffer, made in
      if let start = buffer.baseAddress { gather(rows, columns: columns, into: start) }
      made = rows.count * columns.count
    }
  }
}
