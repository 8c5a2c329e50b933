// Jobs that one deed is for, as people name them: `run=5 kind=sample state=ready`.

import Pages
import Postgres

/// A filter of jobs, parsed into the parameters of `QueueQueries.chosen`.
struct ChosenJobs {
  let question: Question

  private static let keys = ["run", "kind", "state", "queue", "user"]

  /// - Parameter ended: whether jobs that ended badly are meant, otherwise those that have not ended
  /// - Throws: `BadRequest` that names the term
  init(_ text: String, ended: Bool) throws {
    var values: [String: String] = [:]
    for term in text.split(whereSeparator: \.isWhitespace) {
      let sides = term.split(separator: "=", maxSplits: 1).map(String.init)
      guard sides.count == 2, Self.keys.contains(sides[0]), values[sides[0]] == nil else {
        throw BadRequest(
          "no such filter",
          "\(term): expected \(Self.keys.joined(separator: ", ")), each with = and a value, as in run=5 state=ready"
        )
      }
      values[sides[0]] = sides[1]
    }
    guard !values.isEmpty else {
      throw BadRequest("no filter", "target: expected a filter, as in run=5 state=ready")
    }
    if let run = values["run"], Int64(run) == nil {
      throw BadRequest("no such filter", "run=\(run): expected the number of a run")
    }
    question = Question(
      QueueQueries.chosen,
      Self.keys.map { key in Parameter.optional(values[key]) { .text($0) } } + [.boolean(ended)])
  }

  func ids(_ connection: Connection) throws -> [Int64] {
    try connection.query(question.sql, question.parameters).map { try $0.integer("id") }
  }
}
