// The files of a source that are no images of a class.

/// Names, of which there may be millions, counted by reason; only the first are kept.
package struct IgnoredFiles: Codable, Sendable, Equatable {
  /// Number of names that are kept.
  static let most = 1000
  package private(set) var first: [String] = []
  package private(set) var count = 0
  package private(set) var byReason: [String: Int] = [:]

  mutating func add(_ name: String, _ reason: String) {
    count += 1
    byReason[reason, default: 0] += 1
    if first.count < Self.most { first.append(name) }
  }

  /// Reasons with their numbers, the most frequent first.
  package var reasons: [(reason: String, count: Int)] {
    byReason.map { ($0.key, $0.value) }.sorted {
      $0.1 != $1.1 ? $0.1 > $1.1 : $0.0.utf8.lexicographicallyPrecedes($1.0.utf8)
    }
  }

  /// One sentence, such as "12 files are left out: 8 WebP, 4 hidden"; nil if there are none.
  package var summary: String? {
    guard count > 0 else { return nil }
    return "\(count) \(count == 1 ? "file is" : "files are") left out: "
      + reasons.map { "\($0.count) \($0.reason)" }.joined(separator: ", ")
  }

  /// The first names for the log, such as "left out: a.webp, notes.txt"; nil if there are none.
  package var names: String? {
    guard count > 0 else { return nil }
    let shown = first.prefix(5).map(\.shown).joined(separator: ", ")
    return "left out: \(shown)"
      + (count > 5
        ? ", and \(count - 5) more, of which report.json names \(first.count) in all" : "")
  }
}
