// Archives made to do harm, or damaged: each is refused with a sentence that names it, and nothing
// is imported.

import Files
import Foundation
import Testing

@testable import Images

@Suite struct HostileTests {
  let world: ImportWorld

  init() throws { world = try ImportWorld() }

  private func png(_ shade: UInt8) throws -> [UInt8] { try ImportWorld.png(shade) }

  /// Returns the error, and checks that nothing is left beside the source.
  private func refused(_ path: String) throws -> String {
    let before = try FileManager.default.contentsOfDirectory(atPath: world.scratch.path).sorted()
    let message = world.refusal(path)
    let after = try FileManager.default.contentsOfDirectory(atPath: world.scratch.path).sorted()
    #expect(before == after)
    return message
  }

  private func refused(zip entries: [ZipFixture.Entry]) throws -> String {
    try refused(world.scratch.file("x.zip", ZipFixture.archive(entries)))
  }

  // MARK: tar

  @Test(arguments: [
    ("/a/1.png", "source: '/a/1.png' is an absolute name"),
    ("../a/1.png", "source: '../a/1.png' leaves the archive"),
    ("a/../../1.png", "source: 'a/../../1.png' leaves the archive"),
    ("a\\1.png", "source: 'a\\1.png' holds a backslash"),
  ])
  func namesThatLeaveATarAreRefused(_ name: String, _ message: String) throws {
    let path = try world.tar([("a/0.png", try png(1)), (name, try png(1))])
    #expect(try refused(path).hasPrefix(message))
  }

  /// Links, devices and pipes written by GNU tar; a device's header can be written without special
  /// rights.
  @Test(arguments: [
    (UInt8(ascii: "1"), "source: 'a/1.png' is a link"),
    (UInt8(ascii: "2"), "source: 'a/1.png' is a link"),
    (UInt8(ascii: "3"), "'a/1.png' is neither file nor folder (type byte 51)"),
    (UInt8(ascii: "4"), "neither file nor folder"), (UInt8(ascii: "6"), "neither file nor folder"),
  ])
  func linksAndDevicesInATarAreRefused(_ type: UInt8, _ message: String) throws {
    var bytes = try Data(contentsOf: URL(filePath: world.tar([("a/1.png", [])])))
    bytes[156] = type
    let sum = (0..<512).reduce(0) { $0 + ((148..<156).contains($1) ? 32 : Int(bytes[$1])) }
    let digits = String(sum, radix: 8)
    let text = String(repeating: "0", count: 6 - digits.count) + digits
    bytes.replaceSubrange(148..<154, with: Array(text.utf8))
    #expect(try refused(world.scratch.file("x.tar", Array(bytes))).contains(message))
  }

  @Test func aNameThatComesTwiceIsRefused() throws {
    let twice = "holds 'a/1.png' twice; keep one"
    #expect(
      try refused(world.tar([("a/1.png", png(1)), ("./a//1.png", png(2))])).contains(twice))
    let inner = try Data(contentsOf: URL(filePath: world.tar([("1.png", png(2))], "a.tar")))
    let outer = try world.tar([("a/1.png", png(1)), ("a.tar", Array(inner))])
    #expect(try refused(outer).contains(twice))
    #expect(
      try refused(zip: [
        .init(name: "a/1.png", bytes: png(1)), .init(name: "a/1.png", bytes: png(2)),
      ]).contains(twice))
  }

  /// Its end mark alone may be missing.
  @Test func aTarCutAnywhereIsRefused() throws {
    let bytes = try Data(contentsOf: URL(filePath: world.tar([("a/1.png", png(1))])))
    for length in 0..<bytes.count - 1024 {
      let message = world.refusal(
        try world.scratch.file("cut.tar", Array(bytes.prefix(length))))
      #expect(message.hasPrefix("source: "), "cut after \(length): \(message)")
    }
  }

  @Test func aTarWithinATarIsReadAsStrictly() throws {
    let inner = try Data(contentsOf: URL(filePath: world.tar([("../1.png", png(2))], "a.tar")))
    let message = try refused(world.tar([("n01.tar", Array(inner))]))
    #expect(message.hasPrefix("source: n01.tar: '../1.png' leaves the archive"))
  }

  @Test func aCompressedTarIsNamed() throws {
    let path = try world.scratch.file("x.tar.gz", [0x1F, 0x8B, 8, 0])
    #expect(try refused(path) == "source: is compressed by gzip; unpack it with gunzip first")
  }

  // MARK: zip

  @Test(arguments: [("/a/1.png", "an absolute name"), ("../a/1.png", "leaves the archive")])
  func namesThatLeaveAZipAreRefused(_ name: String, _ message: String) throws {
    #expect(try refused(zip: [.init(name: name, bytes: png(1))]).contains(message))
  }

  @Test func linksInAZipAreRefused() throws {
    let target = Array("../../1.png".utf8)
    let message = try refused(zip: [.init(name: "a/1.png", bytes: target, mode: 0o120777)])
    #expect(message.hasPrefix("source: 'a/1.png' is a link out of the archive, to '../../1.png'"))
  }

  @Test func sizesThatLieAreRefused() throws {
    let stored = try refused(zip: [.init(name: "a/1.png", bytes: png(1), size: 5000)])
    #expect(stored.contains("'a/1.png' is stored in") && stored.contains("but claims 5000"))
    // Too small, too large, and larger than any file may be.
    for (size, message) in [
      (3, "'a/1.png' does not inflate to its size"),
      (200, "'a/1.png' does not inflate to its size"),
      (1 << 30, "'a/1.png' claims 1073741824 bytes"),
    ] {
      let refusal = try refused(zip: [
        .init(name: "a/1.png", bytes: png(1), isDeflated: true, size: size)
      ])
      #expect(refusal.contains(message), "\(size): \(refusal)")
    }
  }

  /// Fifield's bomb: many names share the same bytes.
  @Test func entriesThatShareBytesAreRefused() throws {
    let message = try refused(zip: [
      .init(name: "a/1.png", bytes: png(1)), .init(name: "a/2.png", bytes: png(1), dataOf: 0),
    ])
    #expect(message.hasPrefix("source: damaged or hostile zip: entries overlap at byte 0"))
  }

  @Test func aZipCutOrChangedAnywhereNeverGivesOtherPixels() throws {
    let bytes = ZipFixture.archive([
      .init(name: "a/1.png", bytes: try png(1)),
      .init(name: "b/2.png", bytes: try png(2), isDeflated: true),
    ])
    for length in 0..<bytes.count {
      let path = try world.scratch.file("cut.zip", Array(bytes[..<length]))
      #expect(world.refusal(path).hasPrefix("source: "), "cut after \(length)")
    }
    for i in bytes.indices {
      var changed = bytes
      changed[i] ^= 0x5A
      let path = try world.scratch.file("changed.zip", changed)
      // Fields that no reader uses, such as times, may change, and so may names, which have no
      // checksum.
      if let made = try? world.ingest(path) {
        let shades = made.shades.map { $0.split(separator: " ")[1] }
        #expect(Set(shades).count == shades.count && Set(shades).isSubset(of: ["1", "2"]), "\(i)")
      }
    }
  }

  // MARK: pictures

  /// A PNG of 40 bytes that claims 60,000 x 60,000 pixels.
  @Test func aPictureThatIsABombIsSkippedByName() throws {
    var bomb = try png(1)
    bomb.replaceSubrange(16..<24, with: [0, 0, 0xEA, 0x60, 0, 0, 0xEA, 0x60])
    let check = CRC32.zip.value(of: Array(bomb[12..<29]))
    bomb.replaceSubrange(29..<33, with: (0..<4).map { UInt8(check >> (24 - 8 * $0) & 255) })
    let path = try world.tar([("a/1.png", bomb), ("a/2.png", try png(1))])
    #expect(
      try refused(path).hasSuffix(
        "'a/1.png': 60000 x 60000 pixels; at most 178956970 are read"))
    #expect(try world.ingest(path, skipLimit: 1).report.skipped.map(\.name) == ["a/1.png"])
  }

  @Test func aTruncatedJPEGIsSkippedByName() throws {
    let jpeg = try PillowCase.bytes("4:2:0")
    let path = try world.tar([("a/1.JPEG", Array(jpeg.dropLast(100))), ("a/2.JPEG", jpeg)])
    #expect(try refused(path).hasSuffix("the first is 'a/1.JPEG': truncated"))
    let made = try world.ingest(path, skipLimit: 1)
    #expect(made.training.count == 1 && made.report.skipped.map(\.reason) == ["truncated"])
  }
}
