// `data.run` and `data.job` of a run file: images that were ingested before.

import Configuration
import Digest
import Files
import JobKinds
import Postgres

/// The images of an earlier ingest job.
struct IngestedData {
  let job: Int64
  let run: (id: Int64, name: String)
  /// Arguments for the same images at any size: without the share of one job.
  let arguments: IngestArguments
  let requirements: [String]
  /// Number of classes; nil until the images are packed.
  let classes: Int?
  /// The stored value of `data` of the run that has named the source; nil for a job by itself.
  let stored: SettingValue?

  /// - Throws: `NotFound` that names the key, with what would be right
  init(_ data: RunFile.DataSource, _ connection: Connection) throws {
    let key: String
    let rows: Rows
    if let job = data.job {
      key = "data.job"
      rows = try connection.query(TrainedQueries.ingestJobs, [.null, .integer(Int64(job))])
      guard rows.first != nil else {
        guard
          let kind = try connection.query(TrainedQueries.kindOfJob, [.integer(Int64(job))]).first
        else {
          throw NotFound(message: "data.job: there is no job \(job); pra data lists data sets")
        }
        throw ConfigurationError(
          "data.job: job \(job) is \(try kind.string("kind") == "ingest" ? "an array or a part of one" : "of kind \(try kind.string("kind"))"), "
            + "expected an ingest job; pra data lists them")
      }
    } else {
      key = "data.run"
      let found = try connection.run(named: data.run)
      rows = try connection.query(TrainedQueries.ingestJobs, [.integer(found.id), .null])
      guard rows.first != nil else {
        throw NotFound(
          message:
            "data.run: run \(found.id) (\(found.name)) has no data set; pra data lists those that "
            + "there are")
      }
    }
    let row = rows.first!
    job = try row.integer("id")
    run = (try row.integer("run_id"), try row.string("run_name"))
    guard try !row.boolean("is_removed") else {
      throw NotFound(
        message:
          "\(key): the data of run \(run.id) (\(run.name)) were removed; give the source again, as "
          + "data.source")
    }
    var arguments = try IngestArguments(json: try row.string("arguments"))
    (arguments.part, arguments.parts, arguments.packed) = (0, 1, 0)
    self.arguments = arguments
    requirements = try Self.requirements(try row.string("requirements"))
    classes = try row.optionalInteger("classes").map(Int.init)
    stored = try row.text("data").map { try SettingValue(parsingJSON: $0, source: "data") }
  }

  /// The digest of the source, as that of its archives is made.
  var fingerprint: String {
    guard !arguments.shards.isEmpty else { return arguments.source }
    return SHA256.hexadecimal(
      of: ([arguments.source] + arguments.shards).flatMap { Array($0.utf8) })
  }

  /// Requirements as a person writes them, from [{label, op, value}].
  private static func requirements(_ json: String) throws -> [String] {
    guard case .list(let all) = try SettingValue(parsingJSON: json, source: "requirements") else {
      return []
    }
    return all.compactMap { one in
      func text(_ key: String) -> String? {
        switch one[key: key] {
        case .string(let text), .integer(let text), .number(let text): text
        default: nil
        }
      }
      guard let label = text("label"), let op = text("op"), let value = text("value") else {
        return nil
      }
      return label + op + value
    }
  }
}
