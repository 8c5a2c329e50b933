// Data sets that runs have ingested.

import ArgumentParser
import Postgres

struct DataSets: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "data",
    abstract: "List the data sets: images, classes, size, splits, fingerprint, where from.",
    discussion: """
      Each is what one ingest job has made of its source. Data sets of one fingerprint hold the same \
      pixels and labels, whatever they were made from. What was skipped and why is in the job's output \
      report.json and in its log (pra logs JOB).
      Example: pra data
      """)

  @OptionGroup var output: OutputOptions

  func run() throws {
    try Database.connect(.read).show(Queries.dataSets, rows: Queries.dataSetRows, [], output)
  }
}
