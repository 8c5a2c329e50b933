// The output of all stages of a run, as it comes, whatever workers they are on.

import Files
import Foundation
import JobQueue
import Postgres
import RunStore

/// The logs of all attempts of one run, read again and again.
struct RunLog {
  private struct Attempt: Hashable {
    let job: Int64
    let epoch: Int64
  }

  /// The position up to which an attempt's log was read.
  private struct Place {
    let title: String
    var ordinal: Int64 = -1
    /// The beginning of a line whose end has not come yet.
    var line: [UInt8] = []
    /// Number of looks without news since the attempt ended.
    var quiet = 0
  }

  private let run: Int64
  private let isJSON: Bool
  private var places: [Attempt: Place] = [:]
  /// Attempts that have ended and whose log is complete.
  private var complete: Set<Attempt> = []

  init(run: Int64, isJSON: Bool) {
    (self.run, self.isJSON) = (run, isJSON)
  }

  /// Prints everything that is new since the last look.
  /// - Parameter patience: number of looks without news after an attempt's end until its log is
  ///   complete; nil if this look is the only one
  /// - Returns: whether anything was new
  mutating func show(
    _ connection: Connection, _ store: inout RetryingConnection, patience: Int?
  ) throws -> Bool {
    var hasShown = false
    for row in try connection.query(Queries.attemptsOfRun, [.integer(run)]) {
      let attempt = Attempt(job: try row.integer("job_id"), epoch: try row.integer("epoch"))
      guard !complete.contains(attempt) else { continue }
      var place =
        try places[attempt]
        ?? Place(
          title: "\(row.string("kind")) \(attempt.job).\(attempt.epoch) "
            + "\(row.string("worker_name")) | ")
      let chunks = try store.log(job: attempt.job, epoch: attempt.epoch, after: place.ordinal)
      for chunk in chunks {
        place.ordinal = chunk.ordinal
        isJSON ? printJSON(attempt, chunk) : print(chunk.bytes, &place)
      }
      hasShown = hasShown || !chunks.isEmpty
      place.quiet = chunks.isEmpty ? place.quiet + 1 : 0
      let hasEnded = try row.boolean("has_ended")
      if patience.map({ hasEnded && place.quiet >= $0 }) ?? true {
        if !place.line.isEmpty { print([UInt8(ascii: "\n")], &place) }
        complete.insert(attempt)
        places[attempt] = nil
      } else {
        places[attempt] = place
      }
    }
    return hasShown
  }

  /// Whether every log has been shown to its end.
  var isComplete: Bool { places.isEmpty }

  private func print(_ bytes: [UInt8], _ place: inout Place) {
    place.line += bytes
    guard let end = place.line.lastIndex(of: UInt8(ascii: "\n")) else { return }
    var out: [UInt8] = []
    for line in place.line[..<end].split(
      separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    {
      out += Array(place.title.shown.utf8) + line + [UInt8(ascii: "\n")]
    }
    StandardOutput.write(out)
    place.line = Array(place.line[(end + 1)...])
  }

  private func printJSON(_ attempt: Attempt, _ chunk: LogChunk) {
    let line = JSONText.object([
      ("job", String(attempt.job)), ("attempt", String(attempt.epoch)),
      ("ordinal", String(chunk.ordinal)),
      ("text", JSONText.string(String(decoding: chunk.bytes, as: UTF8.self))),
    ])
    printExactly(line)
  }
}
