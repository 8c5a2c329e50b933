// Where a model wants the numbers of an image.

/// The places of an image's pixels in memory: the numbers of pixel (y, x) begin at `rows[y] + columns[x]`,
/// its channels after each other.
package struct PixelPlaces: Sendable {
  let rows: [Int]
  let columns: [Int]

  /// - Parameters:
  ///   - rows: of each y, elements from the image's first
  ///   - columns: of each x, elements from the row's
  package init(rows: [Int], columns: [Int]) {
    precondition(
      rows.count == columns.count, "PixelPlaces: \(rows.count) rows, \(columns.count) columns")
    (self.rows, self.columns) = (rows, columns)
  }
}
