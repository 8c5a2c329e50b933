// `evaluate` of a run file: whether drawn images are compared, and with what.

/// Evaluation by Inception features, by the usual conventions for generated images.
package struct InceptionEvaluation: Section {
  package var inception = ""
  package var reference = "data"
  package var conventions = Conventions.all
  package var shards = 1

  package init() {}

  package static var fields: [Field<Self>] {
    [
      .text(
        "inception", \.inception,
        "File with the weights of Inception-v3 in its FID form, relative to the run file."
      ).required(),
      .text(
        "reference", \.reference,
        "Images that the drawn ones are compared with: `data` for the run's own data set, or an npz "
          + "with `mu` and `sigma`, images `arr_0`, or both."),
      .texts(
        "conventions", \.conventions,
        "Whose definitions the figures follow: `adm`, `torch-fidelity`, or both."),
      .integer(
        "shards", \.shards, 1...10_000,
        "Number of jobs that compute features side by side, of each of the two sets of images."),
    ]
  }

  /// - Parameters:
  ///   - value: true, false, or a mapping
  ///   - options: options of the command line for keys inside it
  static func read(
    _ value: SettingValue?, _ options: [Override]
  ) throws -> (evaluate: Bool, inception: InceptionEvaluation?) {
    var made: InceptionEvaluation?
    var evaluate = false
    switch value {
    case .boolean(let flag): evaluate = flag
    case nil: break
    case .mapping:
      made = InceptionEvaluation()
      try made!.apply(value!, at: "evaluate")
    case .some(let other):
      throw ConfigurationError(
        "evaluate: found \(other.description), expected true, false, or a mapping with keys among "
          + fields.map(\.key).joined(separator: ", "))
    }
    for option in options {
      var changed = made ?? InceptionEvaluation()
      try option.blamed { try changed.apply(option.inner.nested, at: "evaluate") }
      made = changed
    }
    guard let made else { return (evaluate, nil) }
    guard !made.inception.isEmpty else {
      throw ConfigurationError(
        "evaluate.inception: missing; expected the file of Inception-v3's weights, as in inception: "
          + "pt_inception-2015-12-05-6726825d.pth")
    }
    try Conventions.check(made.conventions, at: "evaluate.conventions")
    return (true, made)
  }
}
