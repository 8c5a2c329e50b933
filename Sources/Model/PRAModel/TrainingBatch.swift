// The images of a training step.

import Tensor

/// One step's images and labels. A recorded step reads each batch from the memory of the first.
package final class TrainingBatch {
  /// y, [batch, N, P].
  package let patches: Tensor
  package let count: Int
  /// Place of row 0 in the global batch.
  package let firstPlace: Int
  /// The batch of which this one is a slice; it holds labels and step.
  private let whole: TrainingBatch?
  /// Classes before the drop; empty in a slice.
  package private(set) var labels: [Int]
  private var ownStep: Int

  /// - Parameter labels: classes before the drop
  package init(patches: Tensor, labels: [Int], step: Int, firstPlace: Int = 0) {
    precondition(patches.shape[0] == labels.count, "TrainingBatch: labels")
    self.patches = patches
    self.labels = labels
    self.firstPlace = firstPlace
    count = labels.count
    ownStep = step
    whole = nil
  }

  /// Memory for the batches of a training, written in place before each step.
  /// - Parameter shape: [batch, N, P]
  package init(uninitialized shape: [Int], type: ElementType, on device: Device) {
    patches = Tensor(uninitialized: shape, type: type, on: device)
    count = shape[0]
    firstPlace = 0
    whole = nil
    (labels, ownStep) = ([], -1)
  }

  private init(_ rows: Range<Int>, of whole: TrainingBatch) {
    patches = whole.patches.slice(rows)
    count = rows.count
    firstPlace = whole.firstPlace + rows.lowerBound
    self.whole = whole
    (labels, ownStep) = ([], 0)
  }

  /// The number of the batch's training step.
  package var step: Int { whole?.step ?? ownStep }

  /// A row's class before the drop.
  package func label(_ row: Int) -> Int {
    guard let whole else { return labels[row] }
    return whole.label(row + firstPlace - whole.firstPlace)
  }

  /// A slice of rows, which keep their random numbers.
  package func slice(_ rows: Range<Int>) -> TrainingBatch { TrainingBatch(rows, of: self) }

  /// Names the images whose patches have been written in place.
  /// - Parameter labels: classes before the drop
  package func begin(step: Int, labels: [Int]) {
    precondition(labels.count == count && whole == nil, "TrainingBatch: \(labels.count) labels")
    (self.labels, ownStep) = (labels, step)
  }

  /// Takes over another batch of the same size.
  package func load(_ other: TrainingBatch) {
    precondition(other.count == count && other.whole == nil, "TrainingBatch: another size")
    patches.copy(from: other.patches)
    (labels, ownStep) = (other.labels, other.step)
  }

  /// The counter words of a row's random numbers.
  func counter(_ row: Int) -> (a: UInt32, b: UInt32) {
    (a: UInt32(step), b: UInt32(firstPlace + row))
  }
}
