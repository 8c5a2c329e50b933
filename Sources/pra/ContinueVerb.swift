// `pra continue` and `pra checkpoints`: what goes on from a run's weights.

import ArgumentParser
import Configuration
import Postgres

struct Continue: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train a run on, as a new run that begins with its weights and optimizer.",
    discussion: """
      The new run has the configuration, data, sampling and evaluation of the old one, and goes on to the bit \
      where the checkpoint was written. The learning rate decays to the new last step. Settings change single \
      keys. Prints the number of the new run.
      Example: pra continue emoji --total 3000 --wait
      Example: pra continue emoji --step best --total 2000 --set training.lr=1e-4 --name emoji-fine
      """)

  @OptionGroup var target: RunTarget
  @Option(
    parsing: .unconditional, help: "Steps at which training ends, those already made included.",
    transform: OptionValue.whole(1...1_000_000_000))
  var total: Int
  @Option(help: "The checkpoint: last, best, or a number of steps; see pra checkpoints.")
  var step = "last"
  @Option(help: "Name of the new run; by default that of the old one with the number of steps.")
  var name: String?
  @Option(
    name: .customLong("set"), help: "A setting that replaces the run's: dotted.key=value.",
    completion: KeyCompletion.settings)
  var settings: [String] = []
  @OptionGroup var submission: SubmissionOptions

  func run() throws {
    let files = CheckedRun.ReadFiles()
    let connection = try files.connection()
    let run = try connection.run(named: target.name, with: .checkpoints)
    let trained = try TrainedRun(named: "id=\(run.id)", connection)
    let checkpoint = try RunCheckpoint(
      of: trained, step: trained.state == "succeeded" || step != "last" ? step : "", key: "--step",
      connection)
    guard total > checkpoint.step else {
      throw ConfigurationError(
        "--total \(total): run \(run.id) (\(run.name)) has come to step \(checkpoint.step) of its training there; give "
          + "more, as in --total \(2 * checkpoint.step), or an earlier checkpoint by --step")
    }
    let start = SettingValue.mapping([]).setting(["run"], to: .integer(String(run.id)))
      .setting(["step"], to: .integer(String(checkpoint.step)))
    let file = try Config.file(of: run, connection).setting(["init"], to: start)
    let overrides =
      try [
        Override(
          path: ["name"], value: .string(name ?? Self.name(after: run.name, total)),
          option: name.map { _ in "--name" }),
        Override(path: ["training", "epochs"], value: .null),
        Override(
          path: ["training", "total"], value: .integer(String(total)), option: "--total"),
      ] + settings.map { try Override($0) }
    let plan = try RunFile(
      text: file.yaml(), source: "run \(run.id)", overrides: overrides
    ) { try files.start($0).state?.config }
    let checked = try CheckedRun(plan, besides: "", files)
    let id = try RunSubmission(
      reuse: false, queue: submission.line.queue, priority: submission.line.priority
    ).enqueue([checked])[0]
    print(id)
    if submission.wait { try Watcher(try Database.url(.read), runs: [id]).watch() }
  }

  /// `emoji-3000`, and of `emoji-1500` as well; of a run of a sweep `sw lr=1e-3 total=3000`.
  static func name(after name: String, _ total: Int) -> String {
    if name.contains("=") {
      return "\(name.replacing(#/ total=[0-9]+$/#, with: "")) total=\(total)"
    }
    return "\(name.replacing(/-[0-9]+$/, with: ""))-\(total)"
  }
}

struct Checkpoints: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List a run's checkpoints: step, size, and which is the last and the best.",
    discussion: """
      The figure is the mean of a series over the steps since the checkpoint before, by default of \
      training.keep.metric; pra runs has the mean of the end of the loss. \
      training.keep says which stay. pra sample, continue, probe and init take a step, last or best.
      Example: pra checkpoints emoji --metric loss.flow
      """)

  @OptionGroup var target: RunTarget
  @Option(help: "The series that says which is best, such as loss.flow.") var metric: String?
  @OptionGroup var output: OutputOptions

  func run() throws {
    let connection = try Database.connect(.read)
    let run = try connection.run(named: target.name, with: .checkpoints)
    if let metric { try connection.requireSeries([metric], of: [run]) }
    try connection.show(
      TrainedQueries.checkpoints, rows: TrainedQueries.checkpointRows,
      [.integer(run.id), .optional(metric) { .text($0) }], output)
  }
}
