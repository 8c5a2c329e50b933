// Random numbers, data order and crops against an independent implementation (ops/oracle), whose
// results are pinned in Tests/Golden/oracle/random.json.

import Foundation
import Tensor
import Testing

@testable import Images

private struct Pinned: Decodable {
  struct Draw: Decodable {
    let seed: String
    let block: UInt32
    let a: UInt32
    let b: UInt32
    let stream: UInt32
    let words: [UInt32]
    let uniforms: [Double]
    let normals: [Double]
  }
  struct Order: Decodable {
    let images: Int
    let seed: String
    let batch: Int
    let steps: [[Int]]
  }
  struct Crop: Decodable {
    let number: UInt32
    let seed: String
    let step: Int
    let place: Int
    let crop: [Double]?
    let flip: Bool
    let pixels: [Double]
  }
  let draws: [Draw]
  let orders: [Order]
  let crops: [Crop]

  static func read() throws -> Pinned {
    let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let data = try Data(contentsOf: tests.appending(path: "Golden/oracle/random.json"))
    return try JSONDecoder().decode(Pinned.self, from: data)
  }
}

@Suite struct OracleTests {
  @Test func numbersMatch() throws {
    for draw in try Pinned.read().draws {
      let random = Philox(seed: try #require(UInt64(draw.seed)))
      let words = random.words(block: draw.block, a: draw.a, b: draw.b, stream: draw.stream)
      #expect(words == draw.words)
      let uniforms = random.uniforms(8, a: draw.a, b: draw.b, stream: draw.stream)
      #expect(uniforms == draw.uniforms)
      let normals = random.normals(8, a: draw.a, b: draw.b, stream: draw.stream)
      // Logarithm and cosine may differ in the last bit between libraries.
      #expect(zip(normals, draw.normals).allSatisfy { abs($0 - $1) < 1e-14 })
    }
  }

  @Test func theOrderMatches() throws {
    for expected in try Pinned.read().orders {
      var order = DataOrder(count: expected.images, seed: try #require(UInt64(expected.seed)))
      let steps = expected.steps.indices.map { order.images(step: $0, batch: expected.batch) }
      #expect(steps == expected.steps)
    }
  }

  @Test func cropsMatch() throws {
    for expected in try Pinned.read().crops {
      let (side, channels) = (9, 3)
      let bytes = Philox(seed: 1)
        .uniforms(side * side * channels, a: expected.number, b: 0, stream: 21)
        .map { UInt8(256 * $0) }
      let augmentation = Augmentation(
        crop: expected.crop.map { $0[0]...$0[1] }, flip: expected.flip,
        seed: try #require(UInt64(expected.seed)))
      var found = [Float](repeating: .nan, count: bytes.count)
      bytes.withUnsafeBytes { source in
        found.withUnsafeMutableBufferPointer {
          augmentation.apply(
            source, size: side, channels: channels, step: expected.step, place: expected.place,
            into: $0, at: .raster(size: side, channels: channels))
        }
      }
      let worst = zip(found, expected.pixels).map { abs(Double($0) - $1) }.max() ?? .infinity
      #expect(found.count == expected.pixels.count && worst < 1e-6, "picture \(expected.number)")
    }
  }
}
