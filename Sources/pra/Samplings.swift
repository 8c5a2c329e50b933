// The sampling runs of a run: which of them a verb shows, and what the others are.

import ArgumentParser
import Postgres

/// Images that were drawn from one model with one setting.
struct Sampling {
  /// The number by which it is named: its job or array, of several the newest.
  let job: Int64
  let jobs: [Int64]
  let variant: String?
  /// Training step of the weights; nil if the job does not say.
  let step: Int64?
  /// Whether the training has drawn it at a checkpoint.
  let isPreview: Bool
  /// As in "job 14: step 1500, ema-0.999, euler 25, scale 2, seed 0, 192 images".
  let words: String

  /// The parts of `words` that say how it was drawn, as in ["ema-0.999", "euler 25", "scale 2", "seed 0"].
  var settings: [String] {
    Array(words.split(separator: ", ").map(String.init).dropFirst().dropLast())
  }

  init(_ row: Row) throws {
    job = try row.integer("job_id")
    jobs = try row.string("jobs").split(separator: ",").compactMap { Int64($0) }
    (step, isPreview) = (try row.optionalInteger("step"), try row.boolean("preview"))
    (variant, words) = (try row.text("variant"), try row.string("words"))
  }
}

extension Connection {
  /// The sampling runs of a run, the newest first, and after them its previews.
  func samplings(ofRun run: Int64) throws -> [Sampling] {
    try query(SamplingQueries.samplings, [.integer(run)]).map { try Sampling($0) }
  }

  /// The sampling run that a verb shows: the one that is asked for, otherwise the newest, and a preview where
  /// there is nothing else; then the others are named on standard error, but not the previews beside a sampling run.
  /// - Parameters:
  ///   - job: one of its jobs, as `--job` names it
  ///   - variants: those among which it is; none for any
  func sampling(of run: NamedRun, job: Int64?, variants: [String] = []) throws -> Sampling {
    let all = try samplings(ofRun: run.id).filter {
      variants.isEmpty || variants.contains($0.variant ?? "")
    }
    guard let newest = all.first else {
      throw try lacks(
        .images, run, variants.isEmpty ? "" : " of variant \(variants.joined(separator: ", "))")
    }
    guard let job else {
      let others = all.dropFirst().filter { newest.isPreview || !$0.isPreview }
      if !others.isEmpty {
        complain(
          "pra: run \(run.id) (\(run.name)): shows \(newest.words); --job chooses another: "
            + others.prefix(5).map(\.words).joined(separator: "; ")
            + (others.count > 5 ? "; and \(others.count - 5) more" : ""))
      }
      return newest
    }
    guard let found = all.first(where: { $0.jobs.contains(job) }) else {
      throw NotFound(
        message: "--job \(job): has drawn no images of run \(run.id), which has "
          + all.prefix(10).map(\.words).joined(separator: "; "))
    }
    return found
  }
}
