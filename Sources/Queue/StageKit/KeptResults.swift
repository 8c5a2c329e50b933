// Results that are computed once for an artifact, such as the features of a data set.

import Postgres
import RunStore

extension StageSession {
  /// The result that an earlier job has kept.
  /// - Parameters:
  ///   - what: the computation, with everything that it depends on besides the source
  ///   - source: SHA-256 of the artifact that it is computed from
  package func kept(_ what: String, of source: String) throws -> Artifact? {
    try store.connection.run { connection in
      try connection.query(Queries.keptResult, [.text(source), .text(what)]).first.map { row in
        Artifact(
          sha256: try row.string("sha256"), size: try row.integer("size"), name: what,
          mediaType: try row.string("media_type"))
      }
    }
  }

  /// Keeps a stored artifact for later jobs.
  package func keep(_ artifact: Artifact, as what: String, of source: String) throws {
    try store.connection.run {
      try $0.query(
        Queries.keepResult,
        lease.parameters + [.text(source), .text(what), .text(artifact.sha256)])
    }
  }

  /// The outputs of a computation that an earlier job has kept, by name; nil unless all of them are there.
  package func keptOutputs(
    _ names: [String], what: String, of source: String
  ) throws -> [String: Artifact]? {
    var outputs: [String: Artifact] = [:]
    for name in names {
      guard let artifact = try kept("\(what): \(name)", of: source) else { return nil }
      outputs[name] = artifact
    }
    return outputs
  }

  /// Keeps the outputs of a computation for later jobs.
  package func keep(outputs: [String: Artifact], what: String, of source: String) throws {
    for (name, artifact) in outputs { try keep(artifact, as: "\(what): \(name)", of: source) }
  }
}
