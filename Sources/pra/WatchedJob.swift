// One job as `watch` displays it.

import Files
import Foundation
import Postgres

/// One job as displayed.
struct WatchedJob {
  let run: (id: Int64, name: String)
  let id: Int64
  /// `preview` for a sampling job that its run does not wait for.
  let kind: String
  /// The kind, and of a command its name.
  let title: String
  let isPreview: Bool
  let state: String
  let worker: String
  let message: String
  let done: Int64
  let total: Int64
  let unit: String
  /// A sentence about the copy that it waits for.
  let copy: String?
  /// Time of day (UTC) since which its worker has not beaten.
  let lostSince: String?
  /// Seconds of the attempt, and seconds that the work will still take at its present rate.
  let elapsed: Double?
  let left: Double?
  /// The newest figures of a running training, by their words.
  let figures: [(name: String, value: Double)]

  init(_ row: Row) throws {
    run = (try row.integer("run_id"), try row.string("run_name"))
    id = try row.integer("id")
    kind = try row.string("kind")
    title = try [kind, row.text("command") ?? ""].filter { !$0.isEmpty }.joined(separator: " ")
    isPreview = try row.boolean("is_preview")
    state = try row.string("state")
    worker = try row.text("worker_name") ?? ""
    message = try row.text("message") ?? ""
    done = try row.optionalInteger("progress_done") ?? 0
    total = try row.optionalInteger("progress_total") ?? 0
    unit = try row.text("progress_unit") ?? ""
    copy = try row.text("copy")
    lostSince = try row.text("lost_since")
    elapsed = try row.optionalDouble("elapsed")
    left = try row.optionalDouble("time_left")
    figures = try ["loss", "grad_norm", "images_per_second"].compactMap { name in
      try row.optionalDouble(name).map { (name, $0) }
    }
  }

  var hasEnded: Bool { ["succeeded", "failed", "cancelled", "quarantined"].contains(state) }
  var endedBadly: Bool { hasEnded && state != "succeeded" && !isPreview }
  var share: String {
    if let copy { return hasEnded ? "" : copy }
    return total > 0 ? "\(done)/\(total) \(unit)" : ""
  }

  /// The share with the figures of a running job: "1200/3000 steps, loss 0.6182, 310 images/s, 4 min, 6 min left".
  var progress: String {
    let words = ["loss": "loss ", "grad_norm": "gradient norm ", "images_per_second": ""]
    var parts = [share].filter { !$0.isEmpty }
    parts += figures.map { name, value in
      let text = value.formatted(.number.precision(.significantDigits(1...4)).grouping(.never))
      return words[name]! + text + (name == "images_per_second" ? " images/s" : "")
    }
    if let elapsed, !parts.isEmpty { parts.append(Self.time(elapsed)) }
    if let left, done < total { parts.append("\(Self.time(left)) left") }
    return parts.joined(separator: ", ")
  }

  /// As in 40 s, 3 min, 2 h 10 min or 5 d.
  static func time(_ seconds: Double) -> String {
    let whole = Int(max(0, min(seconds, 1e12)).rounded())
    return switch whole {
    case ..<100: "\(whole) s"
    case ..<6000: "\((whole + 30) / 60) min"
    case ..<180_000: "\(whole / 3600) h \(whole % 3600 / 60) min"
    default: "\(whole / 86_400) d"
    }
  }

  /// One line of the display, cut to the terminal's width, of which the bar takes a share.
  func line(width: Int) -> String {
    let number = "\(id)".padding(toLength: 6, withPad: " ", startingAt: 0)
    let full = title.shown
    let name = full.padding(toLength: min(24, max(9, full.count)), withPad: " ", startingAt: 0)
    let bar = width < 80 ? 10 : width < 140 ? 24 : 40
    let shown =
      hasEnded && !endedBadly
      ? Terminal.bar(1, of: 1, width: bar) : Terminal.bar(done, of: total, width: bar)
    let tail =
      if let lostSince {
        "since \(lostSince) UTC, with worker \(worker)"
      } else if state == "running" || !hasEnded && message.isEmpty || state == "succeeded" {
        [progress, worker].filter { !$0.isEmpty }.joined(separator: "  ")
      } else {
        message
      }
    // So many characters come before the tail; a wrapped line could not be overwritten.
    let before = 23 + name.count + bar
    return "\(number) \(name) \(Terminal.colored(state, padded: 11)) [\(shown)] "
      + tail.shown.prefix(max(0, width - before))
  }

  /// A text that changes when a log should have a new line: at a new state, and at every tenth of
  /// the work.
  var landmark: String {
    let tenth = state == "running" && total > 0 ? Int(Double(done) / Double(total) * 10) : 0
    return "\(state) \(tenth)"
  }

  var json: String {
    JSONText.object(
      JSONText.members(of: run) + [
        ("job", String(id)), ("kind", JSONText.string(kind)), ("state", JSONText.string(state)),
        ("worker_name", worker.isEmpty ? "null" : JSONText.string(worker)),
        ("message", message.isEmpty ? "null" : JSONText.string(message)),
        ("done", String(done)), ("total", String(total)), ("unit", JSONText.string(unit)),
        ("elapsed_seconds", elapsed.map(JSONText.number) ?? "null"),
        ("seconds_left", left.map(JSONText.number) ?? "null"),
      ] + figures.map { ($0.name, JSONText.number($0.value)) })
  }
}
