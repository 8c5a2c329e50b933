// How images are drawn: a section of the configuration.

package struct SamplingConfiguration: Section {
  package var method = SamplingMethod.euler
  package var steps = 25
  package var guidance = Guidance.linear
  package var scale = 2.0
  package var labels = Labels.balanced
  package var rounding = Rounding.halfUp
  /// Empty until resolved.
  package var weights = ""
  package var seed: UInt64 = 0

  package init() {}

  package static let source: String? = "model.md section 5"

  package static var fields: [Field<Self>] {
    [
      .choice(
        "method", \.method,
        "Integrator of the flow: `heun` evaluates it twice a step, `sde` adds noise in its steps."),
      .integer("steps", \.steps, 1...4095, "Steps of the integrator for each patch."),
      .choice(
        "guidance", \.guidance,
        "Guidance scale over the patches of an image: rising from 1 (`linear`), or the same for all."
      ),
      .number(
        "scale", \.scale, .zeroOrMore,
        "Scale of classifier-free guidance: 1 is none, more follows the class more closely."),
      .choice(
        "labels", \.labels,
        "Classes of the images, of those that the data set has images of: in turn (`balanced`), or "
          + "`random`."
      ).source("model.md section 6"),
      .choice(
        "rounding", \.rounding,
        "How x in [-1, 1] becomes a byte: floor(127.5 x + 128), or floor(127.5 (x + 1)) as in `adm`."
      ),
      .text(
        "weights", \.weights,
        "Weights that draw: `model`, or `ema-` with one of `training.ema`, by default the largest."
      ).rule("pattern", #""^(model|ema-[0-9.e-]+)$""#).source("model.md section 10"),
      .seed("seed", \.seed, "Key of the random numbers of sampling and its labels.")
        .source("model.md section 6"),
    ]
  }

  /// The same as JSON, for the arguments of a sampling job.
  package var canonicalJSON: String { json }

  /// Reads `canonicalJSON` back.
  /// - Throws: `ConfigurationError`
  package init(canonicalJSON text: String) throws {
    try apply(
      SettingValue(parsing: text, source: "sampling"), at: "sampling", complete: true)
  }
}
