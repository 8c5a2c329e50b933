// Checkpoints and trainings of runs, as verbs and run files name them.

import ArgumentParser
import Configuration
import JobKinds
import Postgres
import RunStore

/// A train job of a run.
struct TrainedRun {
  let run: (id: Int64, name: String)
  let job: Int64
  let state: String

  /// - Parameters:
  ///   - variant: of a run that compares several
  ///   - seed: of a variant that is trained with several
  /// - Throws: `NotFound` for a run without a training, or a variant that it does not have; `ValidationError`
  ///   where several fit
  init(
    named word: String, variant: String? = nil, seed: Int64? = nil, _ connection: Connection
  ) throws {
    run = try connection.run(named: word, with: .weights)
    let all = try connection.query(TrainedQueries.trainJobs, [.integer(run.id)])
    guard !all.isEmpty else {
      throw NotFound(message: "run \(run.id) (\(run.name)) has trained no model")
    }
    let fitting = try all.filter { row in
      let (ownVariant, ownSeed) = (try row.text("variant"), try row.optionalInteger("seed"))
      return (variant == nil || ownVariant == variant) && (seed == nil || ownSeed == seed)
    }
    guard fitting.count <= 1 || variant == nil && seed == nil else {
      throw ValidationError(
        "run \(run.id) (\(run.name)): \(try Self.names(fitting)) fit; choose with --variant and --variant-seed"
      )
    }
    guard fitting.count <= 1 else {
      throw ValidationError(
        "run \(run.id) (\(run.name)) has trained \(try Self.names(Array(all))); choose with --variant and "
          + "--variant-seed")
    }
    guard let row = fitting.first else {
      throw NotFound(
        message:
          "run \(run.id) (\(run.name)) has no such variant; it has trained \(try Self.names(Array(all)))"
      )
    }
    (job, state) = (try row.integer("id"), try row.string("state"))
  }

  private static func names(_ rows: [Row]) throws -> String {
    try rows.map { row in
      let seed = try row.optionalInteger("seed").map { " seed \($0)" } ?? ""
      return "\(try row.text("variant") ?? "job \(try row.string("id"))")\(seed)"
    }.joined(separator: ", ")
  }

  /// Refuses to wait for a training that has ended badly.
  /// - Throws: `ValidationError`
  func refuseDeadTraining(_ connection: Connection) throws {
    guard ["failed", "cancelled", "quarantined"].contains(state) else {
      guard state == "blocked",
        let dead = try connection.query(Queries.deadParents, [.integers([job])]).first
      else { return }
      let id = try dead.string("id")
      throw ValidationError(
        "the training of run \(run.id) (\(run.name)) waits for job \(id), which is "
          + "\(try dead.string("state")): pra retry \(id) lets it begin")
    }
    let written = try connection.query(
      TrainedQueries.ratedCheckpoints, [.integer(run.id), .integer(job)])
    guard !written.isEmpty else {
      throw ValidationError(
        "the training of run \(run.id) (\(run.name)) is \(state) and has no checkpoint; pra retry \(job) "
          + "begins it again\(try connection.others(like: run, with: .checkpoints))")
    }
    throw ValidationError(
      "the training of run \(run.id) (\(run.name)) is \(state): name one of its checkpoints by --step "
        + "(pra checkpoints \(run.id)), or train on with pra retry \(job)")
  }

  /// The arguments of its training.
  func arguments(_ connection: Connection) throws -> TrainArguments {
    try connection.trainArguments(ofJob: Int(job))
  }
}

/// A registered checkpoint of a run, and its files.
struct RunCheckpoint {
  let trained: TrainedRun
  let step: Int64
  /// Name and SHA-256, by name.
  let files: [(name: String, sha256: String)]

  /// - Parameters:
  ///   - step: `last`, `best` or a number of steps; empty for the last of a training that has ended
  ///   - key: the key or option that asks, in messages
  /// - Throws: `NotFound` for a checkpoint that is not there; `ValidationError` for one that may change
  init(of trained: TrainedRun, step: String, key: String, _ connection: Connection) throws {
    self.trained = trained
    let name = "run \(trained.run.id) (\(trained.run.name))"
    let all = try connection.query(
      TrainedQueries.ratedCheckpoints, [.integer(trained.run.id), .integer(trained.job)])
    guard let newest = all.first else {
      throw NotFound(
        message: "\(name) has no checkpoint\(trained.state == "succeeded" ? "" : " yet")"
          + (try connection.others(like: trained.run, with: .checkpoints)))
    }
    let row: Row
    switch step {
    case "", "last":
      row = newest
      guard trained.state == "succeeded" || step == "last" else {
        let found = try newest.string("step")
        throw ValidationError(
          "\(key): the training of \(name) is \(trained.state) and has come to step \(found); name the step, "
            + "as in \(found), or last for this one")
      }
    case "best":
      guard let best = try all.first(where: { try $0.integer("rank") == 1 }),
        try best.text("value") != nil
      else {
        let series = try newest.string("series")
        throw NotFound(
          message:
            "\(key): no checkpoint of \(name) has a value of \(series); name a step instead of best"
        )
      }
      row = best
    default:
      guard let found = try all.first(where: { try $0.string("step") == step }) else {
        let steps = try Set(all.map { try $0.integer("step") }).sorted().map(String.init)
        throw NotFound(
          message:
            "\(key): \(name) has no checkpoint of step \(step); it has \(steps.joined(separator: ", "))"
        )
      }
      row = found
    }
    self.step = try row.integer("step")
    files = try connection.query(Queries.checkpointFiles, [.integer(try row.integer("id"))]).map {
      (try $0.string("name"), try $0.string("sha256"))
    }
  }

  /// The text of one of its small files; nil if it has no such file.
  func text(_ name: String, _ store: inout ArtifactStore) throws -> String? {
    guard let file = files.first(where: { $0.name == name }) else { return nil }
    return String(decoding: try store.bytes(sha256: file.sha256), as: UTF8.self)
  }

  func state(_ store: inout ArtifactStore) throws -> CheckpointState {
    guard let text = try text("state.json", &store) else {
      throw Failure(
        message: "the checkpoint of step \(step) of job \(trained.job) has no state.json")
    }
    return try CheckpointState(canonicalJSON: text)
  }
}
