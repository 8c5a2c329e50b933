// The images of a training step.

import Tensor

/// One step's images and labels. A recorded step reads each batch from the memory of the first.
package final class TrainingBatch {
  /// y, [batch, N, P].
  package let patches: Tensor
  package let count: Int
  /// Place of row 0 in the global batch.
  package let firstPlace: Int
  /// Classes before the drop.
  let labels: Indices
  /// The step's number, for the counters of random numbers.
  let stepOnDevice: DeviceList<UInt32>
  /// The batch of which this one is a slice; it holds the step.
  private let whole: TrainingBatch?
  private var ownStep: Int

  private init(
    _ patches: Tensor, _ labels: Indices, _ stepOnDevice: DeviceList<UInt32>, step: Int,
    firstPlace: Int, of whole: TrainingBatch? = nil
  ) {
    (self.patches, self.labels, self.stepOnDevice) = (patches, labels, stepOnDevice)
    (count, ownStep, self.firstPlace, self.whole) = (patches.shape[0], step, firstPlace, whole)
  }

  /// - Parameter labels: classes before the drop
  package convenience init(patches: Tensor, labels: [Int], step: Int, firstPlace: Int = 0) {
    precondition(patches.shape[0] == labels.count, "TrainingBatch: labels")
    self.init(
      patches, Indices(labels.map(Int32.init), on: patches.device),
      DeviceList([UInt32(step)], on: patches.device), step: step, firstPlace: firstPlace)
  }

  /// Memory for the batches of a training, written in place before each step.
  /// - Parameter shape: [batch, N, P]
  package convenience init(
    uninitialized shape: [Int], type: ElementType, on device: Device, firstPlace: Int = 0
  ) {
    self.init(
      Tensor(uninitialized: shape, type: type, on: device),
      Indices(uninitialized: shape[0], on: device), DeviceList(uninitialized: 1, on: device),
      step: -1, firstPlace: firstPlace)
  }

  /// The same batch in memory of its own.
  package convenience init(copying other: TrainingBatch) {
    let device = other.patches.device
    self.init(
      other.patches.copied(), Indices(uninitialized: other.count, on: device),
      DeviceList(uninitialized: 1, on: device), step: other.step, firstPlace: other.firstPlace)
    labels.copy(from: other.labels)
    stepOnDevice.copy(from: other.stepOnDevice)
  }

  /// The number of the batch's training step.
  package var step: Int { whole?.step ?? ownStep }

  /// A slice of rows, which keep their random numbers.
  package func slice(_ rows: Range<Int>) -> TrainingBatch {
    TrainingBatch(
      patches.slice(rows), labels.part(rows), stepOnDevice, step: 0,
      firstPlace: firstPlace + rows.lowerBound, of: self)
  }

  /// Names the images whose patches have been written in place.
  /// - Parameter labels: classes before the drop
  package func begin(step: Int, labels: [Int]) {
    precondition(labels.count == count && whole == nil, "TrainingBatch: \(labels.count) labels")
    self.labels.upload { Int32(labels[$0]) }
    begin(step)
  }

  /// Takes over another batch of the same size.
  package func load(_ other: TrainingBatch) {
    precondition(other.count == count && other.whole == nil, "TrainingBatch: another size")
    patches.copy(from: other.patches)
    labels.copy(from: other.labels)
    begin(other.step)
  }

  private func begin(_ step: Int) {
    ownStep = step
    stepOnDevice.upload { _ in UInt32(step) }
  }

  /// The counters of the rows' random numbers.
  var counters: RandomCounters {
    RandomCounters(step: stepOnDevice, firstB: UInt32(firstPlace))
  }
}
