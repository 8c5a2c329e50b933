// Values of options, with the range that each may have: what is outside is named before anything is done.

import ArgumentParser
import Files
import Foundation

/// The readers of values of options.
enum OptionValue {
  /// A whole number.
  static func whole(_ range: ClosedRange<Int>) -> @Sendable (String) throws -> Int {
    { text in
      guard let value = Int(text), range.contains(value) else {
        throw ValidationError(
          "expected a whole number from \(range.lowerBound) to \(range.upperBound)")
      }
      return value
    }
  }

  /// The priorities that the database takes.
  static let priority = whole(-1_000_000...1_000_000)
  /// Rows of a list.
  static let rows = whole(1...1_000_000_000)

  /// A number of seconds, with fractions.
  static func seconds(_ range: PartialRangeFrom<Double>) -> @Sendable (String) throws -> Double {
    { text in
      guard let value = Double(text), range.contains(value), value < 1e9 else {
        throw ValidationError(
          "expected seconds from \(range.lowerBound == 0 ? "0" : "\(range.lowerBound)") to below 1000000000"
        )
      }
      return value
    }
  }

  /// A length of time in seconds, with a unit if wanted.
  @Sendable static func duration(_ text: String) throws -> Double {
    let units = ["": 1.0, "s": 1, "m": 60, "h": 3600, "d": 86400]
    guard let match = text.wholeMatch(of: /([0-9]+(?:\.[0-9]+)?)([smhd]?)/),
      let number = Double(match.1), let unit = units[String(match.2)], number * unit < 1e9
    else { throw ValidationError("expected a time, as in 300, 90s, 30m, 4h or 2d") }
    return number * unit
  }

  /// A number of bytes, with a unit if wanted.
  @Sendable static func bytes(_ text: String) throws -> Int64 {
    guard let bytes = ByteCount.parse(text) else {
      throw ValidationError("expected a number of bytes, as in 500GB, 1.5TiB or 0")
    }
    return bytes
  }

  /// A range of ports.
  @Sendable static func ports(_ text: String) throws -> ClosedRange<Int> {
    let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
    guard ends.count == 2, let first = ends[0], let last = ends[1], first >= 1, first <= last,
      last <= 65535
    else { throw ValidationError("expected the first and the last port, as in 7000-7063") }
    return first...last
  }

  /// A name of limited length without control characters.
  static func text(upTo most: Int) -> @Sendable (String) throws -> String {
    { text in
      guard (1...most).contains(text.unicodeScalars.count),
        !text.unicodeScalars.contains(where: \.isUnseen)
      else {
        throw ValidationError("expected 1 to \(most) characters, none of them a control character")
      }
      return text
    }
  }

  /// The name of a worker. One of digits alone would be taken for the number of another.
  @Sendable static func workerName(_ text: String) throws -> String {
    guard text.contains(where: { !("0"..."9" ~= $0) }) else {
      throw ValidationError(
        "has digits alone, as the numbers of workers have; add a letter, as in worker-\(text)")
    }
    return try self.text(upTo: 200)(text)
  }

  /// The name of a queue, as the database takes it.
  @Sendable static func queue(_ text: String) throws -> String {
    guard text.wholeMatch(of: /[a-z0-9][a-z0-9_.-]{0,62}/) != nil else {
      throw ValidationError(
        "expected up to 63 small letters, digits, _, . and -, beginning with a letter or digit")
    }
    return text
  }
}
