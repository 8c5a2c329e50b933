// Data sets that runs have ingested.

import ArgumentParser
import Postgres

struct DataSets: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "data",
    abstract:
      "List the data sets, the newest first: images, classes, what was left out, splits, fingerprint, source.",
    discussion: """
      Each data set is the result of one ingest job. Data sets with equal fingerprints hold equal pixels \
      and labels, whatever they were made from. Column 'empty' counts classes without an image to train on, \
      'skipped' broken images, 'left_out' other files by reason; the job's output report.json and its log \
      (pra logs JOB) name them.
      Example: pra data
      """)

  @Option(
    parsing: .unconditional, help: "How many to list. (default: 50)", transform: OptionValue.rows)
  var limit = 50
  @OptionGroup var output: OutputOptions

  func run() throws {
    try Database.connect(.read).show(
      Queries.dataSets, rows: Queries.dataSetRows, [.integer(limit)], output)
  }
}
