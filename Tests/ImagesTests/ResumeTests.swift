// Imports by several threads, and by several processes in turn, give the same bytes.

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
    [try world.scratch.bytes("data.packed"), try world.scratch.bytes("held.packed")]
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

  @Test(arguments: [1, 7, 25]) func partsReplayToTheSameBytes(length: Int) throws {
    let source = try source()
    let whole = try world.ingest(source, skipLimit: 2) { $0.validation = .every(5) }
    let expected = try packed()
    var options = Ingest.Options(size: 4, channels: 1, skipLimit: 2)
    (options.validation, options.threads) = (.every(5), 2)
    func job() throws -> IngestJob {
      try IngestJob(
        source, to: "\(world.scratch.path)/data.packed",
        validationPath: "\(world.scratch.path)/held.packed", options: options)
    }
    var parts: [String] = []
    var job1 = try job()
    while job1.done < 50 {
      // As if each part were imported by a process of its own.
      let next = try job()
      for part in parts { try next.replay(part: part, imageBytes: 16) }
      let path = "\(world.scratch.path)/part-\(parts.count)"
      let part = try IngestPartWriter(path, imageBytes: 16, first: next.done)
      try next.run(to: min(next.done + length, next.total), finished: part.append)
      try part.commit()
      parts.append(path)
      job1 = next
    }
    let last = try job()
    for part in parts { try last.replay(part: part, imageBytes: 16) }
    try last.run(to: last.total)
    #expect(try last.commit() == whole.report)
    #expect(try packed() == expected)
  }

  @Test func aPartOfAnotherImportOrADamagedOneIsRefused() throws {
    let source = try source()
    let options = Ingest.Options(size: 4, channels: 1, skipLimit: 2)
    func job() throws -> IngestJob {
      try IngestJob(
        source, to: "\(world.scratch.path)/data.packed", validationPath: "", options: options)
    }
    let first = try job()
    let path = "\(world.scratch.path)/part"
    let part = try IngestPartWriter(path, imageBytes: 16, first: 0)
    try first.run(to: 10, finished: part.append)
    try part.commit()
    #expect(throws: FileError.self) { try first.replay(part: path, imageBytes: 16) }
    #expect(throws: FileError.self) { try job().replay(part: path, imageBytes: 48) }
    let bytes = try world.scratch.bytes("part")
    for length in 0..<bytes.count {
      let cut = try world.scratch.file("cut", Array(bytes[..<length]))
      #expect(throws: FileError.self, "cut after \(length)") {
        try job().replay(part: cut, imageBytes: 16)
      }
    }
  }
}
