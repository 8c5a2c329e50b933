// `evaluate` of a run file: whether drawn images are compared, and with what.

/// Evaluation by Inception features, by the usual conventions for generated images.
package struct InceptionEvaluation: Section {
  /// The file of the network's weights, as written in the run file and relative to its folder.
  package var inception = ""
  /// `data`, the run's own data set, or the path of an npz with statistics, images, or both.
  package var reference = "data"
  package var conventions = Conventions.all
  /// Number of jobs that compute features in parallel, of the drawn images and of the reference's.
  package var shards = 1

  package init() {}

  package static var fields: [Field<Self>] {
    [
      .text("inception", \.inception), .text("reference", \.reference),
      .texts("conventions", \.conventions), .integer("shards", \.shards, 1...10_000),
    ]
  }

  /// The files that it names.
  package var files: [String] { [inception] + (reference == "data" ? [] : [reference]) }

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
      let layer = Override(path: Array(option.path.dropFirst()), value: option.value).nested
      var changed = made ?? InceptionEvaluation()
      try changed.apply(layer, at: "evaluate")
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
