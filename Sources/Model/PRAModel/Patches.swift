// Images as sequences of patches (model.md section 2).

import Tensor

/// Cuts images into patches in raster order, inside a patch (row, column, channel).
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
  let from = patches.floats
  var images = [Float](repeating: 0, count: from.count)
  rearrange(sizes, batch: patches.shape[0]) { patched, raster, count in
    for i in 0..<count { images[raster + i] = from[patched + i] }
  }
  return images
}

/// Visits the runs of pixels that are contiguous in both layouts: one row of one patch.
private func rearrange(
  _ sizes: ModelSizes, batch: Int, _ visit: (_ patched: Int, _ raster: Int, _ count: Int) -> Void
) {
  let (p, grid) = (sizes.configuration.image.patch, sizes.grid)
  let run = p * sizes.configuration.image.channels
  var patched = 0
  for b in 0..<batch {
    for patchRow in 0..<grid {
      for patchColumn in 0..<grid {
        for row in 0..<p {
          let line = (b * grid + patchRow) * p + row
          visit(patched, (line * grid + patchColumn) * run, run)
          patched += run
        }
      }
    }
  }
}
