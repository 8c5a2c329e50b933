// The lines of a report, each with its keys.

import Configuration

/// `{"metric": "mean", "value": 0.31, "step": 1500}`
struct MetricLine: Section {
  var name = ""
  var step = 0
  var value: Double?

  init() {}
  init(step: Int64) { self.step = Int(step) }

  static var fields: [Field<Self>] {
    [
      .text("metric", \.name), .integer("step", \.step, 0...Int(UInt32.max)),
      .optionalNumber("value", \.value, .finite),
    ]
  }

  /// - Throws: `ConfigurationError`
  func checkedValue() throws -> Double { try checked(name, value) }
}

/// `{"evaluation": "mean", "value": 0.31, "scope": "flags", "images": 36}`
struct FigureLine: Section {
  var name = ""
  var scope = "overall"
  var value: Double?
  var images: Int?

  static var fields: [Field<Self>] {
    [
      .text("evaluation", \.name), .text("scope", \.scope),
      .optionalNumber("value", \.value, .finite),
      .optionalInteger("images", \.images, 0...1_000_000_000),
    ]
  }

  /// - Throws: `ConfigurationError`
  func checkedValue() throws -> Double { try checked(name, value) }
}

/// `{"artifact": "plots/histogram.png", "name": "histogram.png"}`
struct ArtifactLine: Section {
  var path = ""
  var name = ""

  static var fields: [Field<Self>] {
    [.text("artifact", \.path), .optionalText("name", \.name)]
  }
}

/// `{"progress": 3, "total": 10, "unit": "images"}`
struct ProgressLine: Section {
  var done = 0
  var total = 0
  var unit = "steps"

  static var fields: [Field<Self>] {
    [
      .integer("progress", \.done, 0...1_000_000_000_000),
      .integer("total", \.total, 0...1_000_000_000_000), .text("unit", \.unit),
    ]
  }
}

/// The value of a metric or figure whose name can be one.
private func checked(_ name: String, _ value: Double?) throws -> Double {
  guard name.wholeMatch(of: /[A-Za-z0-9][A-Za-z0-9_.@-]{0,99}/) != nil else {
    throw ConfigurationError(
      "found the name '\(name)', expected at most 100 letters, digits and _ . @ -")
  }
  guard let value else { throw ConfigurationError("value: missing; expected a number") }
  return value
}
