// The order of images in batches: model.md section 6.

import Tensor

/// The endless stream of image numbers. Each epoch is a permutation of its own, which depends only
/// on seed and epoch.
package struct DataOrder: Sendable {
  private let count: Int
  private let random: Philox
  private var epoch = -1
  private var permutation: [Int] = []

  /// - Parameter count: number of images in the data set
  package init(count: Int, seed: UInt64) {
    precondition(count > 0, "DataOrder: a data set without images")
    self.count = count
    random = Philox(seed: seed)
  }

  /// Numbers of the images of a step; position b of the batch is number step * batch + b of the
  /// stream.
  package mutating func images(step: Int, batch: Int) -> [Int] {
    (0..<batch).map { place in
      let number = step * batch + place
      prepare(epoch: number / count)
      return permutation[number % count]
    }
  }

  /// Sorts the images by (word0 << 32 | word1) of counter (index, epoch, 0, 8), ties by index.
  private mutating func prepare(epoch wanted: Int) {
    guard wanted != epoch else { return }
    let keys = (0..<count).map { index in
      let words = random.words(block: UInt32(index), a: UInt32(wanted), b: 0, stream: 8)
      return UInt64(words[0]) << 32 | UInt64(words[1])
    }
    permutation = (0..<count).sorted { (keys[$0], $0) < (keys[$1], $1) }
    epoch = wanted
  }
}
