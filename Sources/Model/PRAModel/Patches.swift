// Images as sequences of patches (model.md section 2).

import Tensor

/// Cuts images into patches.
/// - Parameter images: [batch, size, size, channels], row-major
/// - Returns: [batch, N, P], same order of images
package func cutIntoPatches(
  _ images: [Float], batch: Int, sizes: ModelSizes, type: ElementType = .float32,
  on device: Device
) -> Tensor {
  var cut = [Float](repeating: 0, count: images.count)
  rearrange(sizes, batch: batch) { patched, raster, count in
    for i in 0..<count { cut[patched + i] = images[raster + i] }
  }
  return Tensor(cut, [batch, sizes.positions, sizes.patchWidth], type: type, on: device)
}

/// The inverse: [batch, N, P] -> images [batch, size, size, channels].
package func joinPatches(_ patches: Tensor, sizes: ModelSizes) -> [Float] {
  let from = patches.download().floats
  var images = [Float](repeating: 0, count: from.count)
  rearrange(sizes, batch: patches.shape[0]) { patched, raster, count in
    for i in 0..<count { images[raster + i] = from[patched + i] }
  }
  return images
}

extension ModelSizes {
  /// Where a pixel's numbers begin among those of its image cut into patches, at `rows[y] + columns[x]`:
  /// patches lie in raster order, inside a patch (row, column, channel).
  package var pixelPlaces: (rows: [Int], columns: [Int]) {
    let (p, channels) = (configuration.image.patch, configuration.image.channels)
    let side = 0..<grid * p
    return (
      rows: side.map { y in y / p * grid * patchWidth + y % p * p * channels },
      columns: side.map { x in x / p * patchWidth + x % p * channels }
    )
  }
}

/// Visits the runs of pixels that are contiguous in both layouts: one row of one patch.
private func rearrange(
  _ sizes: ModelSizes, batch: Int, _ visit: (_ patched: Int, _ raster: Int, _ count: Int) -> Void
) {
  let (p, places) = (sizes.configuration.image.patch, sizes.pixelPlaces)
  let run = p * sizes.configuration.image.channels
  var raster = 0
  for b in 0..<batch {
    let image = b * sizes.positions * sizes.patchWidth
    for row in places.rows {
      for column in stride(from: 0, to: places.columns.count, by: p) {
        visit(image + row + places.columns[column], raster, run)
        raster += run
      }
    }
  }
}
