// Tar archives: round trips, archives of GNU tar, damage and hostile names.

import Foundation
import Testing

@testable import Files

private func contents(of path: String) throws -> [String: [UInt8]] {
  let reader = try TarReader(path)
  var found: [String: [UInt8]] = [:]
  while let entry = try reader.next() {
    if !entry.isFolder { found[entry.name] = Array(reader.bytes) }
  }
  return found
}

@Suite struct TarTests {
  let scratch: Scratch
  let long = "class/" + String(repeating: "long-name-", count: 20) + ".png"

  init() throws { scratch = try Scratch() }

  private func sample() throws -> [String: [UInt8]] {
    let files: [String: [UInt8]] = [
      "b/2.png": Array("two".utf8), "b/1.png": [], "a/ü.png": [UInt8](repeating: 7, count: 513),
      long: [1],
    ]
    for (name, bytes) in files { _ = try scratch.file("folder/\(name)", bytes) }
    _ = try scratch.file("folder/.hidden", [1])
    return files
  }

  private func tar(_ arguments: String...) throws {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["tar"] + arguments
    process.currentDirectoryURL = URL(filePath: scratch.path)
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
  }

  @Test func aPackedFolderReadsBackAndDependsOnContentsAlone() throws {
    let files = try sample()
    #expect(try TarWriter.pack(folder: scratch.path + "/folder", to: scratch.path + "/1.tar") == 4)
    #expect(try contents(of: scratch.path + "/1.tar") == files)
    try FileManager.default.removeItem(atPath: scratch.path + "/folder")
    _ = try sample()
    try TarWriter.pack(folder: scratch.path + "/folder", to: scratch.path + "/2.tar")
    #expect(try scratch.bytes("1.tar") == scratch.bytes("2.tar"))
  }

  @Test(arguments: ["gnu", "pax", "ustar"]) func tarsOwnFormatsRead(format: String) throws {
    var files = try sample()
    if format == "ustar" {
      try FileManager.default.removeItem(atPath: "\(scratch.path)/folder/\(long)")
      files[long] = nil
    }
    try tar("--format=\(format)", "-C", "folder", "--exclude=.hidden", "-cf", "x.tar", ".")
    #expect(try contents(of: scratch.path + "/x.tar") == files)
  }

  @Test func tarUnpacksWhatIsWritten() throws {
    _ = try sample()
    try TarWriter.pack(folder: scratch.path + "/folder", to: scratch.path + "/1.tar")
    try FileManager.default.createDirectory(
      atPath: scratch.path + "/out", withIntermediateDirectories: true)
    try tar("-C", "out", "-xf", "1.tar")
    #expect(try scratch.bytes("out/\(long)") == [1])
  }

  /// A cut between two entries, or in the end mark, is none that anybody can see.
  @Test func anArchiveCutWithinAnEntryIsRefused() throws {
    let files = try sample()
    try TarWriter.pack(folder: scratch.path + "/folder", to: scratch.path + "/1.tar")
    let bytes = try scratch.bytes("1.tar")
    let reader = try TarReader(scratch.path + "/1.tar")
    var ends: Set<Int> = []
    while try reader.next() != nil { ends.insert((reader.range.upperBound + 511) / 512 * 512) }
    #expect(reader.hasEndMark && ends.contains(bytes.count - 1024))
    for length in 0..<bytes.count {
      let cut = try scratch.file("cut.tar", Array(bytes[..<length]))
      if ends.contains(length) || length > bytes.count - 1024 {
        #expect(
          try contents(of: cut).allSatisfy { files[$0.key] == $0.value }, "cut after \(length)")
      } else {
        #expect(throws: FileError.self, "cut after \(length)") { try contents(of: cut) }
      }
    }
    let whole = try scratch.file("cut.tar", Array(bytes.dropLast(1024)))
    #expect(try contents(of: whole) == files)
  }

  /// cat a.tar b.tar, with the padding of GNU tar's records between them and without.
  @Test(arguments: [0, 512, 9216]) func archivesLaidEndToEndAreOne(padding: Int) throws {
    let parts = try ["a", "b"].map { name in
      let writer = try TarWriter("\(scratch.path)/\(name).tar")
      try [UInt8(1)].withUnsafeBytes { try writer.append("\(name)/1.png", $0) }
      try writer.commit()
      return try scratch.bytes("\(name).tar")
    }
    let zeros = [UInt8](repeating: 0, count: padding)
    let both = try scratch.file("both.tar", parts[0] + zeros + parts[1])
    #expect(try contents(of: both).keys.sorted() == ["a/1.png", "b/1.png"])
    // A lone zero block is no end either.
    let lone = try scratch.file("lone.tar", parts[0].dropLast(512) + parts[1])
    #expect(try contents(of: lone).count == 2)
    let junk = try scratch.file("junk.tar", parts[0] + zeros + Array("junk".utf8))
    #expect { try contents(of: junk) } throws: { "\($0)".contains("truncated after") }
    let more = [UInt8](repeating: 7, count: 512)
    let behind = try scratch.file("behind.tar", parts[0] + zeros + more)
    #expect { try contents(of: behind) } throws: {
      "\($0)".contains("bytes behind its end mark, at \(parts[0].count + padding)")
    }
  }

  @Test(arguments: [
    ([0x1F, 0x8B, 8], "gunzip"), (Array("BZh91AY".utf8), "bunzip2"),
    ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0], "unxz"), ([0x28, 0xB5, 0x2F, 0xFD], "unzstd"),
    ([0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C], "as a tar or a zip"),
  ])
  func aCompressedArchiveIsNamed(_ start: [UInt8], _ remedy: String) throws {
    for length in [20, 405, 512, 5000] {
      let tail = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 11) }
      let path = try scratch.file("x.tar.gz", start + tail)
      #expect { try contents(of: path) } throws: {
        "\($0)".hasPrefix("\(path): is ") && "\($0)".contains(remedy)
      }
    }
  }

  @Test func aFlippedHeaderByteIsRefused() throws {
    _ = try sample()
    try TarWriter.pack(folder: scratch.path + "/folder", to: scratch.path + "/1.tar")
    let bytes = try scratch.bytes("1.tar")
    for i in (0..<512) where !(148..<156).contains(i) {
      var damaged = bytes
      damaged[i] ^= 0x40
      let name = try scratch.file("damaged.tar", damaged)
      #expect(throws: FileError.self, "byte \(i)") { try contents(of: name) }
    }
  }

  @Test(arguments: [
    ("../x.png", "leaves the archive"), ("a/../../x", "leaves"), ("/x", "absolute"),
  ])
  func namesThatLeaveAreRefused(name: String, message: String) throws {
    let writer = try TarWriter(scratch.path + "/x.tar")
    try [UInt8(1)].withUnsafeBytes { try writer.append(name, $0) }
    try writer.commit()
    #expect {
      try contents(of: scratch.path + "/x.tar")
    } throws: { "\($0)".contains(message) }
  }

  @Test func emptyFoldersAreKept() throws {
    _ = try sample()
    try FileManager.default.createDirectory(
      atPath: scratch.path + "/folder/none/deep", withIntermediateDirectories: true)
    try TarWriter.pack(folder: scratch.path + "/folder", to: scratch.path + "/1.tar")
    let reader = try TarReader(scratch.path + "/1.tar")
    #expect(try reader.next() == TarEntry(name: "none/deep", isFolder: true, size: 0))
    #expect(try reader.next()?.name == "a/ü.png")
  }

  @Test func anUncommittedFileLeavesNothing() throws {
    do {
      let file = try DurableFile(scratch.path + "/x")
      try file.write([1, 2, 3])
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path) == [])
  }
}
