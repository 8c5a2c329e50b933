// Ingest as users see it: sources on disk, killed stages, `pra data`, and garbage.

import DatabaseTesting
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

  /// Fingerprints of a job's data set and of what it holds out.
  private func fingerprints(_ job: String) throws -> [String] {
    try world.rows(
      "select result->>'fingerprint', result->>'validation_fingerprint' from pra.jobs where id = \(job)"
    )
  }

  private func ended(_ job: String) throws {
    try wait { try world.rows("select state from pra.jobs where id = \(job)") == ["succeeded"] }
  }

  /// The stage is killed after a checkpoint, then asked to stop, then left alone.
  @Test func anInterruptedIngestGoesOnBehindTheRangesThatAreDone() throws {
    let source = try source()
    let worker = try WorkerProcess(world)
    func job(_ settings: String...) throws -> String {
      let all = ["source=\(source)", "image.size=160", "validation.every=10"] + settings
      return try world.answer(["enqueue", "ingest"] + all.flatMap { ["--set", $0] })
    }
    let whole = try job()
    try ended(whole)
    let expected = try fingerprints(whole)
    #expect(expected[0].wholeMatch(of: /[0-9a-f]{64} [0-9a-f]{64}/) != nil)

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
    #expect(try fingerprints(cut) == expected)
    let outcomes = try world.rows(
      "select outcome, exit_signal from pra.attempts where job_id = \(cut) order by epoch")
    #expect(outcomes.count >= 2 && outcomes[0].hasSuffix(" 9"), "\(outcomes)")
    #expect(try world.answer("logs", cut).contains("resumed behind"))

    // 1870 images in 13 ranges; none was registered twice.
    let ranges = try world.rows(
      "select count(*), count(distinct sha256) from pra.outputs where job_id = \(cut) and name like 'data-%.packed'"
    )
    #expect(ranges == ["13 13"])
    let steps = try world.rows(
      "select count(*), count(distinct step) from pra.checkpoints where job_id = \(cut)")
    #expect(steps == ["12 12"])

    // The ranges are the result: no garbage but the records of earlier checkpoints goes.
    let named = """
      select count(*) from pra.artifacts where sha256 in (
        select sha256 from pra.outputs where job_id in (\(whole), \(cut)) union select '\(source)')
      """
    let kept = try world.rows(named)
    _ = try world.answer("gc", "--keep-last", "1", "--grace", "0")
    #expect(try world.rows(named) == kept)
    #expect(try checkpoints() == 1)
  }

  /// The jobs of a run's ingest, and the fingerprint that they come to.
  private func ingested(_ data: String, _ name: String) throws -> (
    jobs: [String], fingerprint: String
  ) {
    // A limit of its own gives each run a job of its own.
    let limit = name.utf8.reduce(0) { $0 + Int($1) }
    let file = try world.write(
      "\(name).yaml",
      "name: \(name)\ndata: {\(data), skip_limit: \(limit)}\nconfig: {preset: nano, method: pra}\n")
    let run = try world.answer("run", file)
    let ofRun = "from pra.jobs where run_id = \(run) and kind = 'ingest'"
    try wait {
      try world.rows("select 1 \(ofRun) and result ? 'fingerprint' and state = 'succeeded'") == [
        "1"
      ]
    }
    return (
      try world.rows("select coalesce(array_id, id) = id, state \(ofRun) order by id"),
      try world.rows("select result->>'fingerprint' \(ofRun) and result ? 'fingerprint'")[0]
    )
  }

  private static let emoji = "\(Repository.root)/ops/demo.d/emoji-32.tar"

  @Test func partsOfAnArrayMakeTheSameDataSet() throws {
    // Training would keep them busy.
    let workers = try (0..<2).map { _ in try WorkerProcess(world, arguments: ["--kind", "ingest"]) }
    let source = "source: \(Self.emoji), validation: {every: 10}"
    let whole = try ingested(source, "whole")
    #expect(whole.jobs.count == 1)
    let parts = try ingested("\(source), parts: 3", "parts")
    #expect(parts.fingerprint == whole.fingerprint)
    #expect(parts.jobs.count == 5 && parts.jobs.allSatisfy { $0.hasSuffix("succeeded") })
    // One part lists the source, or two that begin at once; the third takes the listing.
    #expect(
      try world.rows("select count(*) from pra.kept_results where what like 'listing 1 %'") == ["1"]
    )
    let log = try world.answer("logs", "--run", "parts")
    #expect(log.contains("took the listing of 1870 images from another part"), "\(log)")
    // Two data sets, however many jobs.
    let listed = try JSONSerialization.jsonObject(
      with: Data(try world.answer("data", "--json").utf8))
    #expect((listed as? [[String: Any]])?.count == 2)
    _ = workers
  }

  @Test func aSourceInPlaceIsReadWhereItLiesAndChecked() throws {
    let folder = "\(world.folder)/shared"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    try FileManager.default.copyItem(atPath: Self.emoji, toPath: "\(folder)/emoji.tar")
    var plain: WorkerProcess? = try WorkerProcess(world, arguments: ["--kind", "ingest"])
    let whole = try ingested("source: \(Self.emoji)", "copied")
    // A worker that does not see the folder leaves the job alone.
    let file = try world.write(
      "place.yaml",
      "name: place\ndata: {source: shared/emoji.tar, in_place: true}\nconfig: {preset: nano, method: pra}\n"
    )
    let outcome = try world.pra("run", file)
    #expect(outcome.status == 0 && outcome.errors.contains("pra worker --sees \(folder)"))
    let job = try world.rows(
      "select id from pra.jobs where run_name = 'place' and kind = 'ingest'")[0]
    #expect(try world.answer("why", job).contains("sees."))
    #expect(plain?.process.isRunning == true)
    plain = nil

    let seeing = try WorkerProcess(world, arguments: ["--kind", "ingest", "--sees", folder])
    try ended(job)
    #expect(
      try world.rows("select result->>'fingerprint' from pra.jobs where id = \(job)")
        == [whole.fingerprint])
    // The store has the digests of the source's blocks alone.
    let size =
      try FileManager.default.attributesOfItem(atPath: "\(folder)/emoji.tar")[.size] as! Int
    let stored = try world.rows(
      "select size from pra.artifacts where sha256 = (select arguments->>'source' from pra.jobs where id = \(job))"
    )
    #expect(stored == ["\(24 + 32 * ((size + (1 << 20) - 1) >> 20))"])

    // A source that has changed since is refused, and so is one that the worker was not given.
    let again = try JSONArguments(world, job)
    let handle = try FileHandle(forUpdating: URL(filePath: "\(folder)/emoji.tar"))
    try handle.seek(toOffset: UInt64(size / 2))
    try handle.write(contentsOf: Data([0xAA, 0x55, 0xAA]))
    try handle.close()
    try again.fails("has changed since it was submitted", ["image.size=16"])
    try again.fails("does not lie below a folder", ["in_place=[\"\(Self.emoji)\"]"])
    _ = seeing
  }

  /// The arguments of a job, for others like it.
  private struct JSONArguments {
    let world: World
    let file: String

    init(_ world: World, _ job: String) throws {
      self.world = world
      file = try world.write(
        "arguments.json", try world.rows("select arguments from pra.jobs where id = \(job)")[0])
    }

    func fails(_ message: String, _ settings: [String]) throws {
      let job = try world.answer(
        ["enqueue", "ingest", "--config", file] + settings.flatMap { ["--set", $0] })
      try wait { try world.rows("select state from pra.jobs where id = \(job)") == ["failed"] }
      let said = try world.rows("select message from pra.jobs where id = \(job)")[0]
      #expect(said.contains(message), "\(said)")
    }
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
    #expect(rows[0]["run_name"] as? String == "shards" && rows[0]["archives"] as? Int == 3)
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
