// `pra evaluations`, and a function that writes a file completely or not at all.

import ArgumentParser
import Files
import Foundation
import Postgres

struct Evaluations: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show a run's evaluation, overall and by class.",
    discussion: """
      frechet.* are Frechet distances on fixed random features: they compare runs on one data set \
      with each other and are no FID. reconstruction.psnr is in decibels. fid, sfid, is, precision, \
      recall and kid are computed from Inception features and named after the definition that they \
      follow (fid.adm, fid.torch-fidelity); --json prints the ruler of each: images, labels, rounding, \
      weights and reference.
      Example: pra evaluations emoji
      """)

  @Argument(help: ArgumentHelp("Number or name of the run.", valueName: "run")) var runName: String
  @OptionGroup var output: OutputOptions

  func run() throws {
    let connection = try Database.connect(.read)
    let found = try connection.run(named: runName)
    try connection.show(
      Queries.evaluations, rows: Queries.evaluationRows, [.integer(found.id)], output,
      omittingEmpty: true)
    let hasRandom = try !connection.query(Queries.randomFigures, [.integer(found.id)]).isEmpty
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
