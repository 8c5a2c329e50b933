// A training whose checkpoints are damaged in the store, and the verbs that name and mend what is.

import DatabaseTesting
import Foundation
import ObjectServer
import Testing

@Suite struct DamagedStoreTests {
  /// Enough for three checkpoints before the end.
  private static let steps = 60

  let world: World
  let store: String

  init() throws {
    world = try World()
    store = "\(world.folder)/store"
    try FileManager.default.createDirectory(atPath: store, withIntermediateDirectories: false)
    _ = try world.answer("store", "file:\(store)")
  }

  /// Tensors of more than 1 MiB, which lie in the store.
  private func begin(steps: Int) throws -> (run: String, job: String) {
    let file = try world.write(
      "damaged.yaml",
      """
      name: damaged
      data: {source: \(Repository.root)/ops/demo.d/emoji-32.tar}
      config:
        trunk: {width: 64, layers: 2, heads: 1}
        head: {width: 64, blocks: 1}
        encoder: {width: 64, blocks: 1}
        decoder: {width: 64, blocks: 1}
        training: {batch: 2, total: \(steps), warmup: 2, checkpoint_every: 1, keep: {every: 1}}

      """)
    let run = try world.answer("run", file)
    let job = try world.rows("select id from pra.jobs where run_id = \(run) and kind = 'train'")[0]
    return (run, job)
  }

  private func path(_ sha256: String) -> String {
    "\(store)/sha256/\(sha256.prefix(2))/\(sha256.dropFirst(2).prefix(2))/\(sha256)"
  }

  /// The tensors of the checkpoints of a job, the newest first.
  private func tensors(_ job: String) throws -> [(step: Int, sha256: String)] {
    try world.rows(
      """
      select c.step, f ->> 'sha256'
      from pra.checkpoints as c, jsonb_array_elements(c.files) as f
      where c.job_id = \(job) and f ->> 'name' = 'model.safetensors' order by c.epoch desc, c.step desc
      """
    ).map { ($0.split(separator: " ")[0], $0.split(separator: " ")[1]) }
      .map { (Int($0)!, String($1)) }
  }

  @Test(
    "a training goes on from the newest checkpoint that reads, or from its beginning",
    arguments: [false, true])
  func trainingFallsBack(everything: Bool) throws {
    let (run, job) = try begin(steps: Self.steps)
    do {
      let worker = try WorkerProcess(world)
      try wait { try tensors(job).count >= 3 }
      kill(worker.process.processIdentifier, SIGTERM)
      worker.process.waitUntilExit()
    }
    let written = try tensors(job)
    for (number, file) in (everything ? written : [written[0]]).enumerated() {
      if number % 2 == 0 {
        try FileManager.default.removeItem(atPath: path(file.sha256))
      } else {
        try Data("damaged".utf8).write(to: URL(filePath: path(file.sha256)))
      }
    }
    _ = try world.answer("worker", "--threads", "1", "--until-idle")
    #expect(try world.rows("select state from pra.jobs where id = \(job)") == ["succeeded"])
    let log = try world.answer("logs", job)
    #expect(log.contains("checkpoint at step \(written[0].step) does not read"), "\(log)")
    let resumed = everything ? nil : written[1].step
    #expect(log.contains("resumed from step") == !everything, "\(log)")
    if let resumed { #expect(log.contains("resumed from step \(resumed)"), "\(log)") }
    // Its later checkpoints are whole.
    #expect(try world.pra("export", "checkpoint", run, "-o", "\(world.folder)/out").status == 0)
    #expect(
      try world.rows(
        "select count(*) = count(distinct step) and count(*) = \(Self.steps) from pra.metrics where name = 'loss'"
      ) == ["t"])
  }

  @Test func verifyNamesDamageAndTheSameRunMendsIt() throws {
    let weights = "\(world.folder)/weights.bin"
    try Data(storedBytes(2_000_000))
      .write(to: URL(filePath: weights))
    func enqueue() throws {
      let outcome = try world.pra(
        "enqueue", "reference", "--file", "statistics=\(weights)")
      #expect(outcome.status == 0, "\(outcome.errors)")
    }
    try enqueue()
    #expect(try world.answer("store", "verify").hasPrefix("1 artifact read"))
    let sha256 = try world.rows("select sha256 from pra.artifacts where storage = 'file'")[0]
    try FileManager.default.removeItem(atPath: path(sha256))
    let found = try world.pra("store", "verify")
    #expect(found.status == 1)
    #expect(
      found.output.contains(sha256) && found.output.contains("job 1 (reference): input"),
      "\(found.output)")
    #expect(found.output.contains("`pra enqueue --file`"))
    #expect(found.errors.contains("1 artifact does not read"))
    try enqueue()
    #expect(try world.pra("store", "verify").status == 0)
  }

  @Test func aDeadStoreIsForgotten() throws {
    #expect(try world.pra("store", "forget", "file:/nowhere").status == 3)
    let current = try world.pra("store", "forget", "file:\(store)")
    #expect(current.status == 1 && current.errors.contains("choose another store first"))
    _ = try world.answer("store", "database")
    #expect(try world.answer("store", "forget", "file:\(store)/").hasPrefix("forgotten"))
    #expect(try world.rows("select location from pra.stores") == ["database"])
  }
}
