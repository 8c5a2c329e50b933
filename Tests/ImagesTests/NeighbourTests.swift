// Nearest training images, and the share of samples that are copies.

import Files
import Foundation
import Testing

@testable import Images

@Suite struct NeighbourTests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  /// Gray images of 32 x 32, cells of 2 x 2 pixels.
  private func dataSet(_ name: String, _ images: [[UInt8]]) throws -> PackedDataSet {
    let path = "\(scratch.path)/\(name)"
    let writer = try PackedDataSetWriter(path, size: 32, channels: 1)
    for image in images { try writer.append(image, label: 0) }
    _ = try writer.commit(classes: ["a"])
    return try PackedDataSet(path: path)
  }

  private func image(_ seed: Int) -> [UInt8] {
    var state = UInt32(seed) &* 2_654_435_761 | 1
    return (0..<1024).map { _ in
      state ^= state << 13
      state ^= state >> 17
      state ^= state << 5
      return UInt8(truncatingIfNeeded: state >> 8)
    }
  }

  /// The definition: means of cells, then the root of the mean squared difference.
  private func distance(_ a: [UInt8], _ b: [UInt8]) -> Double {
    func cells(_ image: [UInt8]) -> [Double] {
      (0..<256).map { cell -> Double in
        let corner = cell / 16 * 64 + cell % 16 * 2
        var sum = 0.0
        for at in [corner, corner + 1, corner + 32, corner + 33] { sum += Double(image[at]) }
        return (sum / 4 + 0.5).rounded(.down)
      }
    }
    var sum = 0.0
    for (p, q) in zip(cells(a), cells(b)) { sum += (p - q) * (p - q) }
    return (sum / 256).squareRoot()
  }

  @Test func theNearestAreThoseOfTheDefinition() throws {
    let images = (0..<40).map { image($0 + 1) }
    let wanted = image(1000)
    let index = NeighbourIndex(try dataSet("training", images))
    let found = index.nearest(5, to: 0, of: try dataSet("samples", [wanted]))
    let expected = images.indices.map { ($0, distance(wanted, images[$0])) }
      .sorted { ($0.1, $0.0) < ($1.1, $1.0) }.prefix(5)
    #expect(found.map(\.image) == expected.map(\.0))
    for (a, b) in zip(found, expected) { #expect(abs(a.distance - b.1) < 1e-9) }
  }

  @Test func anImageIsNotItsOwnNeighbour() throws {
    let data = try dataSet("training", [image(1), image(2), image(3)])
    let index = NeighbourIndex(data)
    #expect(index.nearest(1, to: 1, of: data)[0] == .init(image: 1, distance: 0))
    #expect(index.nearest(3, to: 1, of: data, isOneOfThem: true).map(\.image).sorted() == [0, 2])
  }

  /// A quarter of the samples are training images with noise, and none of those held out.
  @Test(arguments: [1, 3]) func copiesAreCounted(threads: Int) throws {
    let training = try dataSet("training", (0..<300).map { image($0 + 1) })
    let copies = (0..<5).map { i in
      image(i * 7 + 1).enumerated().map { $1 ^ UInt8($0 % 2) }
    }
    let samples = try dataSet("samples", copies + (0..<15).map { image(5000 + $0) })
    let held = try dataSet("held", (0..<50).map { image(9000 + $0) })
    var calls: [Int] = []
    let report = try CopyReport(
      samples: (0..<20).map { (samples, $0) }, training: training, heldOut: held, k: 2,
      threads: threads
    ) { done, total in
      calls.append(done)
      #expect(total == 20 + 300 + 50)
    }
    #expect(calls == Array(0..<370))
    #expect(report.neighbours.prefix(5).map { $0[0].image } == [0, 7, 14, 21, 28])
    #expect(report.share >= 0.25 && report.share < 0.35)
    #expect(try #require(report.heldOutShare) < 0.1)
    #expect(report.threshold > 5)
  }
}
