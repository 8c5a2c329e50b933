// Previews: jobs that a training's checkpoints put in line.

import JobQueue
import Postgres
import Testing

@Suite struct PreviewTests {
  let world: QueueWorld
  let trainer: Registration

  init() throws {
    world = try QueueWorld()
    trainer = try world.worker(slots: 4)
  }

  /// A running training of the world's run.
  private func training(
    _ preview: String = #"{"every": "checkpoint", "count": 4, "weights": null}"#
  ) throws
    -> Lease
  {
    _ = try world.job("train") {
      $0.arguments = #"""
        {"data": 7, "config": {"sampling": {"seed": 3, "weights": "ema-0.9"}}, "preview": \#(preview)}
        """#
    }
    return try world.claimOne(trainer)
  }

  private func register(_ lease: Lease, _ steps: Int..., keep: String? = nil) throws {
    for step in steps {
      let own = lease.parameters + [.text("\(step)")]
      try world.administrator.query(
        """
        select pra.put_artifact(
          $1, $2, encode(sha256(convert_to($4, 'utf8')), 'hex'), 'text/plain', convert_to($4, 'utf8'), $3)
        """, own)
      try world.administrator.query(
        """
        select pra.register_checkpoint($1, $2, ($4::text)::bigint, jsonb_build_array(jsonb_build_object(
          'name', 'x', 'sha256', encode(sha256(convert_to($4, 'utf8')), 'hex'))), $3, $5::jsonb)
        """, own + [keep.map { .text($0) } ?? .null])
    }
  }

  /// Previews as "state step".
  private func previews() throws -> [String] {
    try world.administrator.query(
      """
      select state || ' ' || (arguments ->> 'step') as shown from pra.jobs where preview_of is not null order by id
      """
    ).map { try $0.string("shown") }
  }

  @Test func aCheckpointIsDrawnAsTheConfigurationSays() throws {
    let lease = try training(#"{"every": "checkpoint", "count": 4, "weights": "model"}"#)
    try register(lease, 10)
    #expect(
      try world.value("select arguments::text from pra.jobs where preview_of = \(lease.job)")
        == #"{"data": 7, "last": 4, "step": 10, "count": 4, "first": 0, "train": 1, "classes": null, "#
        + #""sampling": {"seed": 3, "weights": "model"}, "weights_file": null, "weights_name": null}"#
    )
    #expect(
      try world.value(
        """
        select kind || ' ' || priority || ' ' || (created_by = (select t.created_by from pra.jobs as t where t.id = 1))
        from pra.jobs where id = 2
        """) == "sample -1000000 true")
  }

  @Test func theNewestTakesThePlaceOfTheOneThatWaits() throws {
    let lease = try training()
    try register(lease, 10, 20, 30)
    #expect(try previews() == ["ready 30"])
    #expect(
      try world.value(
        "select string_agg(detail ->> 'step', ' ' order by id) from pra.events where kind = 'preview.replaced'"
      )
        == "10 20")
    // One that runs is let alone, and so is the checkpoint that it draws from.
    _ = try world.claimOne(trainer)
    try register(lease, 40, 50, keep: #"{"last": 1}"#)
    #expect(try previews() == ["running 30", "ready 50"])
    #expect(
      try world.value("select string_agg(step::text, ' ' order by step) from pra.checkpoints")
        == "30 50")
  }

  @Test func oneWaitsForAWholeRun() throws {
    let (first, second) = (try training(), try training())
    try world.submit.setVariant("a", seed: 1, of: [first.job])
    try world.submit.setVariant("b", seed: 2, of: [second.job])
    try register(first, 10)
    try register(second, 10)
    #expect(try previews() == ["ready 10"])
    #expect(
      try world.value(
        "select j.preview_of || ' ' || v.variant from pra.jobs as j join pra.variants as v on v.job_id = j.id "
          + "where j.preview_of is not null") == "\(second.job) b")
  }

  @Test func trainingsComeFirstHoweverLongItWaits() throws {
    let lease = try training()
    try register(lease, 10)
    try world.administrator.run(
      "update pra_store.jobs set place = place - 1e7, created_at = created_at - interval '100 days' where id = 2"
    )
    let training = try world.job("train") { $0.priority = -1000 }
    let one = try world.worker(slots: 1)
    #expect(try world.claimOne(one).job == training)
  }

  @Test func everySoManySteps() throws {
    let lease = try training(#"{"every": 25, "count": 4, "weights": null}"#)
    var drawn: [String] = []
    for step in [10, 20, 30, 40, 50, 60, 80] {
      try register(lease, step)
      drawn.append(try previews().last ?? "none")
    }
    #expect(
      drawn == ["none", "none", "ready 30", "ready 30", "ready 50", "ready 50", "ready 80"])
  }

  @Test func aStepIsDrawnOnceThoughAnAttemptComesByAgain() throws {
    var lease = try training()
    try register(lease, 10, 20)
    try world.workers.finish(try world.claimOne(trainer))
    #expect(try world.workers.release(lease, message: "drained") == .ready)
    lease = try world.claimOne(trainer)
    try register(lease, 20)
    #expect(try previews() == ["succeeded 20"])
    try register(lease, 30)
    #expect(try previews() == ["succeeded 20", "ready 30"])
  }

  @Test func oneThatComesBackGivesWayToANewerOne() throws {
    let lease = try training()
    try register(lease, 10)
    let drawing = try world.claimOne(trainer)
    try register(lease, 20)
    #expect(try world.workers.release(drawing, message: "drained") == .cancelled)
    #expect(try previews() == ["cancelled 10", "ready 20"])
    #expect(
      try world.value("select message from pra.jobs where id = \(drawing.job)")
        == "drained; a newer preview waits in its place")
    // With nothing newer it goes back into line.
    let newer = try world.claimOne(trainer)
    #expect(try world.workers.release(newer, message: "drained") == .ready)
  }

  @Test func aCancelledTrainingPutsNothingInLine() throws {
    let lease = try training()
    try world.administrator.query("select pra.cancel_run(\(world.run))")
    try register(lease, 10)
    #expect(try previews() == [])
  }

  @Test func aRunIsOverWithoutItsPreviews() throws {
    let lease = try training()
    try register(lease, 10)
    try world.workers.finish(lease)
    #expect(
      try world.value(
        "select state || ' ' || jobs || ' ' || (finished_at is not null) from pra.runs")
        == "succeeded 1 true")
    let drawing = try world.claimOne(trainer)
    _ = try world.workers.reportExit(drawing, .permanent, message: "no")
    #expect(try world.value("select state from pra.runs") == "succeeded")
  }

  @Test func whyNamesTheSecondPlaceThatItNeeds() throws {
    let lease = try training()
    try register(lease, 10)
    let preview = try #require(
      try world.value("select id::text from pra.jobs where preview_of = \(lease.job)"))
    func why() throws -> String { try world.value("select pra.why(\(preview))") ?? "" }
    try world.administrator.run("update pra_store.workers set slots = 1")
    #expect(
      try why().contains("previews are drawn beside it only where a worker has more than one"))
    #expect(try why().contains("`pra worker --slots 2`"))
    #expect(
      try world.value("select reason from pra.why_pending(\(preview))") == "busy")
    try world.administrator.run("update pra_store.workers set slots = 2")
    #expect(try !why().contains("--slots 2"))
  }
}
