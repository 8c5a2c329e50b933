// Files, earlier runs and stored weights that run files name, each read once.

import Configuration
import Digest
import Files
import Foundation
import Postgres
import RunStore
import TensorFiles

extension CheckedRun {
  /// The files that several runs of a sweep share, each read once.
  final class ReadFiles {
    private var sources: [String: [Archive]] = [:]
    private var digests: [String: FileDigest] = [:]
    private var starts: [RunFile.Start: StartWeights] = [:]
    private var ingested: [RunFile.DataSource: IngestedData] = [:]
    private var said: Set<String> = []
    private var session: Connection?
    private var store: ArtifactStore?
    private let folder =
      "\(FileManager.default.temporaryDirectory.path(percentEncoded: false))/pra-\(UUID().uuidString)"

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// Says a remark on standard error, once for all runs.
    func tell(_ remark: String) {
      if said.insert(remark).inserted { complain("pra: \(remark)") }
    }

    /// The archives behind a path in the run file.
    func archives(_ path: String, key: String) throws -> [Archive] {
      let place = plainPath(path)
      if let known = sources[place] { return known }
      let found = try Archive.all(path, key: key)
      sources[place] = found
      return found
    }

    /// The session in which earlier runs are looked up; opened when a run file first names one.
    func connection() throws -> Connection {
      if let session { return session }
      let opened = try Database.connect(.submit)
      session = opened
      return opened
    }

    /// The images that `data.run` or `data.job` names.
    func ingested(_ data: RunFile.DataSource) throws -> IngestedData {
      if let known = ingested[data] { return known }
      let found = try IngestedData(data, try connection())
      ingested[data] = found
      return found
    }

    /// The weights of `init`.
    /// - Parameter start: its file resolved from the run file's folder
    func start(_ start: RunFile.Start) throws -> StartWeights {
      var place = start
      place.restart = false
      if let known = starts[place] { return known }
      let found: StartWeights
      if !start.run.isEmpty {
        let trained = try TrainedRun(named: start.run, try connection())
        let checkpoint = try RunCheckpoint(
          of: trained, step: start.step, key: "init.step", try connection())
        var store = try openStore()
        found = try StartWeights(checkpoint, &store)
      } else if let sha256 = try stored(start.file, key: "init.file") {
        found = try refusing("init.file") {
          try StartWeights(file: try copy(of: sha256), name: String(start.file.prefix(19)))
        }
      } else {
        found = try refusing("init.file") {
          try StartWeights(file: start.file, name: URL(filePath: start.file).lastPathComponent)
        }
      }
      starts[place] = found
      return found
    }

    private func openStore() throws -> ArtifactStore {
      if let store { return store }
      let opened = try Database.store(.submit)
      store = opened
      return opened
    }

    /// A file of the store, as long as this object lives.
    func copy(of sha256: String) throws -> String {
      try makeFolder(folder)
      let path = "\(folder)/\(sha256)"
      guard !FileManager.default.fileExists(atPath: path) else { return path }
      var store = try openStore()
      try store.fetch(sha256: sha256, into: path)
      return path
    }

    private func isStored(_ name: String) -> Bool { name.hasPrefix(RunFile.storedPrefix) }

    /// The SHA-256 in a name such as `sha256:0f3a...`; nil for a path.
    /// - Throws: `ConfigurationError` unless it is that of a stored file
    func stored(_ name: String, key: String) throws -> String? {
      guard isStored(name) else { return nil }
      let digest = String(name.dropFirst(RunFile.storedPrefix.count))
      guard digest.wholeMatch(of: /[0-9a-f]{64}/) != nil,
        try connection().query(TrainedQueries.isStored, [.text(digest)]).single().boolean(
          "is_stored")
      else {
        throw ConfigurationError(
          "\(key): there is no stored file \(name); expected a path, or sha256: and the 64 digits of one"
        )
      }
      return digest
    }

    /// The digest of a file.
    /// - Parameter isWeights: whether it is opened as a file of weights, so that another file is refused here and
    ///   not by a job
    func digest(of path: String, key: String, isWeights: Bool) throws -> FileDigest {
      let place = plainPath(path)
      if let known = digests[place] { return known }
      if isWeights { try refusing(key) { _ = try WeightFiles.open(path) } }
      let found = try pra.digest(of: path, key)
      digests[place] = found
      return found
    }
  }
}
