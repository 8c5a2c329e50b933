// A checkpoint in one file: written by one run, read by the next, through the real programs.

import Foundation
import TensorFiles
import Testing

@Suite struct CheckpointFileTests {
  let world: World

  init() throws { world = try World() }

  private func runFile(_ name: String, _ more: String = "") throws -> String {
    try world.write(
      "\(name).yaml",
      """
      name: \(name)
      data: {source: \(Repository.root)/ops/demo.d/emoji-32.tar}
      \(more)

      """)
  }

  private let small = """
    config:
      trunk: {width: 32, layers: 1, heads: 1}
      head: {width: 32, blocks: 1}
      encoder: {width: 32, blocks: 1, head_dim: 32}
      decoder: {width: 32, blocks: 1, head_dim: 32}
      training: {batch: 4, total: 8, warmup: 1, checkpoint_every: 4, ema: [0.9, 0.99]}
      sampling: {steps: 2}
    sample: {count: 5, shards: 1}
    evaluate: true
    """

  /// - Returns: the run's number
  private func finish(_ file: String, _ settings: String...) throws -> String {
    let arguments = ["run", file] + settings.flatMap { ["--set", $0] }
    let run = try Outcome(
      arguments, environment: ["PRA_DATABASE_URL": world.database.url.conninfo], in: world.folder)
    #expect(run.status == 0, "\(run.errors)")
    let worker = try world.pra("worker", "--until-idle", "--threads", "1")
    let id = run.output.trimmingCharacters(in: .newlines)
    let end = try world.pra("watch", id)
    #expect(end.status == 0, "\(end.errors)\n\(worker.errors)")
    return id
  }

  private func files(_ verb: String, _ run: String) throws -> [String: Data] {
    let folder = "\(world.folder)/\(verb)-\(run)"
    _ = try world.answer("export", verb, run, "-o", folder)
    let names = try FileManager.default.contentsOfDirectory(atPath: folder)
    return try Dictionary(
      uniqueKeysWithValues: names.map {
        ($0, try Data(contentsOf: URL(filePath: "\(folder)/\($0)")))
      })
  }

  @Test func aCheckpointInOneFileIsTheSameModel() throws {
    let whole = try finish(try runFile("whole", small))
    let images = try files("images", whole)
    let checkpoint = try files("checkpoint", whole)
    #expect(images.count == 5 && checkpoint.count == 6)

    // The file holds everything, under the names of its parts.
    let file = "\(world.folder)/whole.safetensors"
    #expect(
      try world.answer("export", "checkpoint", whole, "-o", file)
        == "\(file): all tensors of job 2, step 8")
    let read = try SafetensorsFile(path: file)
    let model = try SafetensorsFile(path: "\(world.folder)/checkpoint-\(whole)/model.safetensors")
    #expect(read.names.count == 3 * model.names.count)
    for name in model.names {
      #expect(try read.read(name) == model.read(name))
      #expect(try read.shape(of: "ema-0.99.\(name)") == model.shape(of: name))
    }
    #expect(read.metadata["step"] == "8" && read.metadata["format"] == "pt")
    #expect(read.metadata["classes"]?.hasPrefix(#"{"images":["#) == true)
    #expect(
      String(decoding: checkpoint["state.json"]!, as: UTF8.self)
        .contains("\"config\":\(read.metadata["config"]!)"))
    let left = try FileManager.default.contentsOfDirectory(atPath: world.folder)
    #expect(!left.contains { $0.contains(".parts-") })

    // A run that begins with it and trains no step draws the same bytes and gets the same figures.
    let again = try finish(
      try runFile("again", "init: {file: whole.safetensors}\nsample: {count: 5}\nevaluate: true"))
    #expect(try files("images", again) == images)
    let figures = try world.rows(
      """
      select count(*), count(distinct (metric, scope, value)) from pra.evaluations
      group by run_id order by run_id
      """)
    #expect(figures.count == 2 && figures[0] == figures[1])
    let shared = try world.rows(
      """
      select count(*) from pra.evaluations a join pra.evaluations b using (metric, scope, value)
      where a.run_id = \(whole) and b.run_id = \(again)
      """)
    #expect(shared[0] == figures[0].split(separator: " ")[0])
    #expect(try world.rows("select count(*) from pra.metrics where run_id = \(again)") == ["0"])

    // With moments, from the middle on: the same result bit for bit.
    let middle = "\(world.folder)/middle.safetensors"
    _ = try world.answer(
      "export", "checkpoint", whole, "--step", "4", "--optimizer", "-o", middle)
    let continued = try finish(try runFile("continued", "init: {file: middle.safetensors}"))
    #expect(try files("checkpoint", continued) == checkpoint)
    #expect(
      try world.rows(
        "select min(step), max(step) from pra.metrics where run_id = \(continued)") == ["4 7"])

    // Without moments training also continues, to other weights; restarted it makes all steps.
    let fresh = try finish(
      try runFile("fresh", "init: {file: whole.safetensors, restart: true}"), "training.total=2")
    #expect(
      try world.rows("select min(step), max(step) from pra.metrics where run_id = \(fresh)")
        == ["0 1"])
    #expect(try files("checkpoint", fresh)["model.safetensors"] != checkpoint["model.safetensors"])
  }

  /// The error is one sentence that names the file, the tensor and both shapes.
  @Test func aCheckpointThatDoesNotFitIsRefused() throws {
    let whole = try world.answer(
      "run", try runFile("whole", small), "--set", "sample=null",
      "--set", "evaluate=false")
    _ = try world.pra("worker", "--until-idle", "--threads", "1")
    let file = "\(world.folder)/whole.safetensors"
    _ = try world.answer("export", "checkpoint", whole, "-o", file)
    func failure(_ settings: String...) throws -> String {
      let path = try runFile("other", "init: {file: whole.safetensors}")
      let run = try Outcome(
        ["run", path] + settings.flatMap { ["--set", $0] },
        environment: ["PRA_DATABASE_URL": world.database.url.conninfo], in: world.folder)
      guard run.status == 0 else { return run.errors }
      _ = try world.pra("worker", "--until-idle", "--threads", "1")
      let end = try world.pra("watch", run.output.trimmingCharacters(in: .newlines))
      #expect(end.status == 1)
      return end.errors
    }
    #expect(
      try failure("head.width=48").contains(
        /whole\.safetensors: tensor 'head\.[a-z0-9._]+' has shape \[.*needs \[/))
    #expect(
      try failure("trunk.layers=2").contains(
        "whole.safetensors: lacks tensor 'trunk.blocks.1."))
    #expect(
      try failure("training.total=4").contains(
        "training.total: 4 is below step 8 of init.file (whole.safetensors)"))

    // Damage is found before anything is stored.
    let bytes = try Data(contentsOf: URL(filePath: file))
    try bytes.prefix(bytes.count / 2).write(to: URL(filePath: file))
    let before = try world.rows("select count(*) from pra.runs")
    let cut = try failure()
    #expect(cut.contains("init.file: ") && cut.contains("whole.safetensors"), "\(cut)")
    try FileManager.default.removeItem(atPath: file)
    #expect(try failure().contains("whole.safetensors: cannot be opened"))
    #expect(try world.rows("select count(*) from pra.runs") == before)
  }

  @Test func momentsBelongIntoOneFile() throws {
    let outcome = try world.pra("export", "checkpoint", "1", "--optimizer", "-o", "folder")
    #expect(outcome.status == 2 && outcome.errors.contains("folder.safetensors"))
  }
}
