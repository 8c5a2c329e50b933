// Conditions on runs, as in `lr>1e-3`, and what their words mean.

/// A condition on a setting or a figure of runs.
package struct Condition: Sendable {
  package let key: String
  /// One of `<`, `<=`, `>`, `>=`, `=` and `!=`.
  package let comparison: String
  package let value: String

  /// - Returns: nil for a text without a comparison
  /// - Throws: `ConfigurationError`, to be read after the text
  package init?(_ text: String) throws(ConfigurationError) {
    guard let match = text.wholeMatch(of: /\s*([^<>=!\s]+)\s*(<=|>=|!=|<|>|==?)\s*(.*?)\s*/) else {
      return nil
    }
    key = String(match.1)
    comparison = match.2 == "==" ? "=" : String(match.2)
    value = String(match.3)
    guard !value.isEmpty else {
      throw ConfigurationError("expected a value after \(comparison), as in lr>1e-3")
    }
    if !["=", "!="].contains(comparison) { _ = try number }
  }

  /// The value of a condition on a figure.
  package var number: Double {
    get throws(ConfigurationError) {
      guard let number = Double(value) else {
        throw ConfigurationError("expected a number after \(comparison)")
      }
      return number
    }
  }
}

/// The meaning of a word of a condition or an order.
package enum Compared: Sendable {
  /// The place of a setting in a stored configuration.
  case setting(String)
  /// The name of an evaluation or of a series.
  case figure(String)

  /// - Parameters:
  ///   - word: the name of a setting, `config.` left out or not, its last part where only one ends so, or a figure
  ///   - figures: asked only for a word that is the name of no setting
  /// - Throws: `ConfigurationError` with the nearest name, to be read after the term; what `figures` throws
  package init(_ word: String, figures: () throws -> [String]) throws {
    let bare = word.hasPrefix("config.") ? String(word.dropFirst("config.".count)) : word
    let all = Key.all.filter { !$0.isSection }.map(\.name)
    let settings = Set(Key.settings.filter { !$0.isSection }.map(\.name))
    func setting(_ name: String) -> Compared {
      .setting(settings.contains(name) ? "config.\(name)" : name)
    }
    if all.contains(bare) {
      self = setting(bare)
      return
    }
    let ends = all.filter { $0.hasSuffix(".\(bare)") }
    // A series of that name, as lr is one, shows what the setting has become at the last step.
    if ends.count == 1 {
      self = setting(ends[0])
      return
    }
    let figures = try figures()
    if figures.contains(word) {
      self = .figure(word)
      return
    }
    if ends.count > 1 {
      throw ConfigurationError("'\(word)' may be \(ends.joined(separator: " or "))")
    }
    let words = all.map { String($0.split(separator: ".").last!) }
    let near = nearest(to: bare, among: all + words + figures)
    throw ConfigurationError(
      "there is no setting and no figure '\(word)'"
        + (near.map { "; did you mean '\($0)'?" } ?? "; pra keys lists the settings"))
  }
}
