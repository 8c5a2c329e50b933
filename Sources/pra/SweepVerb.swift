// `pra sweep`: the cross product of settings, with a run for each.

import ArgumentParser
import Configuration
import JobQueue

struct Sweep: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Enqueue a run for each combination of values of several settings.",
    discussion: """
      Commas outside brackets separate values; a setting with one value holds for all runs. All \
      combinations are checked before the first run is enqueued. Runs are named after the settings that \
      differ. Prints the number and the name of each run.
      Example: pra sweep run.yaml --set training.lr=1e-4,3e-4 --set seed=0,1,2
      """)

  @Argument(help: "The run file.") var file: String
  @Option(name: .customLong("set"), help: "A setting and its values: dotted.key=value,value...")
  var settings: [String] = []
  @Flag(help: "Use runs of equal name, configuration and data where there are some.")
  var reuse = false
  @Option(help: "Queue of the jobs.") var queue = "default"
  @Option(help: "Jobs of a higher priority run first.") var priority = 0
  @Option(help: "Refuse more runs than this.") var most = 1000

  func run() throws {
    let points = try Self.points(settings)
    guard points.count <= most else {
      throw ValidationError("\(points.count) runs are more than --most \(most)")
    }
    var runs: [(name: String, Run)] = []
    let base = try RunFile(reading: file).name
    for point in points {
      let name = ([base] + point.filter(\.differs).map(\.text)).joined(separator: " ")
      // The run's name may itself be one of the settings.
      let given = point.contains { $0.text.hasPrefix("name=") }
      var run = Run()
      run.file = file
      run.settings = point.map(\.text) + (given ? [] : ["name='\(name)'"])
      (run.wait, run.reuse, run.queue, run.priority) = (false, reuse, queue, priority)
      try run.check()
      runs.append((name, run))
    }
    for (name, run) in runs { print("\(try run.enqueue()) \(name)") }
  }

  /// One combination: its settings, and whether each differs between runs.
  typealias Point = [(text: String, differs: Bool)]

  static func points(_ settings: [String]) throws -> [Point] {
    var points: [Point] = [[]]
    for setting in settings {
      guard let equals = setting.firstIndex(of: "=") else {
        throw ConfigurationError("--set \(setting): expected key=value,value")
      }
      let values = split(setting[setting.index(after: equals)...])
      guard Set(values).count == values.count else {
        throw ConfigurationError("--set \(setting): a value is there twice")
      }
      points = points.flatMap { point in
        values.map { point + [("\(setting[...equals])\($0)", values.count > 1)] }
      }
    }
    return points
  }

  /// Splits at commas outside brackets and quotes.
  private static func split(_ text: Substring) -> [String] {
    var parts = [""]
    var depth = 0
    var quote: Character?
    for character in text {
      if let open = quote {
        if character == open { quote = nil }
      } else if character == "\"" || character == "'" {
        quote = character
      } else if "[{".contains(character) {
        depth += 1
      } else if "]}".contains(character) {
        depth -= 1
      }
      if character == "," && depth == 0 && quote == nil {
        parts.append("")
      } else {
        parts[parts.count - 1].append(character)
      }
    }
    return parts
  }
}
