// Pictures of a model in training: what `preview` in a run file draws, and who shows it.

import DatabaseTesting
import Foundation
import Testing

@Suite struct PreviewRunTests {
  let world: World

  init() throws { world = try World() }

  private func file(_ settings: String, total: Int = 12) throws -> String {
    try world.write(
      "emoji.yaml",
      """
      name: emoji
      data: {source: \(Repository.root)/ops/demo.d/emoji-32.tar}
      config:
        trunk: {width: 32, layers: 1, heads: 1}
        head: {width: 32, blocks: 1}
        encoder: {width: 32, blocks: 1, head_dim: 32}
        decoder: {width: 32, blocks: 1, head_dim: 32}
        training: {batch: 4, warmup: 1, total: \(total), checkpoint_every: 4, ema: [0.9]}
        sampling: {steps: 2}
      \(settings)

      """)
  }

  private func work() throws {
    let worker = try world.pra("worker", "--until-idle", "--threads", "1")
    #expect(worker.status == 0, "\(worker.errors)")
  }

  @Test func theNewestCheckpointIsDrawnAndShown() throws {
    _ = try world.answer("run", try file("preview: {count: 5, weights: model}"))
    try work()
    #expect(
      try world.rows(
        "select kind, state, result -> 'step' from pra.jobs where preview_of is not null order by id"
      )
        == ["sample succeeded 12"])
    #expect(try world.rows("select state, jobs from pra.runs") == ["succeeded 2"])
    #expect(
      try world.rows("select preview, weights, step, images from pra.samplings") == ["t model 12 5"]
    )
    let shown = try world.answer("images", "emoji", "-o", "\(world.folder)/grid.png")
    #expect(shown.contains("grid.png: 5 images of run 1, a preview of step 12, "), "\(shown)")
    #expect(try world.answer("jobs").contains("preview"))
    // Numbers and noise are those of any other sampling with the same weights.
    _ = try world.answer("sample", "emoji", "--count", "5", "--weights", "model")
    try work()
    #expect(
      try world.rows(
        "select count(distinct digest), count(*) from pra.images where run_id = 1") == ["5 10"])
    let drawn = try world.pra("images", "emoji", "-o", "\(world.folder)/grid.png")
    #expect(drawn.output.contains("5 images of run 1, drawn at step 12, ") && drawn.errors.isEmpty)
    // Each row has as many images as columns, though both are of one step.
    let rows = try world.answer(
      "images", "emoji", "--by", "step", "--columns", "3", "--json", "-o",
      "\(world.folder)/steps.png")
    #expect(rows.contains(#""step 12 (preview)""#) && rows.contains(#""step 12""#), "\(rows)")
    #expect(rows.contains(#""images":6,"#), "\(rows)")
    let weights = try world.answer(
      "images", "emoji", "--by", "weights", "--json", "-o", "\(world.folder)/weights.png")
    #expect(
      weights.contains(#""images":5,"#) && weights.contains(#""rows":["model"]"#), "\(weights)")
  }

  @Test func picturesComeWhileTrainingGoesOn() throws {
    let worker = try WorkerProcess(world, arguments: ["--slots", "2"])
    _ = worker
    _ = try world.answer("run", try file("preview: {every: 8, count: 3}", total: 1_000_000))
    try wait {
      try world.rows(
        "select count(*) from pra.jobs where preview_of is not null and state = 'succeeded'") == [
          "2"
        ]
    }
    #expect(
      try world.rows(
        """
        select count(distinct step), bool_and(step % 8 = 0), count(distinct seed), max(images)
        from pra.samplings where preview
        """) == ["2 t 1 3"])
    #expect(try world.rows("select state from pra.jobs where kind = 'train'") == ["running"])
    _ = try world.answer("cancel", "--run", "emoji")
    try wait { try world.rows("select state from pra.runs") == ["cancelled"] }
  }

  @Test func itIsInTheTableTheDryRunAndTheStoredFile() throws {
    let file = try file("preview: {every: 8, count: 3}")
    let stored = "preview:\n  count: 3\n  every: 8\n  weights: null"
    let plan = try world.answer("run", file, "--dry-run")
    #expect(plan.contains(stored), "\(plan)")
    #expect(
      plan.contains(
        "# Previews: 3 images at the first checkpoint of each 8 steps, by jobs of the lowest priority"
      ))
    #expect(try world.answer("keys", "preview").contains("preview.every"))
    #expect(try world.answer("keys", "--kind", "train").contains("preview.count"))
    _ = try world.answer("run", file)
    #expect(try world.answer("config", "emoji").contains(stored))
  }

  @Test(arguments: [
    (
      "preview: {every: 0}",
      "preview.every: found 0, expected checkpoint, or a number of steps from 1 on"
    ),
    (
      "preview: {weights: ema-0.5}",
      "preview.weights: found 'ema-0.5', expected one of model, ema-0.9 (the averages are those of training.ema)"
    ),
    ("preview: {cuont: 3}", "preview.cuont: unknown key; did you mean 'preview.count'?"),
    ("previews: {}", "previews: unknown key; did you mean 'preview'?"),
  ])
  func whatCannotBeDrawnIsRefused(_ settings: String, _ message: String) throws {
    let refused = try world.pra("run", try file(settings))
    #expect(refused.status == 2 && refused.errors.contains(message), "\(refused.errors)")
  }
}
