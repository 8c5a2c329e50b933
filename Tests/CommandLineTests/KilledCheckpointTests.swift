// pra-train killed at every call that writing a checkpoint makes (G6, G10).

import DatabaseTesting
import Digest
import Foundation
import Postgres
import Testing

/// A system call of a checkpoint, as recorded by Tests/Support/KillPoint.
private struct Call: CustomStringConvertible {
  let number: Int
  let name: String
  let bytes: Int
  let place: String

  init?(_ line: Substring) {
    let parts = line.split(separator: " ", maxSplits: 3)
    guard parts.count == 4, let number = Int(parts[0]), let bytes = Int(parts[2]) else {
      return nil
    }
    (self.number, name, self.bytes, place) = (number, String(parts[1]), bytes, String(parts[3]))
  }

  var description: String { "call \(number): \(name) of \(bytes) bytes, \(place)" }

  /// Whether it concerns the attempt's own folder, which is deleted after the registration.
  var isLocal: Bool { place.contains("/checkpoint-") }
  /// Whether it sends the message that ends a database session.
  var isFarewell: Bool { name == "send" && bytes == 5 }

  /// Whether the checkpoint is registered if the process dies here; nil if the server may or may
  /// not have received the last message.
  var isRegistered: Bool? {
    switch name {
    case "rmdir", "unlink", "remove": true
    case "recv": nil
    case "send": isFarewell
    // The last write is the line "checkpoint at step".
    case "write": place.hasPrefix("socket:") && bytes < 64
    default: false
    }
  }
}

@Suite struct KilledCheckpointTests {
  /// Environment variables select the long run: ops/chaos/checkpoint.
  private static let environment = ProcessInfo.processInfo.environment
  private static let isWhole = environment["PRA_KILL_EVERYWHERE"] != nil
  private static let places =
    environment["PRA_KILL_STORE"].map { [$0] } ?? ["database", "file"]
  /// Kills per run, of which each needs at most two checkpoints.
  private static let killsOfRun = 12

  let world: World
  let plans: String

  init() throws {
    world = try World()
    plans = "\(world.folder)/plans"
    try FileManager.default.createDirectory(atPath: plans, withIntermediateDirectories: false)
  }

  @Test(
    "killed at every stage of a checkpoint, nothing is half-visible and nothing lost",
    arguments: places)
  func everyStage(place: String) throws {
    if place == "file" {
      try FileManager.default.createDirectory(
        atPath: "\(world.folder)/store", withIntermediateDirectories: false)
    }
    let store = place == "file" ? "file:\(world.folder)/store" : place
    _ = try world.answer("store", store)
    let calls = try trace()
    let points = Self.isWhole ? Self.everywhere(calls) : Self.stages(calls)
    var killed: [Call] = []
    var seed = 0
    while killed.count < points.count {
      let part = points[killed.count..<min(killed.count + Self.killsOfRun, points.count)]
      killed += try walk(part.map(\.number), seed: seed)
      seed += 1
    }
    #expect(killed.count == points.count)
    if Self.isWhole { print("\(place): killed at \(killed.count) of \(calls.count) calls") }
    _ = try world.answer("gc", "--grace", "0")
    try checkWhatIsLeft(place)
  }

  // MARK: where to kill

  /// The calls of one checkpoint in a run that is not killed.
  private func trace() throws -> [Call] {
    let run = try begin("traced", seed: 1000, steps: 3, plan: ["trace"])
    let worker = try worker()
    try wait { try hasEnded(run) }
    withExtendedLifetime(worker) {}
    let job = try trainingJob(of: run)
    return try String(contentsOfFile: "\(plans)/\(job).trace", encoding: .utf8)
      .split(separator: "\n").compactMap { Call($0) }
  }

  /// Every call; but of repeated calls at one place only the first, one in the middle and the last.
  private static func everywhere(_ calls: [Call]) -> [Call] {
    var runs: [[Call]] = []
    for call in calls {
      if let last = runs.last?.last, last.name == call.name, last.place == call.place,
        call.name != "send"
      {
        runs[runs.count - 1].append(call)
      } else {
        runs.append([call])
      }
    }
    return runs.flatMap { run in
      run.count < 4 ? run : [run[0], run[run.count / 2], run[run.count - 1]]
    }
  }

  /// One call of each stage. Stages that do not concern the store are tested with one store alone.
  private static func stages(_ calls: [Call]) -> [Call] {
    let registration = calls.lastIndex { $0.name == "send" && !$0.isFarewell }!
    let local = calls.lastIndex { $0.name == "rename" && $0.isLocal }!
    let stored = calls[local..<registration]
    let upload = stored.filter { ["write", "send"].contains($0.name) && $0.bytes > 100_000 }
    let files = calls[..<local].filter { $0.name == "write" }
    let storing = [
      // In the middle of the upload, or at the link by which a folder takes over the file.
      upload.isEmpty ? stored.first { $0.name == "link" }! : upload[upload.count / 2],
      stored.last { $0.name == "rename" } ?? upload.last!,  // the end of the last file
      calls[registration],  // all stored, the registration half sent
      calls[registration + 1],  // sent, not answered
    ]
    guard upload.isEmpty else { return storing }
    return [
      calls[0],  // before the folder
      files[files.count / 3],  // within a local file
      calls[..<local].last { $0.name == "fsync" }!,  // written, not on disk for certain
      calls[local],  // on disk, not renamed
      stored.first { $0.name == "open" && $0.isLocal }!,  // complete on disk, nothing of it stored
    ] + storing + [
      calls[registration...].first { ["rmdir", "unlink", "remove"].contains($0.name) }!,
      calls[registration...].last { $0.name == "unlink" || $0.name == "remove" }!,
      calls.last!,  // all deleted, nobody told
    ]
  }

  // MARK: killing

  /// Runs a training whose attempts are each killed at one call, and one that is not killed.
  /// - Returns: the calls at which they died
  private func walk(_ numbers: [Int], seed: Int) throws -> [Call] {
    let steps = 2 * numbers.count + 2
    let run = try begin("killed-\(seed)", seed: seed, steps: steps, plan: numbers.map(String.init))
    let worker = try worker()
    let job = try trainingJob(of: run)
    var before = 0
    var killed: [Call] = []
    for epoch in 1...numbers.count {
      try wait {
        try world.rows(
          "select exit_signal from pra.attempts where job_id = \(job) and epoch = \(epoch)")
          == ["9"]
      }
      killed = try String(contentsOfFile: "\(plans)/\(job).killed", encoding: .utf8)
        .split(separator: "\n").compactMap { Call($0) }
      #expect(killed.count == epoch)
      let call = try #require(killed.last)
      try check(run, job: job, epoch: epoch, call, planned: numbers[epoch - 1], before: &before)
      // Ends the backoff, with a new budget; it is no error if the backoff is already over.
      _ = try world.pra("retry", job)
    }
    try wait { try hasEnded(run) }
    let whole = try begin("whole-\(seed)", seed: seed, steps: steps, plan: [])
    try wait { try hasEnded(whole) }
    withExtendedLifetime(worker) {}
    let (expected, found) = (try files(whole), try files(run))
    #expect(expected.count == 5)
    for (name, bytes) in expected { #expect(found[name] == bytes, "\(name) of seed \(seed)") }
    #expect(
      try world.rows(
        """
        select count(*), count(distinct step) from pra.metrics where name = 'loss' and run_id = \(run)
        """) == ["\(steps) \(steps)"])
    return killed
  }

  /// A registered checkpoint is complete and stays; an unregistered one is invisible.
  private func check(
    _ run: String, job: String, epoch: Int, _ call: Call, planned: Int, before: inout Int
  ) throws {
    let registered = try world.rows(
      "select jsonb_array_length(files) from pra.checkpoints where job_id = \(job)")
    #expect(registered.allSatisfy { $0 == "5" }, "\(call)")
    // The first checkpoint of the attempt came before.
    let added = registered.count - before
    #expect(added == 1 || added == 2, "\(call)")
    // A checkpoint with fewer calls than the traced one was completed; the attempt then died at the
    // first call of the next one.
    let isRegistered = call.number < planned ? true : call.isRegistered
    if let isRegistered { #expect(added == (isRegistered ? 2 : 1), "\(call)") }
    before = registered.count
    // Reads every byte of the newest checkpoint and compares its digest.
    #expect(try files(run).count == 5, "\(call)")
    try wait { try scratch().allSatisfy { !$0.contains("/\(job)-\(epoch)/") } }
  }

  /// After the garbage collection the store holds only artifacts that are referred to, and no
  /// remains of uploads.
  private func checkWhatIsLeft(_ place: String) throws {
    #expect(
      try world.rows(
        """
        select count(*) from pra_store.uploads as u
        where not exists (select from pra_store.artifacts as a where a.upload_id = u.id)
        """) == ["0"])
    #expect(
      try world.rows("select count(*) from pra_store.objects where state <> 'stored'") == ["0"])
    guard place == "file" else { return }
    let names = try world.rows("select sha256 from pra.artifacts where storage = 'file' order by 1")
    #expect(names.count > 10)
    let found = try regularFiles("\(world.folder)/store").filter { $0 != "pra-store.json" }
    #expect(found.map { String($0.split(separator: "/").last!) }.sorted() == names)
    for path in found {
      let bytes = [UInt8](try Data(contentsOf: URL(filePath: "\(world.folder)/store/\(path)")))
      #expect(path.hasSuffix(SHA256.hexadecimal(of: bytes)))
    }
  }

  // MARK: details

  /// Enqueues a run whose training follows a plan; a run with a plan has no worker yet that could
  /// be faster.
  private func begin(_ name: String, seed: Int, steps: Int, plan: [String]) throws -> String {
    // More than 1 MiB in each file of tensors, and not much more.
    let file = try world.write(
      "\(name).yaml",
      """
      name: \(name)
      data: {source: \(Repository.root)/ops/demo.d/emoji-32.tar}
      config:
        seed: \(seed)
        trunk: {width: 64, layers: 2, heads: 1}
        head: {width: 64, blocks: 1}
        encoder: {width: 64, blocks: 1}
        decoder: {width: 64, blocks: 1}
        training: {batch: 2, total: \(steps), warmup: 2, checkpoint_every: 1, keep: {every: 1}}

      """)
    let run = try world.answer("run", file)
    let job = try trainingJob(of: run)
    try plan.joined(separator: "\n").write(
      toFile: "\(plans)/\(job)", atomically: false, encoding: .utf8)
    return run
  }

  private func worker() throws -> WorkerProcess {
    let library = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
      .deletingLastPathComponent().appending(path: "libKillPoint.so").path(percentEncoded: false)
    return try WorkerProcess(
      world,
      environment: ["LD_PRELOAD": library, "KILL_POINTS": plans].merging(World.credentials) { $1 })
  }

  private func hasEnded(_ run: String) throws -> Bool {
    try world.rows("select state from pra.jobs where run_id = \(run) and kind = 'train'")
      == ["succeeded"]
  }

  private func trainingJob(of run: String) throws -> String {
    try #require(
      try world.rows("select id from pra.jobs where run_id = \(run) and kind = 'train'").first)
  }

  private func files(_ run: String) throws -> [String: Data] {
    let folder = "\(world.folder)/checkpoint-\(run)"
    try? FileManager.default.removeItem(atPath: folder)
    _ = try world.answer("export", "checkpoint", run, "-o", folder)
    return try Dictionary(
      uniqueKeysWithValues: regularFiles(folder).map {
        ($0, try Data(contentsOf: URL(filePath: "\(folder)/\($0)")))
      })
  }

  private func scratch() throws -> [String] {
    try regularFiles("\(world.folder)/pra-scratch-\(getuid())").map { "/\($0)" }
  }

  private func regularFiles(_ folder: String) throws -> [String] {
    let names = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
    return names.filter {
      var isFolder: ObjCBool = false
      return FileManager.default.fileExists(atPath: "\(folder)/\($0)", isDirectory: &isFolder)
        && !isFolder.boolValue
    }
  }
}
