// The files that a run is made from, named after their digests.

import Configuration
import Digest
import Files
import Foundation
import JobKinds
import RunStore
import TensorFiles

/// One archive that a run ingests: a file, or a folder packed into one.
final class Archive {
  let path: String
  let name: String
  let sha256: String
  let mediaType: String
  /// Folder inside which the archive's names are taken to lie; nil for none.
  let folder: String?
  private let isTemporary: Bool

  /// - Parameter isShard: whether it is one of several archives, whose name says in which folder
  ///   its files belong
  init(_ given: String, key: String, isShard: Bool) throws {
    let last = URL(filePath: given).standardizedFileURL.lastPathComponent
    let isFolder = try Self.isFolder(given, key)
    var isComplete = false
    let packed = FileManager.default.temporaryDirectory
      .appending(path: "pra-source-\(UUID().uuidString).tar").path(percentEncoded: false)
    defer { if !isComplete && isFolder { unlink(packed) } }
    if isFolder { _ = try refusing(key) { try TarWriter.pack(folder: given, to: packed) } }
    let file = try refusing(key) { try MappedFile(isFolder ? packed : given) }
    let isZip = file.bytes.starts(with: [0x50, 0x4B])
    try refusing(key) { try Self.check(file, called: given, isZip: isZip) }
    var digest = SHA256()
    // The bytes are mapped as long as the file lives.
    withExtendedLifetime(file) { digest.update(file.bytes) }
    (path, isTemporary) = (file.path, isFolder)
    name = isFolder ? "\(last).tar" : last
    mediaType = isZip ? "application/zip" : "application/x-tar"
    folder = isShard ? String(last.prefix { $0 != "." }) : nil
    sha256 = digest.hexadecimal()
    isComplete = true
  }

  deinit { if isTemporary { try? FileManager.default.removeItem(atPath: path) } }

  /// Refuses damage, and names and links that leave the archive, before anything is written.
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
    let compressed = [".gz", ".tgz", ".bz2", ".xz", ".zst"]
    if let first = names.first,
      names.allSatisfy({ name in compressed.contains { name.lowercased().hasSuffix($0) } })
    {
      let path = "\(given)/\(first)"
      let file = try refusing(key) { try MappedFile(path) }
      if let remark = Compression.remark(on: file.bytes) {
        throw ConfigurationError("\(key): \(path): \(remark)")
      }
    }
    guard !names.isEmpty,
      names.allSatisfy({ $0.lowercased().hasSuffix(".tar") || $0.lowercased().hasSuffix(".zip") })
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

/// Everything that a run ingests.
struct Source {
  /// Archives to train on, followed by those for validation.
  let archives: [Archive]
  private let validationArchives: Int
  private let data: RunFile.DataSource

  /// - Parameter file: the run file, from whose folder relative names are taken
  init(_ data: RunFile.DataSource, besides file: String, _ files: CheckedRun.ReadFiles) throws {
    self.data = data
    let training = try files.archives(
      RunFile.path(data.source, besides: file), key: "data.source")
    let validation = try data.validation.source.map {
      try files.archives(RunFile.path($0, besides: file), key: "data.validation.source")
    }
    archives = training + (validation ?? [])
    validationArchives = validation?.count ?? 0
  }

  /// SHA-256 of the archive, or of the digests of several archives one after the other.
  var fingerprint: String {
    guard archives.count > 1 else { return archives[0].sha256 }
    return SHA256.hexadecimal(of: archives.flatMap { Array($0.sha256.utf8) })
  }

  /// - Parameter stored: digests of files that need not be sent
  func store(in store: inout ArtifactStore, except stored: inout Set<String>) throws {
    for archive in archives where stored.insert(archive.sha256).inserted {
      _ = try store.store(
        file: archive.path, name: archive.name, mediaType: archive.mediaType, owner: .submitter)
    }
  }

  /// Arguments of the ingest job that reads the archives.
  var arguments: IngestArguments {
    var ingest = IngestArguments()
    (ingest.source, ingest.sourceName) = (archives[0].sha256, archives[0].name)
    ingest.shards = archives.dropFirst().map(\.sha256)
    ingest.shardNames = archives.dropFirst().map(\.name)
    if archives.contains(where: { $0.folder != nil }) {
      ingest.archiveFolders = archives.map { $0.folder ?? "." }
    }
    ingest.folder = data.folder
    ingest.validation = data.validation.split(archives: validationArchives)
    ingest.skipLimit = data.skipLimit
    return ingest
  }
}

/// Turns the error of an unreadable file into bad input.
func refusing<T>(_ key: String, _ body: () throws -> T) throws -> T {
  do {
    return try body()
  } catch let error as FileError {
    throw ConfigurationError("\(key): \(error)")
  }
}

extension RunFile {
  /// Reads a run file; if it has `init`, its settings apply over the configuration in that file.
  init(reading path: String, overrides: [Override] = []) throws {
    try self.init(path: path, overrides: overrides) { file in
      try refusing("init.file") {
        try CheckpointState.stored(in: try WeightFiles.open(file).metadata, of: file)?.config
      }
    }
  }
}

/// The files of weights and statistics that a run names: `loss.lpips_file` of every arm, that of
/// `init`, and those of `evaluate`.
struct WeightArtifacts {
  /// SHA-256 by the name in the run file.
  let digests: [String: String]
  private let paths: [String: String]

  /// - Parameter file: the run file, from whose folder relative names are taken
  init(_ plan: RunFile, besides file: String, _ files: CheckedRun.ReadFiles) throws {
    var keys = Dictionary(
      plan.arms.flatMap(\.configuration.loss.lpipsFile).map { ($0, "loss.lpips_file") }
    ) { first, _ in first }
    if let start = plan.start { keys[start.file] = "init.file" }
    for name in plan.inception?.files ?? [] { keys[name] = "evaluate" }
    paths = Dictionary(
      uniqueKeysWithValues: keys.keys.map { ($0, RunFile.path($0, besides: file)) })
    digests = try Dictionary(
      uniqueKeysWithValues: paths.map { ($0, try files.sha256(of: $1, key: keys[$0]!)) })
  }

  /// Argument `init` of the run's training jobs.
  func start(of plan: RunFile) -> TrainArguments.Start {
    var start = TrainArguments.Start()
    guard let given = plan.start else { return start }
    start.weights = [digests[given.file]!]
    start.name = URL(filePath: given.file).lastPathComponent
    start.restart = given.restart
    return start
  }

  func path(_ name: String) -> String { paths[name]! }

  /// Content-addressed: sent again only where the store does not have them.
  func store(in store: inout ArtifactStore, except stored: inout Set<String>) throws {
    for (name, path) in paths.sorted(by: { $0.key < $1.key })
    where stored.insert(digests[name]!).inserted {
      _ = try store.store(
        file: path, name: lastComponent(path), mediaType: "application/octet-stream",
        owner: .submitter)
    }
  }
}

/// - Parameter key: the key that names the file
func sha256(of path: String, _ key: String) throws -> String {
  let bytes = try refusing(key) { try MappedFile(path) }
  var digest = SHA256()
  withExtendedLifetime(bytes) { digest.update(bytes.bytes) }
  return digest.hexadecimal()
}

func lastComponent(_ path: String) -> String {
  URL(filePath: path).standardizedFileURL.lastPathComponent
}

/// `--file key=path` of `pra enqueue`: an argument that is a stored file.
final class EnqueuedFile {
  let key: String
  private let source: Archive?
  private let path: String
  private let digest: String

  init(_ text: String) throws {
    guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
      throw ConfigurationError("--file \(text): expected key=path, as in weights=inception.pth")
    }
    key = String(text[..<equals])
    path = String(text[text.index(after: equals)...])
    var isFolder: ObjCBool = false
    if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
      let packed = try Archive(path, key: "--file \(key)", isShard: false)
      (source, digest) = (packed, packed.sha256)
    } else {
      // A compressed archive is refused here as `pra run` refuses it, not when a worker reads it.
      if key == "source" {
        let given = path
        try refusing("--file \(key)") { try Self.refuseCompressed(given) }
      }
      (source, digest) = (nil, try sha256(of: path, "--file \(key)"))
    }
  }

  private static func refuseCompressed(_ path: String) throws {
    let file = try MappedFile(path)
    let isZip = file.bytes.starts(with: [0x50, 0x4B])
    if !isZip, let remark = Compression.remark(on: file.bytes) {
      throw FileError("\(path): \(remark)")
    }
  }

  /// Sets the key to the digest, and its `_name` to the file's name.
  var overrides: [Override] {
    [
      Override(path: [key], value: .string(digest)),
      Override(path: ["\(key)_name"], value: .string(source?.name ?? lastComponent(path))),
    ]
  }

  func store(in store: inout ArtifactStore) throws {
    _ = try store.store(
      file: source?.path ?? path, name: source?.name ?? lastComponent(path),
      mediaType: source == nil ? "application/octet-stream" : "application/x-tar",
      owner: .submitter)
  }
}
