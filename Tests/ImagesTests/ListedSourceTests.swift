// A source that one process has listed is the same for another that takes its listing.

import Files
import Foundation
import Testing

@testable import Images

@Suite struct ListedSourceTests {
  let world: ImportWorld

  init() throws { world = try ImportWorld() }

  private static let layouts = ["folders", "webdataset", "zip", "shards"]

  private func png(_ shade: Int) throws -> [UInt8] { try ImportWorld.png(UInt8(shade)) }

  private func source(_ layout: String) throws -> [SourceArchive] {
    switch layout {
    case "folders":
      return [
        try archive(
          (0..<12).map { ("top/\($0 % 3)/\($0).png", try png($0)) }
            + [("top/notes.txt", [1]), ("top/1/x.webp", [2])])
      ]
    case "webdataset":
      let pairs = try (0..<9).flatMap { i in
        [("\(i).png", try png(i)), ("\(i).cls", Array((i == 4 ? "cat" : "\(i % 2)").utf8))]
      }
      return [try archive(pairs)]
    case "zip":
      let entries = try (0..<8).map {
        ZipFixture.Entry(name: "\($0 % 2)/\($0).png", bytes: try png($0), isDeflated: $0 > 3)
      }
      return [
        SourceArchive(
          path: try world.scratch.file("x.zip", ZipFixture.archive(entries)), name: "source")
      ]
    default:
      return try (0..<2).map { shard in
        try archive((0..<6).map { ("\($0 % 2)/\(shard)\($0).png", try png($0)) }, "\(shard).tar")
      }
    }
  }

  private func archive(
    _ files: [(String, [UInt8])], _ name: String = "source.tar"
  ) throws -> SourceArchive {
    SourceArchive(path: try world.tar(files, name), name: name)
  }

  private var options: Ingest.Options { Ingest.Options(size: 4, channels: 1, skipLimit: 2) }

  @Test(arguments: layouts) func itsImagesAreTheSame(_ layout: String) throws {
    let sources = try source(layout)
    let job = try IngestJob(sources, options: options)
    let path = "\(world.scratch.path)/listing"
    let digest = try job.writeListing(to: path)
    #expect(digest.size == Int64(try Data(contentsOf: URL(filePath: path)).count))
    let other = try IngestJob(sources, options: options, listed: path)
    #expect(other.listing == job.listing && other.ranges == job.ranges)
    var records: [[String]] = []
    for (i, one) in [job, other].enumerated() {
      let folder = "\(world.scratch.path)/\(i)"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
      records.append(try one.ranges.indices.map { try one.pack($0, in: folder).json })
    }
    #expect(records[0] == records[1])
    // It has the same bytes whoever writes it: it is stored once.
    #expect(try other.writeListing(to: "\(path)-2") == digest)
  }

  @Test(arguments: ["folders", "zip"]) func aDamagedOneIsRefusedOrHarmless(_ layout: String) throws
  {
    let sources = try source(layout)
    let path = "\(world.scratch.path)/listing"
    _ = try IngestJob(sources, options: options).writeListing(to: path)
    let bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
    func open(_ changed: [UInt8]) throws -> IngestJob {
      // Thousands of times: no file waits for the disk.
      let file = try #require(fopen(path, "w"))
      fwrite(changed, 1, changed.count, file)
      fclose(file)
      return try IngestJob(sources, options: options, listed: path)
    }
    for length in bytes.indices {
      #expect(throws: FileError.self, "cut after \(length)") { try open(Array(bytes[..<length])) }
    }
    #expect(throws: FileError.self) { try open(bytes + [0]) }
    for place in bytes.indices {
      for bit in [UInt8(1), 0x80] where bit == 1 || place % 2 == 0 {
        var changed = bytes
        changed[place] ^= bit
        // Its images are read, too: a place outside of the archive would end the process.
        guard let job = try? open(changed) else { continue }
        for number in job.ranges.indices { _ = try? job.pack(number, in: world.scratch.path) }
      }
    }
  }

  @Test func aListingOfAnotherSourceIsRefused() throws {
    let path = "\(world.scratch.path)/listing"
    _ = try IngestJob(source("folders"), options: options).writeListing(to: path)
    let short = try archive([("a/0.png", try png(1))], "short.tar")
    #expect {
      try IngestJob([short], options: options, listed: path)
    } throws: {
      "\($0)".contains("listing of short.tar: damaged: image")
    }
  }
}
