// Data sets and trainings that go wrong, through the queue: each fails once, with one sentence.

import Foundation
import Raster
import Testing

@Suite struct DataRunTests {
  let world: World

  init() throws {
    world = try World()
    for (kind, colour) in [("cat", 0), ("dog", 2)] {
      for number in 0..<4 {
        try picture("\(kind)/\(number).png", colour: colour, number)
      }
    }
  }

  private func picture(_ name: String, colour: Int, _ number: Int) throws {
    let path = "\(world.folder)/pictures/\(name)"
    try FileManager.default.createDirectory(
      atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    var pixels = [UInt8](repeating: 40, count: 16 * 16 * 3)
    for i in stride(from: colour, to: 3 * 16 * (4 + number), by: 3) { pixels[i] = 220 }
    let picture = Picture(width: 16, height: 16, channels: 3, pixels: pixels)
    try Data(try picture.png()).write(to: URL(filePath: path))
  }

  private func runFile(source: String = "pictures") throws -> String {
    try world.write(
      "run.yaml",
      """
      name: small
      data: {source: \(source)}
      config:
        image: {size: 16, patch: 8}
        trunk: {width: 32, layers: 1, heads: 1}
        head: {width: 32, blocks: 1}
        encoder: {width: 32, blocks: 1, head_dim: 32}
        decoder: {width: 32, blocks: 1, head_dim: 32}
        training: {batch: 4, total: 2, warmup: 1}
        sampling: {steps: 2}
      sample: {count: 6}

      """)
  }

  private func work() throws {
    let worker = try world.pra("worker", "--until-idle", "--threads", "1")
    #expect(worker.status == 0, "\(worker.errors)")
  }

  /// State, number of attempts and message of the jobs of a kind.
  private func jobs(_ kind: String, run: String) throws -> [String] {
    try world.rows(
      """
      select j.state, (select count(*) from pra.attempts as a where a.job_id = j.id), j.message
      from pra.jobs as j where j.kind = '\(kind)' and j.run_id = \(run)
      """)
  }

  @Test(arguments: [
    ("training={batch: 9, total: null, epochs: 1}", "1.0 passes over 8 images in batches of 9"),
    ("training={batch: 4, total: null, epochs: 0.25}", "0.25 passes over 8 images in batches of 4"),
  ])
  func aTrainingWithoutAStepFails(setting: String, what: String) throws {
    let file = try runFile()
    let text = try String(contentsOfFile: file, encoding: .utf8)
    let training = setting.dropFirst("training=".count).replacing(" total: null,", with: "")
    try text.replacing("{batch: 4, total: 2, warmup: 1}", with: training)
      .write(toFile: file, atomically: false, encoding: .utf8)
    let run = try world.answer("run", file)
    try work()
    #expect(
      try jobs("train", run: run) == [
        "failed 1 training.epochs: \(what) are no whole step; lower training.batch or raise "
          + "training.epochs"
      ])
    #expect(try jobs("sample", run: run) == ["blocked 0 -"])
  }

  @Test func aTrainingThatEndsInNaNFailsOnce() throws {
    let run = try world.answer(
      "run", try runFile(), "--set", "training.total=3", "--set", "training.lr=1e30")
    try work()
    let found = try jobs("train", run: run)
    #expect(found.count == 1 && found[0].hasPrefix("failed 1 training has diverged: "), "\(found)")
    #expect(found[0].hasSuffix("lower training.lr or raise training.warmup"))
    #expect(try jobs("sample", run: run) == ["blocked 0 -"])
  }

  /// The last step alone breaks the weights: every loss before it was finite.
  @Test func aTrainingWhoseLastStepBreaksTheWeightsFailsOnce() throws {
    let run = try world.answer(
      "run", try runFile(), "--set", "training.total=1", "--set", "training.lr=1e30")
    try work()
    let found = try jobs("train", run: run)
    #expect(found.count == 1 && found[0].hasPrefix("failed 1 training has diverged: "), "\(found)")
  }

  /// Weights that no training of ours has made: those of a file.
  @Test func brokenWeightsAreDrawnFromOnce() throws {
    _ = try world.answer("run", try runFile())
    try work()
    let path = "\(world.folder)/small.safetensors"
    _ = try world.answer("export", "checkpoint", "small", "-o", path)
    var bytes = try Data(contentsOf: URL(filePath: path))
    let start =
      8 + bytes.prefix(8).enumerated().reduce(0) { $0 + Int($1.element) << (8 * $1.offset) }
    let huge = withUnsafeBytes(of: Float(1e38)) { Array($0) }
    for at in stride(from: start, to: bytes.count - 3, by: 4) {
      bytes.replaceSubrange(at..<at + 4, with: huge)
    }
    try bytes.write(to: URL(filePath: path))
    let file = try world.write(
      "again.yaml",
      """
      name: again
      data: {source: pictures}
      init: {file: small.safetensors}
      sample: {count: 2}

      """)
    let run = try world.answer("run", file)
    try work()
    #expect(try jobs("train", run: run).allSatisfy { $0.hasPrefix("succeeded") })
    let found = try jobs("sample", run: run)
    #expect(
      found.count == 1
        && found[0].hasPrefix("failed 1 image 0 has pixels that are not finite: the checkpoint's"),
      "\(found)")
  }

  @Test func classesWithoutImagesAreNamedAndNotDrawn() throws {
    try FileManager.default.createDirectory(
      atPath: "\(world.folder)/pictures/ant", withIntermediateDirectories: true)
    for name in ["bird/notes.txt", "cat/1.webp"] {
      try picture(name, colour: 0, 0)
      try Data(name.hasSuffix("txt") ? "text".utf8 : "RIFF0000WEBP".utf8)
        .write(to: URL(filePath: "\(world.folder)/pictures/\(name)"))
    }
    let run = try world.answer("run", try runFile())
    try work()
    #expect(
      try world.rows(
        "select string_agg(class_name, ' ' order by number) from pra.images where run_id = \(run)")
        == ["cat dog cat dog cat dog"])
    let log = try world.answer("logs", "--run", "small")
    #expect(log.contains("2 of 4 classes have no image to train on"), "\(log)")
    #expect(log.contains("drawn: ant, bird"))
    #expect(log.contains("2 files are left out: 1 WebP, 1 no picture"))
    #expect(log.contains(/left out: \S+, \S+\n/), "\(log)")
    let table = try world.answer("data")
    #expect(table.contains("1 WebP, 1 no picture"), "\(table)")
  }

  @Test(arguments: [("gzip", "gunzip"), ("bzip2", "bunzip2"), ("xz", "unxz")])
  func aCompressedArchiveIsNamedByEveryVerb(program: String, remedy: String) throws {
    let name = "\(world.folder)/pictures.tar.z"
    let process = Process()
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = ["-ec", "tar -C '\(world.folder)/pictures' -c . | \(program) > '\(name)'"]
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
    let file = try runFile(source: "pictures.tar.z")
    for words in [
      ["run", file], ["sweep", file, "--set", "training.lr=1e-3,1e-4"],
      ["enqueue", "ingest", "--file", "source=\(name)"],
    ] {
      let outcome = try Outcome(
        words, environment: ["PRA_DATABASE_URL": world.database.url.conninfo], in: world.folder)
      #expect(
        outcome.status == 2 && outcome.errors.contains("\(name): is compressed by \(program)"))
      #expect(outcome.errors.contains("unpack it with \(remedy) first"), "\(outcome.errors)")
    }
    #expect(try world.rows("select count(*) from pra.jobs") == ["0"])
  }

  /// Left out, it would take a part of the images with it.
  @Test func aCompressedShardAmongOthersIsNamed() throws {
    let process = Process()
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = [
      "-ec",
      """
      cd '\(world.folder)'; mkdir shards
      tar -C pictures -cf shards/a-0.tar .; tar -C pictures -c . | gzip > shards/a-1.tar.gz
      """,
    ]
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
    let outcome = try world.pra("run", try runFile(source: "shards"))
    #expect(outcome.status == 2, "\(outcome.output)")
    #expect(
      outcome.errors.contains("shards/a-1.tar.gz: is compressed by gzip"), "\(outcome.errors)")
    #expect(try world.rows("select count(*) from pra.jobs") == ["0"])
  }

  @Test func aLinkOutOfTheFolderIsNamed() throws {
    try FileManager.default.createSymbolicLink(
      atPath: "\(world.folder)/pictures/cat/link.png", withDestinationPath: "/etc/passwd")
    let outcome = try world.pra("run", try runFile())
    #expect(outcome.status == 2, "\(outcome.output)")
    #expect(outcome.errors.contains("cat/link.png: is a link out of the folder, to /etc/passwd"))
    #expect(try world.rows("select count(*) from pra.artifacts") == ["0"])
  }

  /// Losses of a run, to the bit.
  private func losses(_ run: String) throws -> [String] {
    try world.rows(
      "select step, value from pra.metrics where run_id = \(run) and name = 'loss' order by step")
  }

  @Test func aDataSetOfOnePackedFileTrainsTheSameModel() throws {
    let first = try world.answer("run", try runFile())
    try work()
    #expect(try losses(first).count == 2)
    let second = try world.answer("run", try runFile())
    let ingest = try world.pra("worker", "--until-idle", "--threads", "1", "--kind", "ingest")
    #expect(ingest.status == 0)
    // As version 0.1 left it: one output, data.packed, in the place of manifest and ranges.
    let job = try world.rows(
      "select data_job from pra.runs where id = \(second)")[0]
    let range = try world.admin.query(
      """
      select encode(substr(a.bytes, 129), 'hex') as pixels
      from pra_store.job_outputs as o join pra_store.artifacts as a using (sha256)
      where o.job_id = \(job) and o.name = 'data-00000.packed'
      """
    ).single().string("pixels")
    let labels = (0..<8).map { $0 < 4 ? "00000000" : "01000000" }.joined()
    let names = Array("cat\0dog\0".utf8)
    let head =
      Array("PRADATA1".utf8).map { String(format: "%02x", $0) }.joined() + "1000000003000000"
      + "0800000000000000" + "0200000000000000" + "0800000000000000"
      + String(repeating: "ab", count: 32) + String(repeating: "00", count: 56)
    let packed =
      head + range + labels + names.map { String(format: "%02x", $0) }.joined()
    _ = try world.rows(
      """
      with packed as (select decode('\(packed)', 'hex') as bytes), stored as (
        insert into pra_store.artifacts (sha256, size, media_type, bytes)
        select sha256(bytes), length(bytes), 'application/octet-stream', bytes from packed returning sha256
      ), gone as (
        delete from pra_store.job_outputs where job_id = \(job) returning job_id, epoch
      )
      insert into pra_store.job_outputs (job_id, name, epoch, sha256, media_type)
      select distinct g.job_id, 'data.packed', g.epoch, s.sha256, 'application/octet-stream'
      from gone as g cross join stored as s
      """)
    try work()
    #expect(try losses(second) == losses(first))
    #expect(
      try world.rows("select distinct state from pra.jobs where run_id = \(second)")
        == ["succeeded"])
  }
}
