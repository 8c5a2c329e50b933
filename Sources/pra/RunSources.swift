// The files that a run is made from, under their digests.

import Configuration
import Digest
import Files
import Foundation
import JobKinds
import RunStore
import TensorFiles

/// The tar that a run ingests: a file, or a folder packed into one.
final class Source {
  let path: String
  let name: String
  let sha256: String
  private let isTemporary: Bool

  /// - Parameter key: which names it
  init(_ given: String, key: String = "data.source") throws {
    var isFolder: ObjCBool = false
    var isComplete = false
    guard FileManager.default.fileExists(atPath: given, isDirectory: &isFolder) else {
      throw ConfigurationError("\(key): there is no file or folder \(given)")
    }
    let last = URL(filePath: given).standardizedFileURL.lastPathComponent
    let packed = FileManager.default.temporaryDirectory
      .appending(path: "pra-source-\(UUID().uuidString).tar").path(percentEncoded: false)
    let tar = isFolder.boolValue ? packed : given
    defer { if !isComplete && isFolder.boolValue { unlink(packed) } }
    if isFolder.boolValue {
      _ = try refusing(key) { try TarWriter.pack(folder: given, to: packed) }
    }
    // Names that leave the archive, links and a lost end are refused before anything is written.
    try refusing(key) {
      let reader = try TarReader(tar)
      while try reader.next() != nil {}
    }
    var digest = SHA256()
    let file = try refusing(key) { try MappedFile(tar) }
    // The bytes are there as long as the file is.
    withExtendedLifetime(file) { digest.update(file.bytes) }
    (path, isTemporary) = (tar, isFolder.boolValue)
    name = isFolder.boolValue ? "\(last).tar" : last
    sha256 = digest.hexadecimal()
    isComplete = true
  }

  deinit { if isTemporary { try? FileManager.default.removeItem(atPath: path) } }
}

/// A file that cannot be read is bad input.
func refusing<T>(_ key: String, _ body: () throws -> T) throws -> T {
  do {
    return try body()
  } catch let error as FileError {
    throw ConfigurationError("\(key): \(error)")
  }
}

extension RunFile {
  /// Reads a run file; where it has `init`, over the configuration that this file holds.
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
  /// SHA-256 by the name that the run file gives.
  let digests: [String: String]
  private let paths: [String: String]

  /// - Parameter file: the run file, from whose folder relative names are taken
  init(_ plan: RunFile, besides file: String) throws {
    var keys = Dictionary(
      plan.arms.flatMap(\.configuration.loss.lpipsFile).map { ($0, "loss.lpips_file") }
    ) { first, _ in first }
    if let start = plan.start { keys[start.file] = "init.file" }
    for name in plan.inception?.files ?? [] { keys[name] = "evaluate" }
    paths = Dictionary(
      uniqueKeysWithValues: keys.keys.map { ($0, RunFile.path($0, besides: file)) })
    digests = try Dictionary(
      uniqueKeysWithValues: paths.map { ($0, try sha256(of: $1, keys[$0]!)) })
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
  func store(in store: inout RetryingConnection) throws {
    for path in paths.values.sorted() {
      _ = try store.store(
        file: path, name: lastComponent(path), mediaType: "application/octet-stream",
        owner: .submitter)
    }
  }
}

/// - Parameter key: which names the file
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
  private let key: String
  private let source: Source?
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
      let packed = try Source(path, key: "--file \(key)")
      (source, digest) = (packed, packed.sha256)
    } else {
      (source, digest) = (nil, try sha256(of: path, "--file \(key)"))
    }
  }

  /// The key takes the digest, its `_name` the file's name.
  var overrides: [Override] {
    [
      Override(path: [key], value: .string(digest)),
      Override(path: ["\(key)_name"], value: .string(source?.name ?? lastComponent(path))),
    ]
  }

  func store(in store: inout RetryingConnection) throws {
    _ = try store.store(
      file: source?.path ?? path, name: source?.name ?? lastComponent(path),
      mediaType: source == nil ? "application/octet-stream" : "application/x-tar",
      owner: .submitter)
  }
}
