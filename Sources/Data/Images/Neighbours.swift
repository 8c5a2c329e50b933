// The nearest training images of samples, which show whether a model copies.
//
// A model memorizes a small data set: its samples are then good, and worth nothing.

import CResampling
import Threads

/// Images made comparable by averaging over cells, so that a shift by a pixel or a little noise
/// hardly counts. Plain pixels would mostly compare edges; learnt or random features would say
/// nothing that an eye can check in the picture.
package struct NeighbourIndex: Sendable {
  /// Largest number of cells along a side. Each is the mean of its pixels, a box blur.
  private static let mostCells = 16

  private let side: Int
  private let channels: Int
  /// [images, side, side, channels]
  private let descriptions: [UInt8]
  private let length: Int
  package let count: Int

  /// - Parameter data: holds at least one image
  package init(_ data: PackedDataSet) {
    side = Self.cells(of: data.size)
    channels = data.channels
    length = side * side * channels
    count = data.count
    var all: [UInt8] = []
    all.reserveCapacity(count * length)
    for i in 0..<count { all += Self.description(of: data, i) }
    descriptions = all
  }

  /// A training image and its distance: the root of the mean squared difference of cells, 0 to 255.
  package struct Neighbour: Sendable, Equatable {
    package let image: Int
    package let distance: Double
  }

  /// The `k` nearest training images, nearest first, ties by number.
  /// - Parameters:
  ///   - data, image: the image compared, of the size of the indexed images
  ///   - isOneOfThem: whether to leave out the image itself
  package func nearest(
    _ k: Int, to image: Int, of data: PackedDataSet, isOneOfThem: Bool = false
  ) -> [Neighbour] {
    let wanted = Self.description(of: data, image)
    precondition(wanted.count == length, "nearest: images of two sizes")
    var best: [(squares: Int, image: Int)] = []
    for other in 0..<count where !(isOneOfThem && other == image) {
      let squares = squares(wanted, other)
      guard best.count < k || squares < best[best.count - 1].squares else { continue }
      let place = best.firstIndex { squares < $0.squares } ?? best.count
      best.insert((squares, other), at: place)
      if best.count > k { best.removeLast() }
    }
    return best.map {
      Neighbour(image: $0.image, distance: (Double($0.squares) / Double(length)).squareRoot())
    }
  }

  private func squares(_ wanted: [UInt8], _ other: Int) -> Int {
    descriptions.withUnsafeBufferPointer { all in
      wanted.withUnsafeBufferPointer { wanted in
        Int(
          squared_differences(
            wanted.baseAddress, all.baseAddress! + other * length, Int64(length)))
      }
    }
  }

  private static func cells(of size: Int) -> Int {
    var side = size
    while side > mostCells, side % 2 == 0 { side /= 2 }
    return side
  }

  /// Means of cells, rounded to nearest.
  private static func description(of data: PackedDataSet, _ image: Int) -> [UInt8] {
    let side = cells(of: data.size)
    let (width, channels) = (data.size / side, data.channels)
    let pixels = data.pixels(of: image)
    var out: [UInt8] = []
    out.reserveCapacity(side * side * channels)
    for y in 0..<side {
      for x in 0..<side {
        for c in 0..<channels {
          var sum = width * width / 2
          for j in 0..<width {
            let row = ((y * width + j) * data.size + x * width) * channels + c
            for i in 0..<width { sum += Int(pixels[row + i * channels]) }
          }
          out.append(UInt8(sum / (width * width)))
        }
      }
    }
    return out
  }
}

/// Distances of samples to the training images, compared with those between training images.
package struct CopyReport: Sendable {
  /// The nearest training images of each sample.
  package let neighbours: [[NeighbourIndex.Neighbour]]
  /// Distance below which an image counts as a near-duplicate: the first percentile of the training
  /// images' distances to their nearest other one, so that 99 of 100 real images are farther away.
  package let threshold: Double
  /// Share of samples nearer than the threshold.
  package let share: Double
  /// The same share of images that were held out; nil without any. A model that copies nothing has
  /// about this share.
  package let heldOutShare: Double?

  /// Largest number of training images from which the threshold is computed.
  private static let mostCalibrated = 2_000
  private static let mostHeldOut = 2_000

  /// - Parameters:
  ///   - samples: of the same size as the data set's images
  ///   - progress: called with the images compared and their number; may throw to stop
  /// - Throws: the error that `progress` throws
  package init(
    samples: [(data: PackedDataSet, image: Int)], training: PackedDataSet, heldOut: PackedDataSet?,
    k: Int, threads: Int, progress: (_ done: Int, _ total: Int) throws -> Void
  ) throws {
    precondition(training.count > 1 && !samples.isEmpty, "CopyReport: nothing to compare")
    let index = NeighbourIndex(training)
    let calibrated = min(training.count, Self.mostCalibrated)
    let held = min(heldOut?.count ?? 0, Self.mostHeldOut)
    let total = samples.count + calibrated + held
    var done = 0

    func run(
      _ count: Int, _ find: @escaping @Sendable (Int) -> [NeighbourIndex.Neighbour]
    ) throws -> [[NeighbourIndex.Neighbour]] {
      var found: [[NeighbourIndex.Neighbour]] = []
      try OrderedWork.run(0..<count, threads: threads, compute: find) { _, neighbours in
        try progress(done, total)
        found.append(neighbours)
        done += 1
      }
      return found
    }

    // Evenly spread, since images are sorted by class.
    let among = try run(calibrated) {
      index.nearest(1, to: $0 * training.count / calibrated, of: training, isOneOfThem: true)
    }
    let distances = among.map { $0[0].distance }.sorted()
    let limit = distances[distances.count / 100]
    neighbours = try run(samples.count) {
      index.nearest(k, to: samples[$0].image, of: samples[$0].data)
    }
    func share(_ all: [[NeighbourIndex.Neighbour]]) -> Double {
      Double(all.filter { $0[0].distance < limit || $0[0].distance == 0 }.count) / Double(all.count)
    }
    threshold = limit
    self.share = share(neighbours)
    if let heldOut, held > 0 {
      heldOutShare = share(
        try run(held) { index.nearest(1, to: $0 * heldOut.count / held, of: heldOut) })
    } else {
      heldOutShare = nil
    }
  }
}
