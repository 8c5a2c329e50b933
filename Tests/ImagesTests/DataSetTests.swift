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
    let made = try Ingest.run(
      [SourceArchive(path: source)], to: scratch.path,
      options: .init(size: 4, channels: 3, skipLimit: skipLimit))
    return (made.report, made.training)
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

  /// One packed file, as samples are, and data sets of versions before ranges.
  private func packedFile() throws -> [UInt8] {
    let path = scratch.path + "/images.packed"
    let writer = try PackedDataSetWriter(path, size: 4, channels: 1)
    for shade in [UInt8(1), 2] {
      try writer.append([UInt8](repeating: shade, count: 16), label: Int(shade) - 1)
    }
    let fingerprint = try writer.commit(classes: ["a", "b"])
    let data = try PackedDataSet(path: path)
    #expect(
      data.fingerprint == fingerprint && data.classes == ["a", "b"] && data.labels == [0, 1])
    #expect(data.pixels(of: 1).elementsEqual([UInt8](repeating: 2, count: 16)))
    try data.verify()
    return try scratch.bytes("images.packed")
  }

  @Test func aPackedFileCutAnywhereIsRefused() throws {
    let bytes = try packedFile()
    for length in 0..<bytes.count {
      let cut = try scratch.file("cut", Array(bytes[..<length]))
      #expect(throws: FileError.self, "cut after \(length)") { try PackedDataSet(path: cut) }
    }
  }

  @Test func aChangedByteOfAPackedFileIsSeen() throws {
    let bytes = try packedFile()
    for i in bytes.indices where i < 72 || i >= 128 {
      var damaged = bytes
      damaged[i] ^= 0x11
      let path = try scratch.file("damaged", damaged)
      #expect(throws: FileError.self, "byte \(i)") { try PackedDataSet(path: path).verify() }
    }
  }

  @Test func aDataSetCutOrChangedAnywhereIsRefused() throws {
    _ = try ingest(try archive([("a/x.png", png(1)), ("b/x.png", png(2))]))
    let (manifest, range) = (try scratch.bytes("data.json"), try scratch.bytes("data-00000.packed"))
    func open(_ manifest: [UInt8], _ range: [UInt8]) throws {
      let data = try PackedDataSet(path: scratch.file("x.json", manifest))
      try data.open(range: 0, path: scratch.file("x.packed", range))
      try data.verify()
    }
    try open(manifest, range)
    // The line's end alone may be missing.
    for length in 0..<manifest.count - 1 {
      #expect(throws: FileError.self, "manifest cut after \(length)") {
        try open(Array(manifest[..<length]), range)
      }
    }
    for length in 0..<range.count {
      #expect(throws: FileError.self, "range cut after \(length)") {
        try open(manifest, Array(range[..<length]))
      }
    }
    for i in range.indices {
      var damaged = range
      damaged[i] ^= 0x11
      #expect(throws: FileError.self, "byte \(i)") { try open(manifest, damaged) }
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
    let batch = loader.batch(step: 4)
    var target = [Float](repeating: 0, count: loader.length)
    target.withUnsafeMutableBufferPointer { loader.fill($0, with: batch, step: 4) }
    #expect(batch.images == order.images(step: 4, batch: 3))
    #expect(batch.labels == batch.images.map { data.labels[$0] })
    for (place, image) in batch.images.enumerated() {
      let pixels = data.pixels(of: image)
      for i in 0..<48 {
        let (x, y, c) = (i / 12, i / 3 % 4, i % 3)
        let expected = Float(Double(pixels[y * 12 + x * 3 + c]) / 127.5 - 1)
        #expect(target[place * 48 + i] == expected)
      }
    }
  }
}
