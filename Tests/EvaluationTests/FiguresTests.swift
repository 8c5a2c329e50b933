// FID, IS, KID, precision and recall against torch-fidelity and pytorch-fid (ops/oracle/metrics.py).

import Foundation
import Inception
import Tensor
import Testing

@testable import Evaluation

private struct Golden: Decodable {
  struct Side: Decodable {
    let pool, spatial, logits: [[Float]]
  }

  let drawn, reference: Side
  let subsets, subsetSize, split: Int
  let figures: [String: Double]
  let permutation, choice: [Int]
  let word: UInt32

  init() throws {
    let url = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Golden/inception/figures.json")
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    self = try decoder.decode(Golden.self, from: Data(contentsOf: url))
  }
}

private func table(_ rows: [[Float]]) -> FeatureTable {
  FeatureTable(rows.flatMap { $0 }, width: rows[0].count)
}

/// A table whose rows lie in shards, at odd addresses.
private func sharded(_ rows: [[Float]], _ sizes: [Int]) -> FeatureTable {
  var first = 0
  return FeatureTable(
    width: rows[0].count,
    parts: sizes.map { size in
      let values = rows[first..<first + size].flatMap { $0 }
      first += size
      let owner = UnalignedBytes(values)
      return (owner.bytes, owner)
    })
}

private final class UnalignedBytes {
  private let memory: UnsafeMutableRawBufferPointer
  let bytes: UnsafeRawBufferPointer

  init(_ values: [Float]) {
    memory = .allocate(byteCount: values.count * 4 + 1, alignment: 16)
    let shifted = UnsafeMutableRawBufferPointer(rebasing: memory[1...])
    values.withUnsafeBytes { shifted.copyMemory(from: $0) }
    bytes = UnsafeRawBufferPointer(shifted)
  }

  deinit { memory.deallocate() }
}

@Suite struct FiguresTests {
  @Test func numpysStreamIsExact() throws {
    let golden = try Golden()
    var random = NumpyRandom(seed: 2020)
    #expect(random.permutation(1000) == golden.permutation)
    #expect(random.choice(777, 20) == golden.choice)
    #expect(random.next() == golden.word)
  }

  @Test func frechetDistancesAreThoseOfBothPackages() throws {
    let golden = try Golden()
    func distance(_ part: KeyPath<Golden.Side, [[Float]]>) throws -> Double {
      let sides = try [golden.drawn, golden.reference].map {
        try FeatureStatistics(table($0[keyPath: part]), columns: 0..<$0[keyPath: part][0].count)
      }
      return frechetDistance(sides[0], sides[1])
    }
    let fid = try distance(\.pool)
    #expect(abs(fid - golden.figures["fid"]!) < 1e-6 * fid)
    #expect(abs(fid - golden.figures["fid.pytorch-fid"]!) < 1e-6 * fid)
    let sfid = try distance(\.spatial)
    #expect(abs(sfid - golden.figures["sfid"]!) < 1e-6 * sfid)
  }

  @Test func scoresAreThoseOfBothConventions() throws {
    let golden = try Golden()
    let logits = table(golden.drawn.logits)
    let columns = 0..<logits.width
    let fidelity = InceptionScore(torchFidelity: logits, columns: columns)
    #expect(abs(fidelity.mean - golden.figures["is"]!) < 1e-6)
    #expect(abs(fidelity.deviation - golden.figures["is.deviation"]!) < 1e-6)
    let adm = InceptionScore(adm: logits, columns: columns, part: golden.split)
    #expect(abs(adm.mean - golden.figures["is.adm"]!) < 1e-6)
  }

  @Test func kernelDistanceIsTorchFidelitys() throws {
    let golden = try Golden()
    let (drawn, reference) = (table(golden.drawn.pool), table(golden.reference.pool))
    for threads in [1, 3] {
      let kid = try KernelDistance(
        drawn: drawn, reference: reference, columns: 0..<12, referenceColumns: 0..<12,
        size: golden.subsetSize, subsets: golden.subsets, on: Device(threads: threads))
      #expect(abs(kid.mean - golden.figures["kid"]!) < 1e-6)
      #expect(abs(kid.deviation - golden.figures["kid.deviation"]!) < 1e-6)
    }
  }

  @Test func precisionAndRecallAreTorchFidelitys() throws {
    let golden = try Golden()
    let result = try PrecisionRecall(
      drawn: table(golden.drawn.pool), reference: table(golden.reference.pool), columns: 0..<12,
      referenceColumns: 0..<12, on: Device(threads: 2))
    #expect(abs(result.precision - golden.figures["precision"]!) < 1e-6)
    #expect(abs(result.recall - golden.figures["recall"]!) < 1e-6)
  }

  /// More rows than a block of distances or moments holds.
  @Test func blocksAreWholeTables() throws {
    let random = Philox(seed: 4)
    func rows(_ count: Int, _ b: UInt32, shift: Double) -> [[Float]] {
      let values = random.normals(count * 3, a: 0, b: b, stream: 30)
      return (0..<count).map { i in (0..<3).map { Float(values[3 * i + $0] + shift) } }
    }
    let (a, b) = (rows(1100, 1, shift: 0), rows(700, 2, shift: 1))
    let result = try PrecisionRecall(
      drawn: table(a), reference: table(b), columns: 0..<3, referenceColumns: 0..<3,
      on: Device(threads: 2))
    func distance(_ x: [Float], _ y: [Float]) -> Double {
      zip(x, y).reduce(0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
    }
    func share(_ x: ArraySlice<[Float]>, in y: [[Float]]) -> Double {
      let radii = y.map { centre in y.map { distance($0, centre) }.sorted()[3] }
      let inside = x.count { point in
        zip(y, radii).contains { distance(point, $0.0) <= $0.1 + 1e-6 }
      }
      return Double(inside) / Double(x.count)
    }
    #expect(abs(result.recall - share(b[...], in: a)) < 0.003)
    #expect(abs(result.precision - share(a[...], in: b)) < 0.003)
    let moments = try FeatureStatistics(table(a), columns: 0..<3)
    let whole = FeatureStatistics(a.map { $0.map(Double.init) })
    for (found, wanted) in zip(moments.covariance, whole.covariance) {
      #expect(abs(found - wanted) < 1e-12)
    }
  }

  /// The same bits for any sharding of the features and any number of threads.
  @Test func figuresDoNotDependOnShards() throws {
    let golden = try Golden()
    let layout = InceptionLayout(pool: 12, spatial: 7, logits: 9)
    func rows(_ side: Golden.Side) -> [[Float]] {
      side.pool.indices.map { side.pool[$0] + side.spatial[$0] + side.logits[$0] }
    }
    let (drawn, reference) = (rows(golden.drawn), rows(golden.reference))
    func figures(_ drawn: FeatureTable, _ other: FeatureTable, threads: Int) throws
      -> [InceptionFigure]
    {
      try inceptionFigures(
        drawn: drawn, layout: layout,
        reference: InceptionReference(
          pool: try FeatureStatistics(other, columns: layout.pool),
          spatial: try FeatureStatistics(other, columns: layout.spatial), features: other),
        conventions: Convention.allCases, on: Device(threads: threads)
      ).figures
    }
    let whole = try figures(table(drawn), table(reference), threads: 1)
    #expect(
      Set(whole.map(\.name)) == [
        "fid.adm", "fid.torch-fidelity", "sfid.adm", "is.adm", "is.torch-fidelity",
        "precision.adm", "precision.torch-fidelity", "recall.adm", "recall.torch-fidelity",
      ])
    for sizes in [[1, 59], [20, 0, 20, 20], Array(repeating: 4, count: 15)] {
      #expect(
        try figures(sharded(drawn, sizes), sharded(reference, [7, 43]), threads: 3) == whole)
    }
  }

  @Test func whatCannotBeComputedIsSaid() throws {
    let golden = try Golden()
    let layout = InceptionLayout(pool: 12, spatial: 7, logits: 9)
    let rows = golden.drawn.pool.indices.prefix(9).map {
      golden.drawn.pool[$0] + golden.drawn.spatial[$0] + golden.drawn.logits[$0]
    }
    let result = try inceptionFigures(
      drawn: table(Array(rows)), layout: layout,
      reference: InceptionReference(
        pool: try FeatureStatistics(table(golden.reference.pool), columns: layout.pool),
        spatial: nil, features: nil),
      conventions: Convention.allCases, on: Device(threads: 1))
    #expect(result.figures.map(\.name) == ["fid.adm", "fid.torch-fidelity", "is.adm"])
    #expect(result.leftOut.map(\.metric) == [.sfid, .score, .precision, .recall, .kid])
  }
}
