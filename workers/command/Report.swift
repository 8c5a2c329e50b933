// The report of a command: one JSON object a line (docs/commands.md).

import Configuration
import Glibc
import StageInputs
import StageKit

/// The lines that a program has written to the pipe of `PRA_REPORT`, and what they add up to.
struct Report {
  /// One metric, figure, file or note of progress.
  enum Entry: Equatable {
    case metric(name: String, step: Int64, value: Double)
    case figure(name: String, scope: String, value: Double, images: Int64?)
    case artifact(path: String, name: String)
    case progress(done: Int64, total: Int64, unit: String)
  }

  private static let longestLine = 1 << 16
  private static let kinds = ["metric", "evaluation", "artifact", "progress"]

  private let pipe: Int32
  /// Step of a metric that names none.
  private let step: Int64
  private var rest: [UInt8] = []
  private var line = 0

  /// Makes the pipe.
  /// - Throws: `StageFault`
  init(path: String, step: Int64) throws {
    guard mkfifo(path, 0o600) == 0 else { throw StageFault(path, code: errno) }
    // Both ends, so that it does not end when the program closes its own.
    pipe = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC)
    guard pipe >= 0 else { throw StageFault(path, code: errno) }
    self.step = step
  }

  /// Waits for lines, but no longer than a tenth of a second.
  /// - Throws: `PermanentFailure` for a line that is none of the protocol
  mutating func next() throws -> [Entry] {
    var wait = pollfd(fd: pipe, events: Int16(POLLIN), revents: 0)
    guard poll(&wait, 1, 100) > 0 else { return [] }
    return try available()
  }

  /// The lines in the pipe, and with `isLast` one without an end besides.
  mutating func available(isLast: Bool = false) throws -> [Entry] {
    var entries: [Entry] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = read(pipe, &buffer, buffer.count)
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { break }
      rest += buffer[..<count]
      while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
        entries += try take(rest[..<end])
        rest.removeSubrange(...end)
      }
      guard rest.count <= Self.longestLine else {
        throw refusal("is longer than \(Self.longestLine) bytes", line + 1)
      }
    }
    if isLast, !rest.isEmpty { entries += try take(rest[...]) }
    return entries
  }

  private mutating func take(_ bytes: ArraySlice<UInt8>) throws -> [Entry] {
    line += 1
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw refusal("is not UTF-8 text", line)
    }
    guard text.contains(where: { !$0.isWhitespace }) else { return [] }
    do {
      return [try Self.entry(text, step: step)]
    } catch let error as ConfigurationError {
      throw refusal("\(error)", line)
    }
  }

  private func refusal(_ what: String, _ line: Int) -> PermanentFailure {
    PermanentFailure("report of the program, line \(line): \(what)")
  }

  /// - Throws: `ConfigurationError`
  static func entry(_ text: String, step: Int64) throws -> Entry {
    let given = try SettingValue(parsingJSON: text, source: "the line")
    guard case .mapping(let keys) = given,
      let kind = keys.map(\.key).first(where: kinds.contains)
    else {
      throw ConfigurationError(
        "expected a JSON object with one of \(kinds.joined(separator: ", "))")
    }
    switch kind {
    case "metric":
      var line = MetricLine(step: step)
      try line.apply(given, at: "")
      return .metric(name: line.name, step: Int64(line.step), value: try line.checkedValue())
    case "evaluation":
      var line = FigureLine()
      try line.apply(given, at: "")
      return .figure(
        name: line.name, scope: line.scope, value: try line.checkedValue(),
        images: line.images.map { Int64($0) })
    case "artifact":
      var line = ArtifactLine()
      try line.apply(given, at: "")
      let name =
        line.name.isEmpty ? line.path.split(separator: "/").last.map(String.init) ?? "" : line.name
      return .artifact(path: line.path, name: name)
    default:
      var line = ProgressLine()
      try line.apply(given, at: "")
      return .progress(done: Int64(line.done), total: Int64(line.total), unit: line.unit)
    }
  }
}
