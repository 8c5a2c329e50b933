// From a trained model to pictures, figures and further training, each in one line, through the real programs.

import Foundation
import Testing

@Suite struct TrainedVerbTests {
  let world: World

  init() throws { world = try World() }

  private let small = """
    config:
      trunk: {width: 32, layers: 1, heads: 1}
      head: {width: 32, blocks: 1}
      encoder: {width: 32, blocks: 1, head_dim: 32}
      decoder: {width: 32, blocks: 1, head_dim: 32}
      training: {batch: 4, total: 8, warmup: 1, checkpoint_every: 4, ema: [0.9, 0.99]}
      sampling: {steps: 2}
    """

  /// Trains a small model as run 1, emoji.
  private func train() throws {
    _ = try world.answer(
      "run",
      try world.write(
        "emoji.yaml",
        "name: emoji\ndata: {source: \(Repository.root)/ops/demo.d/emoji-32.tar}\n\(small)\n"))
    try work()
  }

  private func work() throws {
    let worker = try world.pra("worker", "--until-idle", "--threads", "1")
    #expect(worker.status == 0, "\(worker.errors)")
  }

  private func images(_ job: String) throws -> [String] {
    try world.rows(
      "select number, label, class_name, digest from pra.images where job_id = \(job) order by 1")
  }

  @Test func picturesOfARunAndOfItsFile() throws {
    try train()
    let job = try world.answer(
      "sample", "emoji", "--class", "flags,3", "--count", "6", "--scale", "4", "--method", "sde",
      "--steps", "3", "--seed", "7", "--shards", "2")
    let whole = try world.answer(
      "sample", "--run", "1", "--count", "4", "--step", "4", "--evaluate"
    )
    .split(separator: "\n").map(String.init)
    #expect(whole.count == 2)
    try work()
    // One class of many costs its own pictures alone.
    #expect(
      try world.rows(
        """
        select distinct i.class_name from pra.images as i join pra.jobs as j on j.id = i.job_id
        where j.array_id = \(job) order by 1
        """
      ).contains("flags"))
    #expect(
      try world.rows(
        """
        select count(*), count(distinct label), min(i.number), max(i.number) from pra.images as i
        join pra.jobs as j on j.id = i.job_id where j.array_id = \(job)
        """) == ["6 2 0 5"])
    #expect(
      try world.rows(
        """
        select arguments -> 'sampling' ->> 'method', arguments #> '{sampling,scale}',
          arguments #> '{sampling,steps}', arguments #> '{sampling,seed}'
        from pra.jobs where id = \(job)
        """) == ["sde 4.0 3 7"])
    #expect(
      try world.rows("select arguments -> 'step' from pra.jobs where id = \(whole[0])") == ["4"])
    #expect(
      try world.rows("select state from pra.jobs where id in (\(whole[0]), \(whole[1]))")
        == ["succeeded", "succeeded"])
    #expect(
      try world.rows("select count(*) from pra.evaluations where job_id = \(whole[1])") != ["0"])

    // The same pictures from the file, by the names of classes that it holds.
    let file = "\(world.folder)/emoji.safetensors"
    _ = try world.answer("export", "checkpoint", "emoji", "-o", file)
    let last = try world.answer("sample", "emoji", "--count", "3", "--class", "flags")
    let fromFile = try world.answer("sample", file, "--count", "3", "--class", "flags")
    try work()
    #expect(try images(fromFile) == images(last) && images(last).count == 3)
    #expect(
      try world.rows("select name, state from pra.runs order by id desc limit 1") == [
        "emoji succeeded"
      ])
    // Bytes lead to their run.
    let sum = try Outcome.shell(
      "sha256sum \(file) | cut -c1-64", environment: [:], in: world.folder)
    #expect(
      try world.rows(
        "select run_id, run_name, step from pra.exports where sha256 = '\(sum.output.dropLast())'")
        == ["1 emoji 8"])
  }

  @Test func figuresOfARun() throws {
    try train()
    let none = try world.pra("evaluate", "emoji")
    #expect(none.status == 3)
    #expect(none.errors.contains("run 1 (emoji) has no drawn images; pra sample 1 draws some"))
    let unevaluated = try world.pra("evaluations", "emoji")
    #expect(
      unevaluated.status == 3 && unevaluated.output.isEmpty
        && unevaluated.errors.contains("run 1 has no evaluations; pra evaluate 1 compares drawn"))
    let drawn = try world.answer("sample", "emoji", "--count", "4")
    let evaluation = try world.answer("evaluate", "emoji")
    let neighbours = try world.answer("neighbours", "emoji", "--set", "rows=2")
    let probe = try world.answer(
      "probe", "emoji", "--step", "best", "--set", "pool=2", "--set", "splits=1",
      "--set", "weight_decay=[0.1]", "--set", "epochs=1")
    try work()
    #expect(
      try world.rows(
        "select kind, state from pra.jobs where id in (\(evaluation), \(neighbours), \(probe)) order by 1"
      )
        == ["evaluate succeeded", "neighbours succeeded", "probe succeeded"])
    let repeated = try world.pra("evaluate", "emoji")
    #expect(
      repeated.output == "\(evaluation)\n"
        && repeated.errors.contains(
          "the images of job \(drawn) are evaluated by job \(evaluation) (succeeded); --again does it once more"
        ),
      "\(repeated)")
    #expect(try world.answer("evaluate", "emoji", "--again") != evaluation)
    // A reconstruction is of no drawn image.
    let figures = try world.answer("evaluations", "emoji").split(separator: "\n")
    let reconstruction = try #require(figures.first { $0.contains("reconstruction.psnr") })
    #expect(reconstruction.hasSuffix(" step 8") && !reconstruction.contains("euler"))
    #expect(figures.contains { $0.contains("frechet.random") && $0.contains("euler") })
    let some = try world.answer("sample", "emoji", "--count", "2", "--class", "0")
    let refused = try world.pra("evaluate", "emoji", "--job", some)
    #expect(
      refused.status == 2 && refused.errors.contains("job \(some) has drawn some classes alone"))
    let nearest = try world.pra("neighbours", "emoji", "--set", "rows=2")
    #expect(
      nearest.errors.contains(
        "pra: run 1 (emoji): the images of job \(some), not drawn yet; --job chooses another"),
      "\(nearest.errors)")
    // The newest images of all classes are meant, which is said.
    let other = try world.pra("evaluate", "emoji")
    #expect(
      other.status == 0
        && other.errors.contains(
          "pra: job \(some) has drawn some classes alone; these are the images of job"),
      "\(other)")
    _ = try world.answer("cancel", other.output.trimmingCharacters(in: .newlines))
    let wrong = try world.pra("probe", "emoji", "--set", "splts=3")
    #expect(
      wrong.status == 2 && wrong.errors.contains("splts: unknown key; did you mean 'splits'?"))
    // --wait looks at its own job, whatever else the run holds.
    _ = try world.answer("cancel", some)
    let waited = try Outcome.shell(
      "$PRA worker --threads 1 & worker=$!; $PRA sample emoji --count 1 --wait; code=$?; "
        + "kill -KILL $worker; exit $code",
      environment: ["PRA_DATABASE_URL": world.database.url.conninfo], in: world.folder)
    #expect(waited.status == 0, "\(waited.errors)")
  }

  /// From the middle of a run on: bit for bit what the run itself has come to, without a file.
  @Test func aRunGoesOn() throws {
    try train()
    let longer = try world.answer("continue", "emoji", "--total", "12")
    let middle = try world.write(
      "middle.yaml", "name: middle\ndata: {run: emoji}\ninit: {run: 1, step: 4}\n")
    _ = try world.answer("run", middle)
    _ = try world.answer("continue", "emoji", "--total", "8", "--step", "4", "--name", "same")
    for total in ["8", "5"] {
      let there = try world.pra("continue", "emoji", "--total", total)
      #expect(
        there.status == 2
          && there.errors.contains("--total \(total): run 1 (emoji) has come to step 8"),
        "\(there.errors)")
    }
    try work()
    #expect(
      try world.rows("select name, state from pra.runs where id = \(longer)") == [
        "emoji-12 succeeded"
      ])
    var files: [String: Data] = [:]
    for run in ["emoji", "emoji-12", "middle", "same"] {
      _ = try world.answer("export", "checkpoint", run, "-o", "\(world.folder)/\(run)-out")
      files[run] = try Data(
        contentsOf: URL(filePath: "\(world.folder)/\(run)-out/model.safetensors"))
    }
    #expect(files["middle"] == files["emoji"] && files["same"] == files["emoji"])
    #expect(files["emoji-12"] != files["emoji"])
    #expect(
      try world.rows(
        "select run_id, from_run, from_step, restart from pra.lineage order by run_id")
        == ["2 1 8 f", "3 1 4 f", "4 1 4 f"])
    // Steps that are there are not made again.
    #expect(
      try world.rows("select min(step), max(step) from pra.metrics where run_id = \(longer)") == [
        "8 11"
      ])
    let again = try world.answer("config", longer)
    #expect(again.contains("init:\n  run: 1\n  step: 8"))
    // The name of a run of a sweep ends with a setting.
    _ = try world.answer("rename", "1", "sw lr=1 total=8")
    let named = try world.answer("continue", "1", "--total", "20")
    #expect(
      try world.rows("select name from pra.runs where id = \(named)") == ["sw lr=1 total=20"])
  }

  @Test func checkpointsAreListedAndNamed() throws {
    try train()
    let table = try world.answer("checkpoints", "emoji")
    #expect(table.contains(" series  mean since the checkpoint before "), "\(table)")
    #expect(table.contains(/2 +4 .* loss .*/) && table.contains(/2 +8 .*last/))
    let rows = try #require(
      try JSONSerialization.jsonObject(
        with: Data(try world.answer("checkpoints", "emoji", "--json").utf8))
        as? [[String: Any]])
    #expect(rows.map { $0["step"] as? Int } == [4, 8])
    #expect(try world.answer("runs", "--where", "name=emoji").contains("emoji"))
    #expect(try world.answer("runs", "--where", "name!=emoji", "--json") == "[]")
    let all = try world.pra("gc", "--keep-best", "1", "--by", "validation.loss")
    #expect(
      all.status == 0 && all.output.contains("kept: not rated")
        && all.errors.contains("job 2: no point of the series validation.loss"), "\(all)")
    #expect(
      rows.contains { $0["rank"] as? Int == 1 && $0["mean_since_checkpoint_before"] is Double })
    for (words, message) in [
      (
        ["sample", "emoji", "--step", "5"],
        "--step: run 1 (emoji) has no checkpoint of step 5; it has 4, 8"
      ),
      (
        ["sample", "emoji", "--class", "flgs"],
        "--class: there is no class 'flgs'; did you mean 'flags'?"
      ),
      (["sample", "emoji", "--class", "9999"], "--class: there is no class '9999'"),
      (["sample", "emoji", "--weights", "ema-0.5"], "--weights ema-0.5: the checkpoint has"),
      (
        ["sample", "emoji", "--set", "stps=3"],
        "--set stps: unknown key; did you mean 'sampling.steps'?"
      ),
      (["sample", "emoji", "--count", "2", "--shards", "3"], "--shards 3: more jobs than images"),
      (
        ["continue", "emoji", "--total", "7"],
        "--total 7: run 1 (emoji) has come to step 8 of its training there; give more, as in --total 16"
      ),
      (["sample"], "name a run, or a .safetensors file"),
      (
        ["checkpoints", "emoji", "--metric", "los"],
        "--metric los: run 1 has no such series; did you mean 'loss'?"
      ),
      (
        ["compare", "emoji", "emoji", "--metric", "nope"], "--metric nope: run 1 has no such series"
      ),
      (["evaluations", "emoji", "--job", "999999"], "--job 999999: is no sampling job of run 1"),
      (
        ["gc", "emoji", "--keep-best", "1", "--by", "validation.loss"],
        "run 1 has no points of the series \"validation.loss\""
      ),
    ] {
      let outcome = try Outcome(
        words, environment: ["PRA_DATABASE_URL": world.database.url.conninfo], in: world.folder)
      #expect([2, 3].contains(outcome.status), "\(words): \(outcome)")
      #expect(outcome.errors.contains(message), "\(words): \(outcome.errors)")
    }
    #expect(try world.rows("select count(*) from pra.jobs where kind = 'sample'") == ["0"])
  }

  /// Weights of another shape or number of classes are refused before anything is stored.
  @Test func weightsThatDoNotFitAreRefusedAtOnce() throws {
    try train()
    _ = try world.answer("export", "checkpoint", "emoji", "-o", "\(world.folder)/emoji.safetensors")
    let source = "\(Repository.root)/ops/demo.d/emoji-32.tar"
    for (start, settings, message) in [
      ("{file: emoji.safetensors}", "{head: {width: 48}}", "emoji.safetensors: tensor 'head."),
      ("{run: emoji}", "{head: {width: 48}}", "init.run: run 1, step 8: tensor 'head."),
      ("{file: emoji.safetensors}", "{classes: 3}", "'trunk.class_embed.weight' has shape"),
      ("{run: emoji}", "{training: {total: 3}}", "training.total: 3 is below step 8 of init.run"),
    ] {
      let file = try world.write(
        "other.yaml",
        "name: other\ndata: {source: \(source)}\ninit: \(start)\nconfig: \(settings)\n")
      let outcome = try world.pra("run", file)
      #expect(outcome.status == 2 && outcome.errors.contains(message), "\(outcome.errors)")
    }
    #expect(try world.rows("select count(*) from pra.runs") == ["1"])
  }
}
