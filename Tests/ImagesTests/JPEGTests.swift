// JPEG decoding, equal to Pillow's bit for bit, and files that are no pictures.

import Foundation
import Testing

@testable import Images
@testable import Raster

/// A file with Pillow's decoding of it: ops/oracle/images.py.
struct PillowCase: Codable, Sendable, CustomTestStringConvertible {
  let name: String
  let file: Data
  let width: Int
  let height: Int
  let rgb: Data?
  let gray: Data?
  let size: Int
  let crop: Data
  var testDescription: String { name }

  static func all() throws -> [PillowCase] {
    let url = Bundle.module.url(forResource: "Golden/jpegs", withExtension: "json")!
    return try JSONDecoder().decode([PillowCase].self, from: Data(contentsOf: url))
  }

  static func bytes(_ name: String) throws -> [UInt8] {
    Array(try #require(try all().first { $0.name == name }).file)
  }
}

func picture(_ bytes: [UInt8], channels: Int = 3) throws -> Picture {
  try bytes.withUnsafeBytes { try Picture(file: $0, channels: channels) }
}

@Suite struct JPEGTests {
  @Test(arguments: try PillowCase.all()) func pixelsArePillows(_ one: PillowCase) throws {
    let made = try picture(Array(one.file))
    #expect(made.width == one.width && made.height == one.height)
    if let rgb = one.rgb { #expect(made.pixels == Array(rgb)) }
    if let gray = one.gray {
      #expect(try picture(Array(one.file), channels: 1).pixels == Array(gray))
    }
    #expect(made.centerCropped(to: one.size).pixels == Array(one.crop))
  }

  @Test(arguments: ["progressive", "4:2:0"]) func aFileCutAnywhereIsRefused(name: String) throws {
    let bytes = try PillowCase.bytes(name)
    for length in 0..<bytes.count {
      #expect(throws: PictureError.self, "cut after \(length) of \(bytes.count)") {
        try picture(Array(bytes[..<length]))
      }
    }
    #expect {
      try picture(Array(bytes[..<(bytes.count / 2)]))
    } throws: { "\($0)" == "truncated" }
  }

  /// A header that claims 65,500 x 65,500 pixels: 12 GB of them.
  @Test func aBombIsRefusedBeforeItsPixelsAreAllocated() throws {
    var bytes = try PillowCase.bytes("4:2:0")
    let frame = try #require((0..<bytes.count).first { bytes[$0] == 0xFF && bytes[$0 + 1] == 0xC0 })
    bytes.replaceSubrange(frame + 5..<frame + 9, with: [0xFF, 0xDC, 0xFF, 0xDC])
    #expect {
      try picture(bytes)
    } throws: { "\($0)" == "65500 x 65500 pixels; at most 178956970 are read" }
    // In a process of its own, which may map a third of those pixels and dies if it needs more.
    let scratch = FileManager.default.temporaryDirectory.appending(path: "bomb-\(UUID()).jpg")
    defer { try? FileManager.default.removeItem(at: scratch) }
    try Data(bytes).write(to: scratch)
    let reader = Process()
    reader.executableURL = URL(filePath: "/bin/sh")
    reader.arguments = [
      "-c", "ulimit -v 4000000 && exec \"$0\" jpeg \"$1\"", fuzzReaders.path(), scratch.path(),
    ]
    try reader.run()
    reader.waitUntilExit()
    #expect(reader.terminationReason == .exit && reader.terminationStatus == 0)
  }

  /// Each scan of a progressive file takes as much time as a whole image.
  @Test func aFileOfThousandsOfScansIsRefused() throws {
    var bytes = try PillowCase.bytes("progressive")
    let scans = (0..<bytes.count - 1).filter { bytes[$0] == 0xFF && bytes[$0 + 1] == 0xDA }
    let scan = Array(bytes[scans[scans.count - 1]..<(bytes.count - 2)])
    bytes.removeLast(2)
    for _ in 0..<600 { bytes += scan }
    bytes += [0xFF, 0xD9]
    #expect { try picture(bytes) } throws: { "\($0)" == "more than 500 scans" }
  }

  @Test(arguments: [
    (Array("GIF89a".utf8), "is a GIF; JPEG and PNG are read"), ([], "an empty file"),
    (Array("<html>".utf8), "is a text or a web page; JPEG and PNG are read"),
    ([1, 2, 3], "is neither a JPEG nor a PNG"),
  ])
  func whatIsNoPictureIsNamed(_ bytes: [UInt8], _ message: String) {
    #expect { try picture(bytes) } throws: { "\($0)" == message }
  }

  @Test func bytesDecideAndNoName() throws {
    let png = try pattern(5, 4, 3).png()
    #expect(try picture(png) == pattern(5, 4, 3))
  }
}
