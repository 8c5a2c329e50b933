// The archives that a run ingests.

import Agent
import Configuration
import Digest
import Files
import Foundation
import RunStore

/// One archive that a run ingests: a file, or a folder that is read as the tar of its files.
final class Archive {
  private enum Contents {
    case file(String)
    case folder(FolderTar)
  }

  /// The name in messages.
  let name: String
  let mediaType: String
  /// Folder inside which the archive's names are taken to lie; nil for none.
  let folder: String?
  /// Size in bytes.
  let size: Int64
  private let given: String
  private let contents: Contents
  private let identity: String
  private let isSettled: Bool
  private var digest: FileDigest?
  private var blocks: [UInt8]?

  /// Refuses damage, and names and links that leave the archive; its bytes are read when it is stored.
  /// - Parameter isShard: whether it is one of several archives, whose name says in which folder
  ///   its files belong
  init(_ given: String, key: String, isShard: Bool) throws {
    let last = lastComponent(given)
    self.given = given
    folder = isShard ? Self.folder(ofShard: last) : nil
    if try Self.isFolder(given, key) {
      let tar = try refusing(key) { try FolderTar(given) }
      (contents, size, identity, isSettled) = (.folder(tar), tar.size, tar.identity, tar.isSettled)
      name = last.lowercased().hasSuffix(".tar") ? last : "\(last).tar"
      mediaType = "application/x-tar"
    } else {
      let (file, found) = try refusing(key) {
        let found = try FileIdentity(given)
        return (try MappedFile(given), found)
      }
      file.expectReads(atRandom: true)
      let isZip = file.bytes.starts(with: [0x50, 0x4B])
      file.expectReads(atRandom: false)
      (contents, size) = (.file(given), found.size)
      (identity, isSettled) = (Self.identity(found), found.isSettled)
      // One that is remembered was checked then.
      if !KnownDigests.has(identity) {
        try refusing(key) { try Self.check(file, called: given, isZip: isZip) }
      }
      (name, mediaType) = (last, isZip ? "application/zip" : "application/x-tar")
    }
    digest = KnownDigests.digest(of: identity, size: size)
  }

  /// As of an archive within an archive, so that a folder of archives and its tar have the same classes.
  private static func folder(ofShard name: String) -> String {
    [".tar", ".zip"].contains(where: name.lowercased().hasSuffix)
      ? String(name.dropLast(4)) : String(name.prefix { $0 != "." })
  }

  /// Refuses a folder with an archive that no worker would read, before anything is stored.
  /// - Throws: `ConfigurationError`
  func refuseUnread(_ key: String) throws {
    guard case .folder(let tar) = contents,
      let (file, remark) = try refusing(key, { try tar.unreadArchive() })
    else { return }
    throw ConfigurationError("\(key): \(given)/\(file): \(remark)")
  }

  /// The name under which an archive is remembered: other files have not been checked.
  private static func identity(_ file: FileIdentity) -> String { "archive \(file.text)" }

  private static func check(_ file: MappedFile, called given: String, isZip: Bool) throws {
    if isZip {
      try ZipArchive.forEachFile(of: file, called: given) { _, _ in }
    } else {
      try TarReader(file, called: given).forEachFile { _, _ in }
    }
  }

  static func isFolder(_ path: String, _ key: String) throws -> Bool {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw ConfigurationError("\(key): there is no file or folder \(path)")
    }
    return isFolder.boolValue
  }

  /// The absolute path of a file; nil for a folder.
  var path: String? {
    guard case .file(let path) = contents else { return nil }
    return URL(filePath: path).standardizedFileURL.path(percentEncoded: false)
  }

  private var storedName: String { Artifact.logicalName(ofFile: name) }

  /// SHA-256, once it is stored or was known before.
  var sha256: String { digest!.sha256 }

  /// Stores the archive. Its bytes are read once at most, but for a folder, and not at all if they are known and
  /// stored; a folder is read once for its digest.
  func store(in store: inout ArtifactStore) throws {
    switch contents {
    case .file(let path):
      let artifact = try store.store(
        file: path, known: digest, name: storedName, mediaType: mediaType, owner: .submitter)
      note(FileDigest(sha256: artifact.sha256, size: artifact.size))
    case .folder(let tar):
      let known = try hashed()
      _ = try store.store(known, name: storedName, mediaType: mediaType, owner: .submitter) {
        tar.pieces(of: Artifact.chunkSize)
      }
    }
  }

  /// Its digest, without storing it.
  func hashed() throws -> FileDigest {
    if let digest { return digest }
    switch contents {
    case .file(let path): digest = try pra.digest(of: path, name)
    case .folder(let tar): note(try Self.digest(of: tar))
    }
    return digest!
  }

  /// Stores the digests of its blocks, by which those who read it in place check it.
  /// - Returns: their SHA-256, which names the source
  func storeBlocks(in store: inout ArtifactStore) throws -> String {
    try store.store(
      bytes: try blockDigests(), name: "\(storedName).blocks",
      mediaType: "application/octet-stream",
      owner: .submitter
    ).sha256
  }

  /// The same without storing them.
  func hashedBlocks() throws -> String { SHA256.hexadecimal(of: try blockDigests()) }

  /// Threads that hash blocks beyond which a disk is the limit.
  private static let mostReaders = 8

  private func blockDigests() throws -> [UInt8] {
    if let blocks { return blocks }
    guard case .file(let path) = contents else { fatalError("\(name): a folder has no blocks") }
    if let known = KnownDigests.blocks(of: identity), Int64(known.size) == size {
      blocks = known.encoded
      return known.encoded
    }
    var said = Date.now
    let threads = min(Self.mostReaders, Processors.usable().threads)
    let read = try BlockDigests(of: try MappedFile(path), threads: threads) { done in
      guard Date.now.timeIntervalSince(said) > 5 else { return }
      said = .now
      complain("pra: reading \(path): \(done >> 30) of \(size >> 30) GiB")
    }
    guard try Self.identity(FileIdentity(path)) == identity else {
      throw FileError("\(path): changed while it was read; try again when nobody writes to it")
    }
    if isSettled { KnownDigests.remember(read, of: identity) }
    blocks = read.encoded
    return read.encoded
  }

  private func note(_ found: FileDigest) {
    guard digest != found else { return }
    digest = found
    if isSettled { KnownDigests.remember(found, of: identity) }
  }

  private static func digest(of tar: FolderTar) throws -> FileDigest {
    var digest = SHA256()
    let next = tar.pieces(of: Artifact.chunkSize)
    while case let piece = try next(), !piece.isEmpty { digest.update(piece) }
    return FileDigest(sha256: digest.hexadecimal(), size: tar.size)
  }
}

extension Archive {
  /// The archives that a path names: the file itself, the archives of a folder that holds nothing
  /// else, or those of a pattern such as `train-{000..127}.tar`.
  static func all(_ given: String, key: String) throws -> [Archive] {
    if let shards = try pattern(given, key) {
      return try shards.map { try Archive($0, key: key, isShard: true) }
    }
    guard try isFolder(given, key) else { return [try Archive(given, key: key, isShard: false)] }
    let names = try FileManager.default.contentsOfDirectory(atPath: given)
      .filter { !$0.hasPrefix(".") }
      .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    let areArchives = names.allSatisfy { name in
      [".tar", ".zip"].contains { name.lowercased().hasSuffix($0) }
    }
    // The folder of a class may have the ending of an archive in its name.
    guard !names.isEmpty, areArchives,
      try !names.contains(where: { try isFolder("\(given)/\($0)", key) })
    else { return [try Archive(given, key: key, isShard: false)] }
    return try names.map { try Archive("\(given)/\($0)", key: key, isShard: true) }
  }

  /// Expands `a-{008..010}.tar` to a-008.tar, a-009.tar, a-010.tar; nil for a path without such a
  /// range.
  private static func pattern(_ given: String, _ key: String) throws -> [String]? {
    guard let found = given.firstMatch(of: /\{([0-9]{1,9})\.\.([0-9]{1,9})\}/) else { return nil }
    let (first, last) = (Int(found.1)!, Int(found.2)!)
    guard first <= last, last - first < 100_000 else {
      throw ConfigurationError("\(key): {\(found.1)..\(found.2)} is no range of up to 100000 files")
    }
    return (first...last).map { number in
      let digits = String(number)
      let zeros = String(repeating: "0", count: max(0, found.1.count - digits.count))
      return given.replacingCharacters(in: found.range, with: zeros + digits)
    }
  }
}
