// Loads the batches of a training run.

/// The images of one training step.
package struct ImageBatch: Sendable {
  package let step: Int
  /// Numbers of the images in the data set.
  package let images: [Int]
  package let labels: [Int]
  /// [batch, size, size, channels], in [-1, 1].
  package let pixels: [Float]
}

/// Assembles batches, which depend only on data set, seed, step and settings.
package struct ImageLoader {
  private let dataSet: PackedDataSet
  private let augmentation: Augmentation
  private let batch: Int
  private var order: DataOrder

  package init(_ dataSet: PackedDataSet, batch: Int, seed: UInt64, augmentation: Augmentation) {
    self.dataSet = dataSet
    self.augmentation = augmentation
    self.batch = batch
    order = DataOrder(count: dataSet.count, seed: seed)
  }

  package mutating func batch(step: Int) -> ImageBatch {
    let images = order.images(step: step, batch: batch)
    let length = dataSet.size * dataSet.size * dataSet.channels
    let pixels = [Float](unsafeUninitializedCapacity: batch * length) { buffer, initialized in
      for (place, image) in images.enumerated() {
        augmentation.apply(
          dataSet.pixels(of: image), size: dataSet.size, channels: dataSet.channels, step: step,
          place: place,
          into: UnsafeMutableBufferPointer(
            rebasing: buffer[place * length..<(place + 1) * length]))
      }
      initialized = batch * length
    }
    return ImageBatch(
      step: step, images: images, labels: images.map { dataSet.labels[$0] }, pixels: pixels)
  }
}
