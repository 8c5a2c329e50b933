// Ingest, packed files and data order.

import Files
import Foundation
import Raster
import Tensor
import Testing

@testable import Images

@Suite struct DataSetTests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  /// An archive of pictures by name, in the given order.
  private func archive(_ files: [(String, [UInt8])]) throws -> String {
    let path = scratch.path + "/source.tar"
    let writer = try TarWriter(path)
    for (name, bytes) in files { try bytes.withUnsafeBytes { try writer.append(name, $0) } }
    try writer.commit()
    return path
  }

  private func png(_ shade: UInt8) throws -> [UInt8] {
    try Picture(width: 4, height: 4, channels: 1, pixels: [UInt8](repeating: shade, count: 16))
      .png()
  }

  private func ingest(_ source: String, skipLimit: Int = 0) throws -> (IngestReport, PackedDataSet)
  {
    let path = scratch.path + "/data.packed"
    let report = try Ingest.run(
      source: source, to: path, options: .init(size: 4, channels: 3, skipLimit: skipLimit))
    return (report, try PackedDataSet(path: path))
  }

  @Test func imagesAreNumberedByClassThenPathBytewise() throws {
    let source = try archive([
      ("b/x.png", try png(3)), ("./a/10.png", try png(1)), ("a/9.png", try png(2)),
      ("B/z/q.PNG", try png(0)), ("README.md", [1]), ("a/notes.txt", [1]), ("a/.x.png", [1]),
    ])
    let (report, data) = try ingest(source)
    #expect(data.classes == ["B", "a", "b"] && data.labels == [0, 1, 1, 2])
    #expect((0..<4).map { data.pixels(of: $0)[5] } == [0, 1, 2, 3])
    #expect(
      report.training.images == 4
        && report.ignored.first == ["README.md", "a/notes.txt", "a/.x.png"])
    #expect(report.training.byClass == [1, 2, 1])
    #expect(report.training.fingerprint == data.fingerprint && data.fingerprint.count == 64)
    try data.verify()
  }

  @Test func theFingerprintDependsOnContentsAlone() throws {
    let files = [("b/x.png", try png(3)), ("a/y.png", try png(1))]
    let first = try ingest(try archive(files)).0.training.fingerprint
    #expect(try ingest(try archive(files.reversed())).0.training.fingerprint == first)
    #expect(
      try ingest(try archive([files[0], ("a/y.png", try png(2))])).0.training.fingerprint != first)
    #expect(
      try ingest(try archive([files[0], ("c/y.png", try png(1))])).0.training.fingerprint != first)
  }

  @Test func brokenImagesAreSkippedUpToTheLimit() throws {
    let source = try archive([
      ("a/1.png", Array(try png(1).dropLast(20))), ("a/2.jpg", [0xFF, 0xD8, 0xFF]),
      ("b/3.png", try png(7)),
    ])
    let (report, data) = try ingest(source, skipLimit: 2)
    #expect(data.count == 1 && data.labels == [1] && data.classes == ["a", "b"])
    #expect(report.skipped.map(\.name) == ["a/1.png", "a/2.jpg"])
    #expect(report.skipped[0].reason == "truncated")
    let json = try JSONSerialization.jsonObject(with: Data(report.json.utf8)) as? [String: Any]
    #expect((json?["skipped"] as? [[String: String]])?[0]["name"] == "a/1.png")
    #expect(json?["images"] as? Int == 1)
    #expect {
      try ingest(source, skipLimit: 1)
    } throws: {
      "\($0)".contains("2 broken images, more than skip_limit 1; the first is 'a/1.png': truncated")
    }
  }

  @Test func anArchiveWithoutImagesOrWithOneTwiceIsRefused() throws {
    #expect { try ingest(archive([("a/x.txt", [1]), ("a/.y.png", png(1))])) } throws: {
      "\($0)".contains("holds no images: 2 files are left out: 1 hidden, 1 no picture; expected")
    }
    #expect { try ingest(archive([("a/x.png", png(1)), ("a/x.png", png(1))])) } throws: {
      "\($0)".contains("'a/x.png' twice")
    }
  }

  @Test func aFailedImportLeavesNothing() throws {
    let source = try archive([("a/1.png", [1])])
    #expect(throws: FileError.self) { try ingest(source) }
    #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path) == ["source.tar"])
  }

  @Test func aPackedFileCutAnywhereIsRefused() throws {
    _ = try ingest(try archive([("a/x.png", png(1)), ("b/x.png", png(2))]))
    let bytes = try scratch.bytes("data.packed")
    for length in 0..<bytes.count {
      let cut = try scratch.file("cut", Array(bytes[..<length]))
      #expect(throws: FileError.self, "cut after \(length)") { try PackedDataSet(path: cut) }
    }
  }

  @Test func aChangedByteIsSeen() throws {
    _ = try ingest(try archive([("a/x.png", png(1)), ("b/x.png", png(2))]))
    let bytes = try scratch.bytes("data.packed")
    for i in bytes.indices where i < 72 || i >= 128 {
      var damaged = bytes
      damaged[i] ^= 0x11
      let path = try scratch.file("damaged", damaged)
      #expect(throws: FileError.self, "byte \(i)") { try PackedDataSet(path: path).verify() }
    }
  }

  @Test func anEpochIsAPermutationSortedByPhilox() {
    var order = DataOrder(count: 10, seed: 5)
    let stream = (0..<6).flatMap { order.images(step: $0, batch: 5) }
    for epoch in 0..<3 {
      let keys = (0..<10).map { (index: UInt32) -> UInt64 in
        let words = Philox(seed: 5).words(block: index, a: UInt32(epoch), b: 0, stream: 8)
        return UInt64(words[0]) << 32 + UInt64(words[1])
      }
      let part = Array(stream[epoch * 10..<epoch * 10 + 10])
      #expect(part.sorted() == Array(0..<10))
      #expect(part.map { keys[$0] } == keys.sorted())
    }
    #expect(stream[0..<10] != stream[10..<20])
  }

  @Test func aBatchMayCrossEpochsAndStepsMayBeTakenInAnyOrder() {
    var forward = DataOrder(count: 7, seed: 1)
    let whole = (0..<9).flatMap { forward.images(step: $0, batch: 3) }
    var backward = DataOrder(count: 7, seed: 1)
    for step in (0..<9).reversed() {
      #expect(backward.images(step: step, batch: 3) == Array(whole[step * 3..<step * 3 + 3]))
    }
  }

  @Test func theLoaderJoinsOrderLabelsAndPixels() throws {
    let files = try (0..<5).map { n in
      let pixels = (0..<48).map { i in UInt8(i * 4 + n) }
      return (
        "c\(n % 2)/\(n).png",
        try Picture(width: 4, height: 4, channels: 3, pixels: pixels).png()
      )
    }
    let data = try ingest(try archive(files)).1
    // Columns change places with rows.
    let places = PixelPlaces(rows: (0..<4).map { $0 * 3 }, columns: (0..<4).map { $0 * 12 })
    var loader = ImageLoader(
      data, batch: 3, seed: 8, augmentation: Augmentation(seed: 8), places: places)
    var order = DataOrder(count: 5, seed: 8)
    let target = Tensor(uninitialized: [3, 48], on: Device(threads: 1))
    let batch = loader.fill(target, step: 4)
    #expect(batch.images == order.images(step: 4, batch: 3))
    #expect(batch.labels == batch.images.map { data.labels[$0] })
    let filled = target.download()
    for (place, image) in batch.images.enumerated() {
      let pixels = data.pixels(of: image)
      for i in 0..<48 {
        let (x, y, c) = (i / 12, i / 3 % 4, i % 3)
        let expected = Float(Double(pixels[y * 12 + x * 3 + c]) / 127.5 - 1)
        #expect(filled[place * 48 + i] == Double(expected))
      }
    }
  }
}
