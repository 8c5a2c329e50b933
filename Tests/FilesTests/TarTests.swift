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

  @Test func anArchiveCutAnywhereIsRefused() throws {
    _ = try sample()
    try TarWriter.pack(folder: scratch.path + "/folder", to: scratch.path + "/1.tar")
    let bytes = try scratch.bytes("1.tar")
    for length in stride(from: 0, to: bytes.count, by: 37) {
      let cut = try scratch.file("cut.tar", Array(bytes[..<length]))
      #expect(throws: FileError.self, "cut after \(length)") { try contents(of: cut) }
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

  @Test func linksAreRefused() throws {
    _ = try sample()
    try FileManager.default.createSymbolicLink(
      atPath: scratch.path + "/folder/b/l.png", withDestinationPath: "1.png")
    try tar("-C", "folder", "-cf", "x.tar", ".")
    #expect {
      try contents(of: scratch.path + "/x.tar")
    } throws: { "\($0)".contains("'b/l.png' is a link") }
    #expect {
      try TarWriter.files(below: scratch.path + "/folder")
    } throws: { "\($0)".contains("l.png: is a link") }
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
