// Imports by several threads, and range by range in any order, give the same data set.

import Files
import Foundation
import Testing

@testable import Images

@Suite struct ResumeTests {
  let world: ImportWorld

  init() throws { world = try ImportWorld() }

  /// Sixty pictures of three classes, two of them broken.
  private func source() throws -> [SourceArchive] {
    let files = try (0..<60).map { i in
      ("\(i % 3)/\(100 + i).png", i == 7 || i == 40 ? [1, 2] : try ImportWorld.png(UInt8(i)))
    }
    return [SourceArchive(path: try world.tar(files), name: "source")]
  }

  private func packed() throws -> [[UInt8]] {
    try ["data.json", "data-00000.packed", "validation.json", "validation-00000.packed"]
      .map { try world.scratch.bytes($0) }
  }

  @Test func anyNumberOfThreadsMakesTheSameBytes() throws {
    let source = try source()
    func made(_ threads: Int) throws -> ([[UInt8]], IngestReport) {
      let made = try world.ingest(source, skipLimit: 2, threads: threads) {
        $0.validation = .every(5)
      }
      return (try packed(), made.report)
    }
    let (bytes, report) = try made(1)
    for threads in [2, 3, 8] {
      let (others, otherReport) = try made(threads)
      #expect(others == bytes && otherReport == report, "\(threads) threads")
    }
  }

  /// The error is that of the first broken image in order, even if threads meet others before it.
  @Test func theFirstFailureIsTheSameForAnyNumberOfThreads() throws {
    let source = try source()
    for threads in [1, 4] {
      #expect {
        try world.ingest(source, threads: threads)
      } throws: {
        "\($0)".contains("1 broken image, more than skip_limit 0; the first is '1/107.png'")
      }
    }
  }

  /// Packs the ranges in an order, each as if by a process of its own, whose records are read back.
  private func ranges(
    of images: Int, order: ([Int]) -> [Int]
  ) throws -> (listing: IngestListing, records: [RangeRecord]) {
    var options = Ingest.Options(size: 4, channels: 1, skipLimit: 2)
    (options.validation, options.threads, options.rangeImages) = (.every(5), 2, images)
    var records: [RangeRecord] = []
    let first = try IngestJob(source(), options: options)
    for number in order(Array(first.ranges.indices)) {
      let record = try IngestJob(source(), options: options)
        .pack(
          number, in: world.scratch.path, brokenBefore: records.reduce(0) { $0 + $1.skippedCount })
      records.append(try RangeRecord(parsing: Array(record.json.utf8), path: "record"))
    }
    let listing = try IngestListing(parsing: Array(first.listing.json.utf8), path: "listing")
    #expect(listing == first.listing)
    return (listing, records)
  }

  /// Class and shade of every image.
  private func shades(_ manifest: DataSetManifest, _ what: String, _ records: [RangeRecord]) throws
    -> [String]
  {
    let data = PackedDataSet(manifest, path: what)
    let numbers = records.sorted { $0.first < $1.first }.filter {
      ((what == "data" ? $0.training : $0.validation!).range?.images ?? 0) > 0
    }
    for (range, record) in numbers.enumerated() {
      try data.open(
        range: range,
        path: "\(world.scratch.path)/\(RangeRecord.name(what, record.number, "packed"))")
    }
    try data.verify()
    return (0..<data.count).map { "\(data.classes[data.labels[$0]]) \(data.pixels(of: $0)[0])" }
  }

  @Test(arguments: [1, 7, 25, 60]) func rangesInAnyOrderMakeTheSameDataSet(length: Int) throws {
    let whole = try world.ingest(try source(), skipLimit: 2) { $0.validation = .every(5) }
    for order in [{ (all: [Int]) in all }, { $0.reversed() }] {
      let (listing, records) = try ranges(of: length, order: order)
      #expect(records.count == (60 + length - 1) / length)
      let made = try listing.assemble(records, skipLimit: 2)
      #expect(made.report == whole.report)
      #expect(made.training.fingerprint == whole.training.fingerprint)
      #expect(try shades(made.training, "data", records) == whole.shades)
      #expect(try shades(made.validation!, "validation", records) == whole.heldShades)
      #expect {
        try listing.assemble(records, skipLimit: 1)
      } throws: {
        "\($0)".contains("2 broken images, more than skip_limit 1; the first is '1/107.png'")
      }
    }
  }

  @Test func rangesThatAreMissingOrThereTwiceAreRefused() throws {
    let (listing, records) = try ranges(of: 20) { $0 }
    for wrong in [Array(records.dropFirst()), Array(records.dropLast()), records + [records[1]]] {
      #expect(throws: FileError.self) { try listing.assemble(wrong, skipLimit: 2) }
    }
    let json = Array(records[0].json.utf8)
    for length in 0..<json.count - 1 {
      #expect(throws: FileError.self, "cut after \(length)") {
        try RangeRecord(parsing: Array(json[..<length]), path: "record")
      }
    }
  }
}
