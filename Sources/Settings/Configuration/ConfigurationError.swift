// Errors of a configuration, in one sentence each.

import Files

/// A setting that cannot be used: names the key, what was found and what would be right.
package struct ConfigurationError: BadInput, CustomStringConvertible, Equatable {
  package let description: String

  package init(_ description: String) { self.description = description }
}

/// The known word closest to an unknown one, or nil if none is close.
///
/// Distance of Levenshtein 1966; close means at most a third of the letters changed, and two at
/// least are allowed.
package func nearest(to word: String, among known: [String]) -> String? {
  let ranked = known.map { (distance: editDistance(word, $0), word: $0) }
  guard let best = ranked.min(by: { ($0.distance, $0.word) < ($1.distance, $1.word) }) else {
    return nil
  }
  return best.distance <= max(2, word.count / 3) ? best.word : nil
}

/// Says that a key is unknown and suggests one: the same word in another section, otherwise the
/// nearest key here, otherwise all keys here.
func unknown(_ word: String, at path: String, known: [String]) -> ConfigurationError {
  let elsewhere = ModelConfiguration.leafPaths.filter { $0.hasSuffix(".\(word)") }
  if !elsewhere.isEmpty {
    return ConfigurationError(
      "\(path): unknown key; did you mean '\(elsewhere.joined(separator: "' or '"))'?")
  }
  if word.utf8.count <= 100, let near = nearest(to: word, among: known) {
    let parent = path.split(separator: ".").dropLast().joined(separator: ".")
    let full = parent.isEmpty ? near : "\(parent).\(near)"
    return ConfigurationError("\(path): unknown key; did you mean '\(full)'?")
  }
  return ConfigurationError(
    "\(path): unknown key; known here are \(known.joined(separator: ", "))")
}

/// Characters added, left out, replaced or swapped with their neighbour (optimal string alignment).
private func editDistance(_ first: String, _ second: String) -> Int {
  let a = Array(first.lowercased())
  let b = Array(second.lowercased())
  var rows = [Array(0...b.count)]
  for (i, x) in a.enumerated() {
    var row = [i + 1]
    for (j, y) in b.enumerated() {
      var least = min(rows[i][j + 1] + 1, row[j] + 1, rows[i][j] + (x == y ? 0 : 1))
      if i > 0, j > 0, x == b[j - 1], a[i - 1] == y { least = min(least, rows[i - 1][j - 1] + 1) }
      row.append(least)
    }
    rows.append(row)
  }
  return rows[a.count][b.count]
}
