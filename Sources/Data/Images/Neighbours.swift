// Is a model copying? The nearest training images of its samples.
//
// Small sets are memorised: then samples are good and worth nothing.

/// Images made comparable: averaged over cells, so that a shift by a pixel or a little noise counts for
/// little. Plain pixels would mostly compare edges; learnt or random features would say nothing that an
/// eye can check in the picture.
package struct NeighbourIndex: Sendable {
  /// Cells of a side, at most: each is the mean of as many pixels, a box blur of the same width.
  private static let mostCells = 16

  private let side: Int
  private let channels: Int
  /// [images, side, side, channels]
  private let descriptions: [UInt8]
  private let length: Int
  package let count: Int

  /// - Parameter data: images of at least one
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

  /// The `k` nearest, nearest first, ties by number.
  /// - Parameters:
  ///   - data, image: what they are near to; of the size of the indexed images
  ///   - isOneOfThem: leaves the image itself out
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
        let start = other * length
        var sum = 0
        // Parts that cannot overflow 32 bits: 255 squared times 16,384.
        var i = 0
        while i < length {
          let end = min(i + 16_384, length)
          var part: UInt32 = 0
          while i < end {
            let difference = Int32(wanted[i]) - Int32(all[start + i])
            part &+= UInt32(bitPattern: difference &* difference)
            i += 1
          }
          sum += Int(part)
        }
        return sum
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

/// How near samples are to the training images, beside how near those are to each other.
package struct CopyReport: Sendable {
  /// Of each sample the nearest training images.
  package let neighbours: [[NeighbourIndex.Neighbour]]
  /// Distance below which an image counts as a near-duplicate: the first percentile of the distances of
  /// training images to their nearest other one. Nearer to one than 99 of 100 real images are.
  package let threshold: Double
  /// Share of samples nearer than that.
  package let share: Double
  /// The same of images that were held out; nil without any. What a model that copies nothing has.
  package let heldOutShare: Double?

  /// Training images whose nearest other one says what is near.
  private static let mostCalibrated = 2_000
  private static let mostHeldOut = 2_000

  /// - Parameters:
  ///   - samples: all of the data set's size
  ///   - progress: images compared and their number; may throw to stop
  /// - Throws: what `progress` throws
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

    // Evenly spread over the classes, which lie one after the other.
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
