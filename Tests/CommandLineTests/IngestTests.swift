// Ingest as users see it: sources on disk, killed stages, `pra data`, and garbage.

import Foundation
import Testing

@Suite struct IngestTests {
  let world: World

  init() throws { world = try World() }

  /// The demo's images as a stored artifact.
  private func source() throws -> String {
    _ = try world.answer("run", try world.runFile())
    _ = try world.rows("select pra.cancel(id) from pra.jobs order by id desc")
    return try world.rows("select sha256 from pra.artifacts")[0]
  }

  private func outputs(_ job: String) throws -> [String] {
    try world.rows(
      "select name, sha256 from pra.outputs where job_id = \(job) and name like '%.packed' order by name"
    )
  }

  private func ended(_ job: String) throws {
    try wait { try world.rows("select state from pra.jobs where id = \(job)") == ["succeeded"] }
  }

  /// The stage is killed after a checkpoint, then asked to stop, then left alone.
  @Test func anInterruptedIngestEndsWithTheBytesOfAnUninterruptedOne() throws {
    let source = try source()
    let worker = try WorkerProcess(world)
    func job(_ settings: String...) throws -> String {
      let all = ["source=\(source)", "image.size=160", "validation.every=10"] + settings
      return try world.answer(["enqueue", "ingest"] + all.flatMap { ["--set", $0] })
    }
    let whole = try job()
    try ended(whole)
    let expected = try outputs(whole)
    #expect(expected.count == 2 && expected[0].hasPrefix("data.packed"))

    let cut = try job("checkpoint_every=150")
    func checkpoints() throws -> Int {
      Int(try world.rows("select count(*) from pra.checkpoints where job_id = \(cut)")[0])!
    }
    try wait {
      guard try checkpoints() >= 1, let stage = worker.stage("pra-ingest") else { return false }
      return kill(stage, SIGKILL) == 0
    }
    let before = try checkpoints()
    try wait { try checkpoints() > before }
    _ = try world.answer("preempt", cut)
    try ended(cut)
    #expect(try outputs(cut) == expected)
    let outcomes = try world.rows(
      "select outcome, exit_signal from pra.attempts where job_id = \(cut) order by epoch")
    #expect(outcomes.count >= 2 && outcomes[0].hasSuffix(" 9"), "\(outcomes)")
    #expect(try world.answer("logs", cut).contains("resumed from image"))

    // Parts are deleted with the checkpoints that named them; data sets and sources stay.
    let named = """
      select count(*) from pra.artifacts where sha256 in (
        select sha256 from pra.outputs where job_id in (\(whole), \(cut)) union select '\(source)')
      """
    let kept = try world.rows(named)
    let all = try world.rows("select count(*) from pra.artifacts")
    _ = try world.answer("gc", "--keep-last", "1", "--grace", "0")
    #expect(try world.rows(named) == kept)
    let left = try world.rows("select count(*) from pra.artifacts")
    #expect(Int(left[0])! < Int(all[0])!)
    #expect(try checkpoints() == 1)
  }

  @Test func shardsAndASplitOfTheirOwnAreListed() throws {
    let folder = "\(world.folder)/shards"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    // Class folders as tars of their own, and a folder to validate with.
    let names = ["activities", "flags"]
    try shell(
      """
      tar -xf '\(Repository.root)/ops/demo.d/emoji-32.tar' -C '\(world.folder)' activities flags
      for class in activities flags; do tar -C '\(world.folder)'/$class -cf '\(folder)'/$class.tar .; done
      mkdir '\(world.folder)/held' && mv '\(world.folder)/flags' '\(world.folder)/held'
      """)
    let file = try world.write(
      "shards.yaml",
      """
      name: shards
      data: {source: shards, validation: {source: held}}
      config: {preset: nano, method: pra}

      """)
    let worker = try WorkerProcess(world)
    let run = try world.answer("run", file)
    let job = try world.rows("select id from pra.jobs where run_id = \(run) and kind = 'ingest'")[0]
    try ended(job)
    _ = worker
    let listed = try world.rows(
      """
      select result->>'images', result->>'validation_images', result->>'classes',
        result->>'layout', jsonb_array_length(arguments->'shards')
      from pra.jobs where id = \(job)
      """)
    #expect(listed == ["354 269 \(names.count) folders 2"])

    let table = try world.answer("data")
    #expect(
      table.contains("shards") && table.contains("354") && table.contains("activities.tar +2"))
    let json = try JSONSerialization.jsonObject(with: Data(try world.answer("data", "--json").utf8))
    let rows = try #require(json as? [[String: Any]])
    #expect(rows.count == 1 && rows[0]["validation_images"] as? Int == 269)
    #expect(rows[0]["name"] as? String == "shards" && rows[0]["archives"] as? Int == 3)
    #expect((rows[0]["fingerprint"] as? String)?.count == 64)
  }

  private func shell(_ script: String) throws {
    let process = Process()
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = ["-ec", script]
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
  }

  @Test(arguments: [
    ("validation: {every: 1}", "data.validation: holds every image out"),
    ("validation: {every: 3, share: 0.5}", "data.validation: expected one of every, share"),
    ("validation: {folder: val}", "data.validation.folder: needs a folder of training images"),
    ("validation: {shards: 2}", "data.validation.shards: unknown key"),
    ("validation: {source: gone}", "data.validation.source: there is no file or folder"),
    ("folder: ''", "data.folder: found"),
  ])
  func whatCannotBeIsRefused(_ setting: String, _ message: String) throws {
    let file = try world.write(
      "bad.yaml",
      """
      name: bad
      data:
        source: \(Repository.root)/ops/demo.d/emoji-32.tar
        \(setting)
      config: {preset: nano, method: pra}

      """)
    let outcome = try world.pra("run", file)
    #expect(outcome.status == 2 && outcome.errors.contains(message), "\(outcome.errors)")
  }
}
