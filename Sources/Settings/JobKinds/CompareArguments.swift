// The arguments of `compare`.

import Configuration

/// `compare`: a figure and a table of several evaluations.
package struct CompareArguments: JobArguments {
  /// Heading of figure and table.
  package var title = "comparison"
  /// The variant of each evaluation, in the order of `evaluations`; those of one name are seeds of
  /// one variant.
  package var names: [String] = []
  /// Evaluate jobs.
  package var evaluations: [Int] = []

  package init() {}

  package static var fields: [Field<Self>] {
    [
      .text("title", \.title, "Heading of figure and table."),
      .texts(
        "names", \.names,
        "Variant of each evaluation, in the order of `evaluations`; those of one name are seeds of one "
          + "variant."
      ).rule("minItems", "1"),
      .integers("evaluations", \.evaluations, jobIDs, "Evaluate jobs.").required()
        .rule("minItems", "1").rule("uniqueItems", "true"),
    ]
  }

  package var parents: [Int] { evaluations }

  package func validate() throws {
    guard !evaluations.isEmpty, Set(evaluations).count == evaluations.count else {
      throw ConfigurationError("evaluations: expected one or more evaluate jobs, each once")
    }
    guard names.count == evaluations.count else {
      throw ConfigurationError(
        "names: found \(names.count), expected one for each of the \(evaluations.count) evaluations"
      )
    }
  }
}
