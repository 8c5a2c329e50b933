// `pra evaluations`, and a function that writes a file completely or not at all.

import ArgumentParser
import Files
import Foundation
import Postgres

struct Evaluations: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show the evaluation of a run or a sweep, overall and by class.",
    discussion: """
      frechet.* are Frechet distances on fixed random features: they compare runs on one data set \
      with each other and are no FID. reconstruction.psnr is in decibels. fid, sfid, is, precision, \
      recall and kid are computed from Inception features and named after the definition that they \
      follow (fid.adm, fid.torch-fidelity); --json prints the ruler of each: images, labels, rounding, \
      weights and reference. drawn_by is the sampling job whose images a figure is of, sampling how they were \
      drawn; figures of the newest images come first.
      Example: pra evaluations emoji --job 14
      """)

  @OptionGroup var target: RunTarget
  @Option(help: "Number of a sampling job, for the figures of its images alone.") var job: Int64?
  @OptionGroup var output: OutputOptions

  func run() throws {
    let connection = try Database.connect(.read)
    let runs = try connection.runs(named: [target.name], with: .evaluations)
    let found = runs[0]
    let parameters: [Parameter] = [.integers(runs.map(\.id)), .optional(job) { .integer($0) }]
    if let job, try connection.query(SamplingQueries.evaluations, parameters).isEmpty {
      let owner = runs.count == 1 ? "run \(found.id)" : "sweep \(target.name)"
      throw NotFound(message: "--job \(job): is no sampling job of \(owner) that was evaluated")
    }
    if !output.json, try connection.query(SamplingQueries.evaluations, parameters).isEmpty {
      if runs.count > 1 {
        throw NotFound(
          message:
            "no run of the sweep has evaluations; pra evaluate RUN compares drawn images with the data set"
        )
      }
      throw try connection.lacks(
        .evaluations, found, "; pra evaluate \(found.id) compares drawn images with the data set")
    }
    try connection.show(
      SamplingQueries.evaluations, rows: SamplingQueries.evaluationRows, parameters, output,
      omittingEmpty: true)
    let hasRandom = try !connection.query(Queries.randomFigures, [parameters[0]]).isEmpty
    if !output.json, hasRandom {
      print(
        "frechet.*: Frechet distance on fixed random features, comparable on one data set; no FID")
    }
  }
}

/// Writes a file completely or not at all.
func write(_ bytes: [UInt8], to path: String) throws {
  do {
    let file = try DurableFile(path)
    try file.write(bytes)
    try file.commit()
  } catch let error as FileError {
    throw Failure(message: "\(error)")
  }
}

/// Whether an output is standard output, a device or a pipe, which take any format.
func isNoFile(_ output: String) -> Bool {
  guard let target = try? OutputTarget(output) else { return false }
  if case .file = target { return false }
  return true
}
