// Images that are held out of training, for its losses on them.

import Configuration
import Images
import JobKinds
import PRAModel
import StageInputs
import StageKit
import Training

/// The images that `training.validation` measures, always the same.
struct HeldOutImages {
  private let data: PackedDataSet
  private let images: [Int]
  private let loader: ImageLoader
  private let last: ImageLoader
  /// Images of one pass.
  private let most: Int
  private let require: @Sendable ([Int]) throws -> Bool

  /// Nil where the data set holds nothing out.
  init?(ofJob job: Int, _ model: PRAModel, _ session: StageSession) throws {
    guard try session.hasDataSet(ofJob: job, output: OutputName.validation) else { return nil }
    let data = try session.openDataSet(ofJob: job, output: OutputName.validation)
    guard data.count > 0 else { return nil }
    self.data = data
    require = try session.beginFetching(data)
    let training = model.configuration.training
    let count = min(data.count, training.validation.images)
    images = (0..<count).map { $0 * data.count / count }
    let most = min(count, training.microBatch ?? training.batch)
    self.most = most
    let places = model.sizes.pixelPlaces
    func loader(_ batch: Int) -> ImageLoader {
      ImageLoader(
        data, batch: batch, seed: model.configuration.seed,
        augmentation: Augmentation(crop: nil, flip: false, seed: model.configuration.seed),
        places: PixelPlaces(rows: places.rows, columns: places.columns))
    }
    self.loader = loader(most)
    last = loader(count % most == 0 ? most : count % most)
  }

  /// Waits until the images are on this machine, so that a measurement is never cut short.
  /// - Returns: false if the attempt is asked to stop first
  func waitUntilFetched() throws -> Bool { try require(images) }

  /// Measures the losses of the present weights.
  func losses(_ trainer: Trainer) -> [(name: String, value: Double)] {
    trainer.heldOutLosses(
      stride(from: 0, to: images.count, by: most).lazy.map { first in
        batch(first..<min(first + most, images.count), trainer.model)
      })
  }

  /// - Parameter places: those of the images among all that are measured
  private func batch(_ places: Range<Int>, _ model: PRAModel) -> TrainingBatch {
    let chosen = Array(images[places])
    let batch = TrainingBatch(
      uninitialized: [chosen.count, model.sizes.positions, model.sizes.patchWidth],
      type: model.type, on: model.device, firstPlace: places.lowerBound)
    (chosen.count == most ? loader : last).fill(batch.patches, with: chosen)
    batch.begin(step: 0, labels: chosen.map { data.labels[$0] })
    return batch
  }
}
