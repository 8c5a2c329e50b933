// Loads the batches of a training run.

import Tensor

/// The images of one training step.
package struct ImageBatch: Sendable, Equatable {
  /// Numbers of the images in the data set.
  package let images: [Int]
  package let labels: [Int]
}

/// Assembles batches, which depend only on data set, seed, step and settings.
package struct ImageLoader: Sendable {
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

  /// Number of a batch's pixel values.
  package var length: Int { batch * dataSet.size * dataSet.size * dataSet.channels }

  /// The images of a step.
  package mutating func batch(step: Int) -> ImageBatch {
    let images = order.images(step: step, batch: batch)
    return ImageBatch(images: images, labels: images.map { dataSet.labels[$0] })
  }

  /// Writes the pixels of chosen images to where the model reads them, as step 0 would have them.
  /// - Parameters:
  ///   - target: [batch, ...] in float32, an image after the other
  ///   - images: numbers of as many images in the data set
  package func fill(_ target: Tensor, with images: [Int]) {
    target.writeOnHost { fill($0, with: ImageBatch(images: images, labels: []), step: 0) }
  }

  /// Writes the pixels of a step's images, as numbers in [-1, 1].
  /// - Parameter numbers: [batch, ...], an image after the other; `length` of them
  package func fill(
    _ numbers: UnsafeMutableBufferPointer<Float>, with batch: ImageBatch, step: Int
  ) {
    precondition(numbers.count == length, "ImageLoader: \(numbers.count) numbers for \(length)")
    let each = length / self.batch
    for (place, image) in batch.images.enumerated() {
      augmentation.apply(
        dataSet.pixels(of: image), size: dataSet.size, channels: dataSet.channels, step: step,
        place: place,
        into: UnsafeMutableBufferPointer(rebasing: numbers[place * each..<(place + 1) * each]),
        at: places)
    }
  }
}
