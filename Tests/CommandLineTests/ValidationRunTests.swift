// Losses of held-out images as series, and training that ends when a series gets no better.

import DatabaseTesting
import Foundation
import Testing

@Suite struct ValidationRunTests {
  let world: World

  init() throws { world = try World() }

  private func file(
    _ training: String, _ data: String = ", validation: {every: 5}", name: String = "emoji"
  ) throws -> String {
    try world.write(
      "\(name).yaml",
      """
      name: \(name)
      data: {source: \(Repository.root)/ops/demo.d/emoji-32.tar\(data)}
      config:
        trunk: {width: 32, layers: 1, heads: 1}
        head: {width: 32, blocks: 1}
        encoder: {width: 32, blocks: 1, head_dim: 32}
        decoder: {width: 32, blocks: 1, head_dim: 32}
        training: {batch: 4, warmup: 1, checkpoint_every: 4, ema: [0.9], \(training)}

      """)
  }

  private func run(_ file: String) throws {
    _ = try world.answer("run", file)
    let worker = try world.pra("worker", "--until-idle", "--threads", "1")
    #expect(worker.status == 0, "\(worker.errors)")
  }

  @Test func lossesOfHeldOutImagesAreSeries() throws {
    try run(try file("total: 10, validation: {every: 4, images: 6}"))
    #expect(
      try world.rows(
        """
        select name, string_agg(step::text, ' ' order by step), bool_and(value > 0)
        from pra.metrics where name like 'validation.%' and name in (
          'validation.loss', 'validation.loss.flow', 'validation.loss.rec')
        group by name order by name
        """)
        == [
          "validation.loss 3 7 9 t", "validation.loss.flow 3 7 9 t", "validation.loss.rec 3 7 9 t",
        ])
    // Training is the same, and so is what is measured, where it is measured less often.
    try run(try file("total: 10, validation: {every: 10, images: 6}"))
    func values(_ run: Int, _ name: String) throws -> [String] {
      try world.rows(
        "select step, value from pra.metrics where run_id = \(run) and name = '\(name)' order by 1")
    }
    #expect(try values(2, "loss") == values(1, "loss"))
    #expect(try values(2, "validation.loss") == [values(1, "validation.loss")[2]])
  }

  @Test func trainingEndsWellWhereASeriesGetsNoBetter() throws {
    // No value is better by so much than the first one.
    try run(
      try file(
        """
        total: 1000, validation: {every: 2, images: 4},
            stop: {metric: validation.loss, patience: 6, threshold: 100}
        """))
    #expect(
      try world.rows(
        "select state, result -> 'steps', progress_done, progress_total from pra.jobs where kind = 'train'"
      ) == ["succeeded 8 8 8"])
    #expect(try world.rows("select max(step) from pra.checkpoints") == ["8"])
    let sentence = "validation.loss got no better by more than 100 for 6 steps; its best is "
    #expect(try world.answer("logs", "2").contains("training ends at step 8 of 1000: \(sentence)"))
    #expect(try world.answer("job", "2").contains(sentence))
  }

  @Test func aKilledTrainingMeasuresAndEndsTheSame() throws {
    let rule = """
      total: 2000, validation: {every: 6, images: 5},
          stop: {metric: validation.loss, patience: 120, threshold: 100}
      """
    try run(try file(rule, name: "whole"))
    let worker = try WorkerProcess(world)
    _ = try world.answer("run", try file(rule, name: "killed"))
    for threshold in [1, 30, 80] {
      try wait {
        let done = try world.rows(
          """
          select progress_done from pra.jobs
          where run_id = 2 and kind = 'train' and state = 'running' and progress_done >= \(threshold)
          """)
        guard !done.isEmpty, let stage = worker.stage("pra-train") else { return false }
        return kill(stage, SIGKILL) == 0
      }
      try wait {
        try world.rows(
          "select count(*) >= \([1, 30, 80].firstIndex(of: threshold)! + 1) from pra.attempts "
            + "where run_id = 2 and exit_signal = 9") == ["t"]
      }
    }
    try wait {
      try world.rows("select state from pra.jobs where run_id = 2 and kind = 'train'")
        == ["succeeded"]
    }
    let ends = try world.rows("select result from pra.jobs where kind = 'train' order by run_id")
    #expect(ends.count == 2 && ends[0] == ends[1] && ends[0].contains("\"steps\": 126"), "\(ends)")
    let series = try world.rows(
      """
      select count(*), count(distinct step), md5(string_agg(value::text, ',' order by step))
      from pra.metrics where name = 'validation.loss' group by run_id order by run_id
      """)
    #expect(series.count == 2 && series[0] == series[1] && series[0].hasPrefix("21 21 "))
  }

  @Test(arguments: [
    (
      "stop: {metric: validation.loss}", "",
      "training.stop.metric: validation.loss needs images that are held out; give data.validation, as in {every: 20}"
    ),
    (
      "stop: {metric: validation.los}", ", validation: {every: 5}",
      "training.stop.metric: found 'validation.los', expected one of loss, loss.rec, loss.flow, loss.l1, "
    ),
    (
      "keep: {best: 1, metric: loss.flo}", "",
      "training.keep.metric: found 'loss.flo', expected one of loss, loss.rec, loss.flow, loss.l1, "
    ),
    (
      "keep: {best: 1, metric: validation.loss}", "",
      "training.keep.metric: validation.loss needs images that are held out; give data.validation, as in {every: 20}"
    ),
    (
      "stop: {series: loss}", "",
      "training.stop.series: unknown key; known here are metric, patience, threshold"
    ),
  ])
  func aSeriesThatIsNotThereIsRefused(_ stop: String, _ data: String, _ message: String) throws {
    let refused = try world.pra("run", try file("total: 10, \(stop)", data))
    #expect(refused.status == 2 && refused.errors.contains(message), "\(refused.errors)")
    #expect(try world.rows("select count(*) from pra.runs") == ["0"])
  }

  @Test func heldOutImagesOfAnEarlierIngestAreLookedForByTheStage() throws {
    try run(try file("total: 2", ""))
    _ = try world.answer(
      "run",
      try world.write(
        "again.yaml",
        "name: again\ndata: {run: emoji}\nconfig: {training: {stop: {metric: validation.loss}}}\n"))
    _ = try world.pra("worker", "--until-idle", "--threads", "1")
    #expect(
      try world.rows("select state, message from pra.jobs where run_id = 2 and kind = 'train'")
        .first?
        .hasPrefix(
          "failed config.training.stop.metric: validation.loss needs images that are held out, and ingest job 1 has "
            + "none") == true)
  }
}
