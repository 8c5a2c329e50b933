// The form of lines on standard error: text for people, or JSON for programs that gather logs.

import ArgumentParser
import Files
import Foundation

/// The form that `--log-format` asks for, with every verb.
enum LogFormat: String {
  case text, json

  /// Set once, before the verb runs.
  nonisolated(unsafe) static var current = LogFormat.text

  /// Takes the option out of a command line, up to a `--`, behind which nothing is an option.
  /// - Throws: `ValidationError` for another value
  static func take(from arguments: [String]) throws -> [String] {
    var left: [String] = []
    var rest = arguments[...]
    while let word = rest.popFirst() {
      if word == "--" { return left + [word] + rest }
      guard word == option || word.hasPrefix("\(option)=") else {
        left.append(word)
        continue
      }
      let value = word == option ? rest.popFirst() : String(word.dropFirst(option.count + 1))
      guard let format = value.flatMap(LogFormat.init) else {
        throw ValidationError("\(option) \(value ?? ""): expected text or json")
      }
      current = format
    }
    return left
  }

  private static let option = "--log-format"

  /// One line of a log: an object with the time in UTC, the level, the message and what else is known.
  static func line(_ level: String, _ message: String, _ more: [(String, String)] = []) -> String {
    let time = Date.now.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    return JSONText.object(
      [
        ("time", JSONText.string(time)), ("level", JSONText.string(level)),
        ("message", JSONText.string(message)),
      ] + more.map { ($0.0, JSONText.string($0.1)) })
  }
}
