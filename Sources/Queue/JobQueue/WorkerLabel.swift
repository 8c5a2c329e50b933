// Labels of workers that requirements of jobs can name; pra_store.label_fault is the same in the database.

/// The rules for a label.
package enum WorkerLabel {
  /// - Returns: why no requirement could match the label, and what would be right; nil for a good one
  package static func fault(_ key: String, _ value: String) -> String? {
    guard key.wholeMatch(of: /[A-Za-z_][A-Za-z0-9_.-]{0,99}/) != nil else {
      return
        "the name '\(key)' has to be up to 100 letters, digits, _, . and -, and not to begin with a digit"
    }
    guard (1...200).contains(value.unicodeScalars.count) else {
      return "the value has to have 1 to 200 characters"
    }
    guard value.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F }),
      value.first != " ", value.last != " ", !value.contains(where: { "<>=!'\"`".contains($0) })
    else {
      return
        "the value holds a quote, a comparator, a control character or a blank at an end, which no "
        + "requirement can name"
    }
    if key != "host", let match = value.wholeMatch(of: numberWithUnit) {
      return
        "'\(value)' is a number with a unit, which compares with no number; expected \(match.output.1), "
        + "with the unit in the name, as in vram_gib=80"
    }
    return nil
  }

  private static var numberWithUnit: Regex<(Substring, Substring)> {
    /(-?[0-9]+(?:\.[0-9]+)?)\s*(?:[kmgp]i?b?|t(?:i?b)?|b|(?:[kmgtp]i?|kilo|mega|giga|tera|peta|kibi|mebi|gibi|tebi|pebi)?(?:bits?|bytes?)(?:\/s)?|gigs?|(?:[kmg]|kilo|mega|giga)?(?:hz|hertz)|k?w|watts?|%)/
      .ignoresCase()
  }
}
