// Loads the batches of a training run.

import Tensor

/// The images of one training step.
package struct ImageBatch: Sendable {
  /// Numbers of the images in the data set.
  package let images: [Int]
  package let labels: [Int]
}

/// Assembles batches, which depend only on data set, seed, step and settings.
package struct ImageLoader {
  private let dataSet: PackedDataSet
  private let augmentation: Augmentation
  private let places: PixelPlaces
  private let batch: Int
  private var order: DataOrder

  /// - Parameter places: of pixels within their image
  package init(
    _ dataSet: PackedDataSet, batch: Int, seed: UInt64, augmentation: Augmentation,
    places: PixelPlaces
  ) {
    self.dataSet = dataSet
    self.augmentation = augmentation
    self.places = places
    self.batch = batch
    order = DataOrder(count: dataSet.count, seed: seed)
  }

  /// Writes the pixels of a step's images, as numbers in [-1, 1], to where the model reads them.
  /// - Parameter target: [batch, ...] in float32, an image after the other
  package mutating func fill(_ target: Tensor, step: Int) -> ImageBatch {
    let images = order.images(step: step, batch: batch)
    let length = dataSet.size * dataSet.size * dataSet.channels
    precondition(
      target.count == batch * length,
      "ImageLoader: \(batch) images of \(length) into \(target.shape)")
    target.withHostElements { numbers in
      for (place, image) in images.enumerated() {
        augmentation.apply(
          dataSet.pixels(of: image), size: dataSet.size, channels: dataSet.channels, step: step,
          place: place,
          into: UnsafeMutableBufferPointer(
            rebasing: numbers[place * length..<(place + 1) * length]), at: places)
      }
    }
    return ImageBatch(images: images, labels: images.map { dataSet.labels[$0] })
  }
}
