// `pra evaluate`, `pra probe` and `pra neighbours`: figures of a trained run, in one line each.

import ArgumentParser
import Configuration
import JobKinds
import JobQueue
import Postgres

struct Evaluate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Compare the images that a run has drawn last with its data set.",
    discussion: """
      The figures are those of evaluate: true in a run file; FID and its relatives, by Inception's weights, \
      are asked for in a run file or by pra enqueue features. Where a job measures these images already, or has \
      done so, it is named and none is enqueued; --again enqueues one all the same. Prints the number of the job.
      Example: pra evaluate emoji --wait
      """)

  @OptionGroup var target: RunTarget
  @OptionGroup var training: TrainingOptions
  @Option(
    help: "Number of the sample job, by default the newest of all classes that has not ended badly."
  )
  var job: Int64?
  @Flag(help: "Measure once more what a job has measured.") var again = false
  @OptionGroup var submission: SubmissionOptions

  func run() throws {
    let connection = try Database.connect(.submit)
    let trained = try training.trained(target.name, connection)
    let drawn = try DrawnRun(
      of: trained.run, train: trained.job, job: job, ofAllClasses: true, connection)
    guard !drawn.hasSomeClasses else {
      throw ConfigurationError(
        "job \(drawn.job) has drawn some classes alone; an evaluation compares with all of the data set: "
          + "draw others with pra sample \(trained.run.id), or name their job with --job")
    }
    if job == nil { try drawn.tellChoice(of: trained.run, connection) }
    try drawn.refuseDead(connection)
    if !again,
      let there = try connection.query(
        TrainedQueries.evaluationOf, [.integer(trained.run.id), .integer(drawn.job)]
      ).first
    {
      let made = try there.integer("id")
      complain(
        "pra: the images of job \(drawn.job) are evaluated by job \(made) (\(try there.string("state"))); "
          + "--again does it once more")
      return try submission.finish([made], run: trained.run.id)
    }
    var arguments = EvaluateArguments()
    (arguments.train, arguments.data) = (Int(drawn.train), Int(drawn.data))
    (arguments.samples, arguments.step) = ([Int(drawn.job)], drawn.step)
    let made = try submission.enqueue(arguments, run: trained.run.id, connection)
    try submission.finish([made], run: trained.run.id)
  }
}

struct Probe: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train linear classifiers on every layer of a run's model, and on raw pixels.",
    discussion: """
      Every image is held out once. pra keys --kind probe explains what --set takes. The figures are in pra \
      evaluations, the picture in pra export outputs JOB. Prints the number of the job.
      Example: pra probe emoji --step best --set pool=2 --wait
      """)

  @OptionGroup var target: RunTarget
  @OptionGroup var training: TrainingOptions
  @Option(help: "The checkpoint: last, best, or a number of steps; see pra checkpoints.")
  var step: String?
  @Option(
    name: .customLong("set"), help: "One argument of the probe: key=value.",
    completion: KeyCompletion.of(.probe))
  var settings: [String] = []
  @OptionGroup var submission: SubmissionOptions

  func run() throws {
    let connection = try Database.connect(.submit)
    let trained = try training.trained(target.name, connection)
    var arguments = ProbeArguments()
    arguments.train = Int(trained.job)
    arguments.data = try trained.arguments(connection).data
    if step == nil { try trained.refuseDeadTraining(connection) }
    if let step {
      arguments.step = Int(
        try RunCheckpoint(of: trained, step: step, key: "--step", connection).step)
    }
    let made = try submission.enqueue(try arguments.set(settings), run: trained.run.id, connection)
    try submission.finish([made], run: trained.run.id)
  }
}

struct Neighbours: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Find the training images nearest to those that a run has drawn last.",
    discussion: """
      pra images RUN --neighbours writes the picture, pra evaluations shows the share of near-duplicates. \
      pra keys --kind neighbours explains what --set takes. Prints the number of the job.
      Example: pra neighbours emoji --set rows=6 --wait
      """)

  @OptionGroup var target: RunTarget
  @OptionGroup var training: TrainingOptions
  @Option(help: "Number of the sample job, by default the newest that has not ended badly.")
  var job: Int64?
  @Option(
    name: .customLong("set"), help: "One argument of the search: key=value.",
    completion: KeyCompletion.of(.neighbours))
  var settings: [String] = []
  @OptionGroup var submission: SubmissionOptions

  func run() throws {
    let connection = try Database.connect(.submit)
    let trained = try training.trained(target.name, connection)
    let drawn = try DrawnRun(of: trained.run, train: trained.job, job: job, connection)
    if job == nil { try drawn.tellChoice(of: trained.run, connection) }
    try drawn.refuseDead(connection)
    var arguments = NeighboursArguments()
    (arguments.data, arguments.samples) = (Int(drawn.data), [Int(drawn.job)])
    let made = try submission.enqueue(try arguments.set(settings), run: trained.run.id, connection)
    try submission.finish([made], run: trained.run.id)
  }
}
