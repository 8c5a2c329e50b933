// Links in folders, tars and zips: followed inside, refused outside and in circles.

import Foundation
import Testing

@testable import Files

@Suite struct LinkTests {
  let scratch: Scratch

  init() throws {
    scratch = try Scratch()
    _ = try scratch.file("folder/a/1.png", [1])
    _ = try scratch.file("folder/a/deep/2.png", [2])
  }

  private var folder: String { scratch.path + "/folder" }

  private func link(_ name: String, to target: String) throws {
    let path = "\(folder)/\(name)"
    try FileManager.default.createDirectory(
      atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: target)
  }

  private func run(_ program: String, _ arguments: String...) throws {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = [program] + arguments
    process.currentDirectoryURL = URL(filePath: folder)
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
  }

  /// Names and contents of the packed folder, of its tar with links in it, and of its zip.
  private func packed() throws -> [String: [UInt8]] {
    let path = scratch.path + "/packed.tar"
    try TarWriter.pack(folder: folder, to: path)
    let reader = try TarReader(path)
    var found: [String: [UInt8]] = [:]
    try reader.forEachFile { name, range in
      if let range { found[name] = Array(reader.bytes(in: range)) }
    }
    return found
  }

  private func tarred() throws -> [String: [UInt8]] {
    try run("tar", "-cf", "../linked.tar", ".")
    let reader = try TarReader(scratch.path + "/linked.tar")
    var found: [String: [UInt8]] = [:]
    try reader.forEachFile { name, range in
      if let range { found[name] = Array(reader.bytes(in: range)) }
    }
    return found
  }

  private func zipped() throws -> [String: [UInt8]] {
    let script = """
      import os, zipfile
      with zipfile.ZipFile("../linked.zip", "w") as z:
        for base, folders, files in os.walk("."):
          for name in folders + files:
            path = os.path.join(base, name)
            if os.path.islink(path):
              info = zipfile.ZipInfo(path)
              info.create_system, info.external_attr = 3, 0o120777 << 16
              z.writestr(info, os.readlink(path))
            else:
              z.write(path)
      """
    try run("python3", "-c", script)
    let file = try MappedFile(scratch.path + "/linked.zip")
    var found: [String: [UInt8]] = [:]
    try ZipArchive.forEachFile(of: file, called: "linked.zip") { name, entry in
      guard let entry else { return }
      found[name] = try ZipArchive.withBytes(of: entry, in: file, called: "x", most: 99) {
        Array($0)
      }
    }
    return found
  }

  @Test func linksInsideAreFollowed() throws {
    try link("b/link.png", to: "../a/1.png")
    try link("c", to: "a")
    try link("d/e", to: "../c/deep")
    let expected: [String: [UInt8]] = [
      "a/1.png": [1], "a/deep/2.png": [2], "b/link.png": [1], "c/1.png": [1], "c/deep/2.png": [2],
      "d/e/2.png": [2],
    ]
    #expect(try packed() == expected)
    #expect(try tarred() == expected)
    #expect(try zipped() == expected)
  }

  @Test func hardLinksAreFiles() throws {
    try FileManager.default.linkItem(atPath: "\(folder)/a/1.png", toPath: "\(folder)/a/3.png")
    let expected: [String: [UInt8]] = ["a/1.png": [1], "a/3.png": [1], "a/deep/2.png": [2]]
    #expect(try packed() == expected)
    #expect(try tarred() == expected)
  }

  @Test(arguments: ["..", "../a", ".", "../../folder", "../b"])
  func circlesAreRefused(target: String) throws {
    try link("a/loop", to: target)
    try link("b/back", to: "../a")
    for names in [packed, tarred, zipped] {
      let error = #expect(throws: FileError.self) { try names() }
      #expect(
        error?.description.contains("circle") == true || target == "../../folder", "\(error!)")
    }
  }

  @Test func aLinkToItselfIsRefused() throws {
    try link("a/self", to: "self")
    for names in [packed, tarred, zipped] {
      let error = #expect(throws: FileError.self) { try names() }
      #expect(error?.description.contains("circle") == true)
    }
  }

  /// The maker of a folder must not reach what the person who packs it may read.
  @Test(arguments: ["/etc/passwd", "../../outside/secret.png", "../../outside"])
  func linksOutOfAFolderAreRefused(target: String) throws {
    _ = try scratch.file("outside/secret.png", [9])
    try link("b/link", to: target)
    for names in [packed, tarred, zipped] {
      let error = #expect(throws: FileError.self) { try names() }
      #expect(
        error?.description.contains("b/link") == true
          && error?.description.contains("is a link out of the") == true, "\(error!)")
    }
  }

  @Test func aLinkToNothingIsRefused() throws {
    try link("b/link.png", to: "../a/none.png")
    for names in [packed, tarred, zipped] {
      let error = #expect(throws: FileError.self) { try names() }
      #expect(error?.description.contains("b/link.png") == true)
    }
  }

  /// Two links a level double the folders at each of forty levels.
  @Test func linksThatFanOutAreRefused() throws {
    for level in 0..<40 {
      for side in ["l", "r"] { try link("f\(level)/\(side)", to: "../f\(level + 1)") }
    }
    _ = try scratch.file("folder/f40/x.png", [1])
    for names in [packed, tarred] {
      let error = #expect(throws: FileError.self) { try names() }
      #expect(error?.description.contains("more than 5000 links") == true)
    }
  }

  @Test func aLinkedRootIsItsFolder() throws {
    let other = scratch.path + "/other"
    try FileManager.default.createSymbolicLink(atPath: other, withDestinationPath: "folder")
    #expect(try TarWriter.pack(folder: other, to: scratch.path + "/x.tar") == 2)
  }
}
