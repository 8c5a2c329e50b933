// The files that a run is made from, named after their digests.

import Configuration
import Digest
import Files
import Foundation
import JobKinds
import RunStore
import TensorFiles

/// Everything that a run ingests.
struct Source {
  /// Archives to train on, followed by those for validation.
  let archives: [Archive]
  private let validationArchives: Int
  private let data: RunFile.DataSource
  /// Images that were ingested before, in the place of archives.
  let ingested: IngestedData?
  /// The folder of the workers' below which the archives are read in place; nil where they are stored.
  private(set) var root: String?
  /// Names of the contents: of the archives, or of the digests of their blocks. Known once they are stored.
  private var digests: [String] = []

  /// Larger sources are read in place by default, where a worker sees them.
  static let inPlaceFrom: Int64 = 16 << 30
  /// Bytes of a source for each of the jobs that ingest it in place, and the most of these by default.
  private static let partBytes: Int64 = 4 << 30
  private static let mostParts: Int64 = 64

  /// - Parameter file: the run file, from whose folder relative names are taken
  init(_ data: RunFile.DataSource, besides file: String, _ files: CheckedRun.ReadFiles) throws {
    self.data = data
    guard !data.isReference else {
      ingested = try files.ingested(data)
      (archives, validationArchives) = ([], 0)
      return
    }
    ingested = nil
    let training = try files.archives(
      RunFile.path(data.source, besides: file), key: "data.source")
    let validation = try data.validation.source.map {
      try files.archives(RunFile.path($0, besides: file), key: "data.validation.source")
    }
    archives = training + (validation ?? [])
    validationArchives = validation?.count ?? 0
    // Outside of a chosen folder there may be anything.
    if data.folder == nil, data.validation.folder == nil {
      for archive in archives { try archive.refuseUnread("data.source") }
    }
    if data.inPlace == true {
      guard archives.allSatisfy({ $0.path != nil }) else {
        throw ConfigurationError(
          "data.in_place: a folder of images cannot be read in place; pack it with tar, or leave "
            + "in_place out")
      }
    }
  }

  /// Bytes that a submission may send; none where the archives are read in place.
  var bytes: Int64 { root == nil ? size : 0 }

  private var size: Int64 { archives.reduce(0) { $0 + $1.size } }

  /// Decides whether the archives are read where they lie.
  /// - Parameter seen: folders that live workers see
  /// - Returns: a remark for the user
  mutating func place(seen: [String]) -> String? {
    let paths = archives.compactMap(\.path)
    guard ingested == nil else { return nil }
    guard data.inPlace != false, paths.count == archives.count else { return nil }
    func holds(_ folder: String) -> Bool {
      let folder = folder.hasSuffix("/") ? folder : "\(folder)/"
      return paths.allSatisfy { $0.hasPrefix(folder) }
    }
    // The narrowest: that of the fewest other files.
    root = seen.filter(holds).max { $0.utf8.count < $1.utf8.count }
    if data.inPlace == true, root == nil {
      let common = Self.folder(of: paths)
      root = common
      return "no worker sees \(common) yet; jobs wait for one: pra worker --sees \(common)"
    }
    if data.inPlace == nil, size < Self.inPlaceFrom { root = nil }
    return nil
  }

  /// The innermost folder around all paths.
  private static func folder(of paths: [String]) -> String {
    var common = paths[0].split(separator: "/").dropLast()
    for path in paths.dropFirst() {
      let other = path.split(separator: "/").dropLast()
      common = common.prefix(zip(common, other).prefix { $0 == $1 }.count)
    }
    return "/" + common.joined(separator: "/")
  }

  /// SHA-256 of the archive, or of the digests of several archives one after the other.
  var fingerprint: String {
    if let ingested { return ingested.fingerprint }
    guard digests.count > 1 else { return digests[0] }
    return SHA256.hexadecimal(of: digests.flatMap { Array($0.utf8) })
  }

  /// Stores the archives, or the digests of their blocks where they are read in place.
  /// - Parameter stored: the archives that this call need not look at, by number of the object
  mutating func store(in store: inout ArtifactStore, except stored: inout Set<ObjectIdentifier>)
    throws
  {
    digests = try archives.map { archive in
      guard root == nil else { return try archive.storeBlocks(in: &store) }
      if stored.insert(ObjectIdentifier(archive)).inserted {
        try refusing("data.source") { try archive.store(in: &store) }
      }
      return archive.sha256
    }
  }

  /// Finds the names of the contents without storing anything.
  mutating func measure() throws {
    digests = try archives.map {
      try root == nil ? $0.hashed().sha256 : $0.hashedBlocks()
    }
  }

  /// The value of `data` as a run stores it. Where and by how many the data are ingested makes no other run.
  var stored: String {
    if let ingested {
      return ingested.stored?.json ?? JSONText.object([("job", String(ingested.job))])
    }
    return data.json(without: ["in_place", "parts", "run", "job"])
  }

  /// Number of jobs, parts of one array, that share the ranges.
  var parts: Int {
    guard ingested == nil else { return 1 }
    if let parts = data.parts { return parts }
    guard root != nil else { return 1 }
    return Int(min(Self.mostParts, max(1, (size + Self.partBytes - 1) / Self.partBytes)))
  }

  /// Arguments of the ingest job that reads the archives.
  var arguments: IngestArguments {
    if let ingested { return ingested.arguments }
    var ingest = IngestArguments()
    (ingest.source, ingest.sourceName) = (digests[0], archives[0].name)
    ingest.shards = Array(digests.dropFirst())
    ingest.shardNames = archives.dropFirst().map(\.name)
    if archives.contains(where: { $0.folder != nil }) {
      ingest.archiveFolders = archives.map { $0.folder ?? "." }
    }
    if root != nil { ingest.inPlace = archives.map { $0.path! } }
    ingest.folder = data.folder
    ingest.validation = data.validation.split(archives: validationArchives)
    (ingest.skipLimit, ingest.background) = (data.skipLimit, data.background)
    return ingest
  }

  /// Requirements of the jobs that read the archives.
  var requirements: [String] {
    if let ingested { return ingested.requirements }
    return root.map { [SourceFolders.requirement($0)] } ?? []
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
  /// Reads a run file; if it has `init`, its settings apply over the configuration of those weights.
  init(
    reading path: String, overrides: [Override] = [], _ files: CheckedRun.ReadFiles
  ) throws {
    try self.init(path: path, overrides: overrides) { try files.start($0).state?.config }
  }
}

/// The digest of a file, remembered until the file changes.
/// - Parameter key: the key that names the file
func digest(of path: String, _ key: String) throws -> FileDigest {
  try refusing(key) {
    let identity = try FileIdentity(path)
    if let known = KnownDigests.digest(of: "file \(identity.text)", size: identity.size) {
      return known
    }
    let bytes = try MappedFile(path)
    var digest = SHA256()
    withExtendedLifetime(bytes) { digest.update(bytes.bytes) }
    let found = FileDigest(sha256: digest.hexadecimal(), size: Int64(bytes.bytes.count))
    if identity.isSettled, try FileIdentity(path) == identity {
      KnownDigests.remember(found, of: "file \(identity.text)")
    }
    return found
  }
}

/// One path for all that name a file of the same name in the same folder: absolute, without links to folders.
func plainPath(_ path: String) -> String {
  let url = URL(filePath: path)
  let (folder, name) = (url.deletingLastPathComponent(), url.lastPathComponent)
  guard ![".", "..", "/"].contains(name),
    let found = realpath(folder.path(percentEncoded: false), nil)
  else { return url.resolvingSymlinksInPath().path(percentEncoded: false) }
  defer { free(found) }
  let parent = String(cString: found)
  return parent == "/" ? "/\(name)" : "\(parent)/\(name)"
}

func lastComponent(_ path: String) -> String {
  URL(filePath: path).standardizedFileURL.lastPathComponent
}
