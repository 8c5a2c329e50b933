// Stage `compare`: reads evaluations of several variants and seeds, makes one figure and one table.

import Configuration
import Evaluation
import Figures
import JobKinds
import RunStore
import StageInputs
import StageKit

Stage.run { session in
  let arguments = try refusingBadInput { try CompareArguments(json: session.arguments) }
  var comparison = VariantComparison()
  var rulers: [String: (ruler: SettingValue, job: Int)] = [:]
  for (name, job) in zip(arguments.names, arguments.evaluations) {
    guard let artifact = try session.outputs(ofJob: Int64(job))[OutputName.evaluation] else {
      throw PermanentFailure("job \(job) has no output \(OutputName.evaluation)")
    }
    let text = String(decoding: try session.fetchArtifact(sha256: artifact.sha256), as: UTF8.self)
    let figures = try refusingBadInput {
      try overallFigures(text, source: "\(OutputName.evaluation) of job \(job)")
    }
    for figure in figures {
      comparison.add(figure.value, metric: figure.metric, variant: name)
      if let first = rulers[figure.metric], first.ruler != figure.ruler {
        throw PermanentFailure(
          "evaluations: \(figure.metric) of jobs \(first.job) and \(job) was measured with different "
            + "rulers (\(differences(first.ruler, figure.ruler))); compare figures of one ruler")
      }
      rulers[figure.metric] = (figure.ruler, job)
    }
  }
  let table = comparison.markdown(title: arguments.title)
  say(table)
  guard
    let metric = comparison.metrics.first(where: { $0.hasPrefix("fid.") })
      ?? comparison.metrics.first(where: { $0.hasPrefix("frechet.") })
  else {
    throw PermanentFailure("evaluations: none has a Frechet distance over all images")
  }
  let chart = dotChart(comparison, metric: metric, title: arguments.title)
  func store(_ bytes: [UInt8], _ name: String, _ mediaType: String) throws -> Artifact {
    try session.storeArtifact(bytes: bytes, name: name, mediaType: mediaType)
  }
  try session.finish(
    outputs: [
      "comparison.png": store(chart.picture().png(), "comparison.png", "image/png"),
      "comparison.svg": store(Array(chart.svg().utf8), "comparison.svg", "image/svg+xml"),
      "comparison.md": store(Array(table.utf8), "comparison.md", "text/markdown"),
    ], evaluations: records(comparison))
}

/// Metrics over all images, from an evaluation's document.
func overallFigures(
  _ text: String, source: String
) throws -> [(metric: String, value: Double, ruler: SettingValue)] {
  guard case .list(let entries) = try SettingValue(parsing: text, source: source) else {
    throw ConfigurationError("\(source): expected a list of figures")
  }
  return try entries.compactMap { entry in
    guard case .mapping(let members) = entry else {
      throw ConfigurationError("\(source): found \(entry.description), expected a figure")
    }
    let named = Dictionary(uniqueKeysWithValues: members.map { ($0.key, $0.value) })
    guard named["scope"] == .string("overall"), case .string(let metric)? = named["metric"] else {
      return nil
    }
    switch named["value"] {
    case .integer(let digits), .number(let digits):
      if let value = Double(digits) { return (metric, value, named["ruler"] ?? .null) }
    default: break
    }
    throw ConfigurationError("\(source): \(metric) has no finite value")
  }
}

/// The keys in which two rulers differ.
func differences(_ a: SettingValue, _ b: SettingValue) -> String {
  func members(_ value: SettingValue) -> [String: SettingValue] {
    guard case .mapping(let entries) = value else { return [:] }
    return Dictionary(uniqueKeysWithValues: entries.map { ($0.key, $0.value) })
  }
  let (x, y) = (members(a), members(b))
  return Set(x.keys).union(y.keys).filter { x[$0] != y[$0] }.sorted().joined(separator: ", ")
}

func dotChart(_ comparison: VariantComparison, metric: String, title: String) -> DotChart {
  DotChart(
    title: title, xLabel: "\(metric), smaller is better (a dot a seed, a line at the mean)",
    rows: comparison.variants.compactMap { variant in
      let values = comparison.values(metric: metric, variant: variant)
      return values.isEmpty ? nil : DotChart.Row(name: variant, values: values)
    })
}

func records(_ comparison: VariantComparison) -> [EvaluationRecord] {
  comparison.metrics.flatMap { metric in
    comparison.variants.flatMap { variant -> [EvaluationRecord] in
      let values = comparison.values(metric: metric, variant: variant)
      guard let summary = SeedSummary(values) else { return [] }
      return [("mean", summary.mean), ("deviation", summary.deviation)].map {
        EvaluationRecord(
          metric: "\(metric).\($0.0)", scope: variant, value: $0.1, images: Int64(values.count))
      }
    }
  }
}
