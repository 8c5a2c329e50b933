// Trainings of several ranks, on as many hosts as tests pretend.

import DatabaseTesting
import Foundation
import Postgres
import Testing

/// Workers for the ranks of a training, one rank each, and what a training left.
final class RankWorld {
  let world: World
  private(set) var workers: [WorkerProcess] = []

  init() throws { world = try World() }

  /// - Parameter server: one that the test may restart
  init(on server: TestServer) throws { world = try World(on: try TestDatabase.create(on: server)) }

  /// - Parameters:
  ///   - address: at which its ranks are reached
  ///   - namespace: of the network, in which it runs
  ///   - environment: in addition to the variables that find the database
  func worker(
    address: String = "127.0.0.1", namespace: String? = nil, environment: [String: String] = [:],
    _ arguments: String...
  ) throws -> WorkerProcess {
    let name = "host\(workers.count)"
    let worker = try WorkerProcess(
      world,
      arguments: ["--name", name, "--label", "host=\(name)", "--address", address] + arguments,
      limit: namespace.map { "exec ip netns exec \($0) \"$0\" \"$@\"" } ?? ":",
      environment: environment)
    workers.append(worker)
    return worker
  }

  /// Enqueues a training of eight parts of a batch.
  /// - Returns: the run
  func run(_ name: String, ranks: String, total: Int = 60, _ settings: String...) throws -> String {
    let file = try world.write(
      "\(name).yaml",
      """
      name: \(name)
      data: {source: \(Repository.root)/ops/demo.d/emoji-32.tar}
      config:
        trunk: {width: 64, layers: 2, heads: 1}
        training:
          {batch: 16, micro_batch: 2, total: \(total), warmup: 5, checkpoint_every: 20, crop: [0.8, 1], ranks: \(ranks)}

      """)
    return try world.answer(["run", file] + settings.flatMap { ["--set", $0] })
  }

  func state(_ run: String) throws -> String? {
    try world.rows(
      "select state from pra.jobs where run_id = \(run) and kind = 'train' and array_id is null"
    ).first
  }

  func awaitSuccess(_ run: String) throws {
    try wait(seconds: 240) {
      let state = try state(run)
      if ["failed", "cancelled", "quarantined"].contains(state) { throw Ended(try history(run)) }
      return state == "succeeded"
    }
  }

  struct Ended: Error {
    let history: [String]
    init(_ history: [String]) { self.history = history }
  }

  /// Waits until the training has made so many steps and runs.
  func reach(_ run: String, steps: Int) throws {
    try wait {
      try world.rows(
        """
        select 1 from pra.jobs where run_id = \(run) and kind = 'train' and array_id is null
          and state = 'running' and progress_done >= \(steps)
        """) == ["1"]
    }
  }

  /// Opens the session anew, after a restart of the server.
  func reconnect() throws { try world.reconnect() }

  /// Number of starts of the gang.
  func starts(_ run: String) throws -> Int {
    Int(
      try world.rows(
        "select epoch from pra.jobs where run_id = \(run) and kind = 'train' and array_id is null")[
          0])!
  }

  /// The ends of all attempts of the gang and its members.
  func history(_ run: String) throws -> [String] {
    try world.rows(
      """
      select a.job_id, a.epoch, a.outcome, a.cause, a.message from pra.attempts as a
      where a.run_id = \(run) and a.kind = 'train' order by a.started_at, a.job_id
      """)
  }

  /// SHA-256 of the trained weights, as stored.
  func weights(_ run: String) throws -> String {
    try world.rows(
      """
      select f ->> 'sha256' from pra.checkpoints as c cross join jsonb_array_elements(c.files) as f
      where c.run_id = \(run) and f ->> 'name' = 'model.safetensors' order by c.step desc, c.epoch desc limit 1
      """)[0]
  }

  /// Names and SHA-256 of the last checkpoint's files, but for its configuration.
  func checkpoint(_ run: String) throws -> [String] {
    try world.rows(
      """
      select f ->> 'name', f ->> 'sha256'
      from pra.checkpoints as c cross join jsonb_array_elements(c.files) as f
      where c.run_id = \(run) and f ->> 'name' <> 'state.json'
        and c.step = (select max(step) from pra.checkpoints where run_id = \(run))
      order by 1
      """)
  }

  /// Number of points and of steps of the series, and a digest of it.
  func series(_ run: String, _ name: String = "loss") throws -> String {
    try world.rows(
      """
      select count(*), count(distinct step), md5(string_agg(value::text, ',' order by step))
      from pra.metrics where run_id = \(run) and name = '\(name)'
      """)[0]
  }
}
