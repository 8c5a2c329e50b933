// The data of charts: axes, parts that are new, medians of seeds.

import DatabaseTesting
import Foundation
import JobQueue
import Postgres
import Testing

@Suite struct SeriesTests {
  let world: DashboardWorld
  let server: Server

  init() throws {
    world = try DashboardWorld()
    server = try Server(world.database.url)
  }

  private func curves(_ query: String) throws -> [[String: Any]] {
    let body = try server.page("/series.json?\(query)").body
    let json = try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any]
    return try #require(json?["series"] as? [[String: Any]], "\(body)")
  }

  /// The values of a member, of one that is written in runs as well.
  private func numbers(_ curve: [String: Any], _ name: String) throws -> [Double] {
    guard let runs = curve["\(name)_runs"] as? [Double] else {
      return try #require(curve[name] as? [Double], "\(name) of \(curve)")
    }
    let values = stride(from: 0, to: runs.count, by: 2).flatMap {
      Array(repeating: runs[$0], count: Int(runs[$0 + 1]))
    }
    switch name {
    case "x": return values.reduce(into: []) { $0.append(($0.last ?? 0) + $1) }
    case "to": return zip(try numbers(curve, "x"), values).map { $0 + $1 }
    default: return values
    }
  }

  private static func configuration(seed: Int, lr: Double = 0.002, batch: Int = 48) -> String {
    """
    {"config": {"method": "pra", "preset": "nano", "seed": \(seed), "sampling": {"seed": \(seed)},
      "training": {"lr": \(lr), "total": 40000, "batch": \(batch)}}}
    """
  }

  @Test func imagesSeenAreStepsTimesTheBatch() throws {
    let (run, lease) = try world.training("seen", configuration: Self.configuration(seed: 0))
    try world.series("loss", of: lease.job, steps: 100)
    let steps = try curves("runs=\(run)")[0]
    let images = try curves("runs=\(run)&x=images")[0]
    #expect(try numbers(images, "x") == numbers(steps, "x").map { $0 * 48 })
    // The range is one of the axis.
    let part = try curves("runs=\(run)&x=images&from=960&to=1440")[0]
    #expect(try numbers(part, "x").first == 960 && numbers(part, "x").last == 1440)
    let (other, second) = try world.training("no batch")
    try world.series("loss", of: second.job, steps: 10)
    let refused = try server.page("/series.json?runs=\(other)&x=images")
    #expect(refused.status == 400 && refused.body.contains("run \(other) says no training.batch"))
  }

  /// A first attempt of two hours up to step 999, lost; the second one, of one hour, goes on at step 500.
  @Test func hoursAtWorkAreThoseOfAllAttempts() throws {
    let (run, lease) = try world.training("hours")
    try world.series("loss", of: lease.job, steps: 1000)
    try world.admin.run(
      """
      update pra_store.attempts set started_at = now() - interval '5 hours', ended_at = now() - interval '3 hours',
        outcome = 'lost', from_step = 0, metric_high_water = 999
      where job_id = \(lease.job);
      insert into pra_store.attempts (job_id, epoch, worker_id, started_at, from_step, continues_epoch, metric_high_water)
      select job_id, 2, worker_id, now() - interval '1 hour', 500, 1, 999 from pra_store.attempts where job_id = \(lease.job);
      update pra_store.metric_summaries set updated_at = now() where job_id = \(lease.job);
      """)
    let curve = try curves("runs=\(run)&x=hours")[0]
    let (steps, hours) = (
      try numbers(curves("runs=\(run)")[0], "x"), try numbers(curve, "x")
    )
    for (step, hour) in zip(steps, hours) {
      let expected = step < 500 ? step / 1000 * 2 : 2 + (step - 500) / 500
      #expect(abs(hour - expected) < 0.01, "step \(step)")
    }
    let border = try #require((curve["borders"] as? [[String: Any]])?.first)
    #expect(border["step"] as? Double == 500 && abs((border["x"] as? Double ?? 0) - 2) < 0.01)
  }

  /// Steps and counts that are even take no bytes for each band.
  @Test func aSeriesIsAsLongAsItsValues() throws {
    let (run, lease) = try world.training("even")
    try world.series("loss", of: lease.job, steps: 50_000)
    let body = try server.page("/series.json?runs=\(run)").body
    let curve = try curves("runs=\(run)")[0]
    let bands = try numbers(curve, "mean").count
    let ends = try numbers(curve, "to")
    #expect(bands > 150 && ends.count == bands && ends.last == 49_999)
    #expect(try numbers(curve, "n").reduce(0, +) == 50_000)
    #expect(try numbers(curve, "x").dropFirst() == ArraySlice(ends.dropLast().map { $0 + 1 }))
    #expect(body.utf8.count < 600 + 30 * bands, "\(body.utf8.count) bytes of \(bands) bands")
  }

  @Test func stepsSinceStartBeginAtTheFirst() throws {
    let (run, lease) = try world.training("continued")
    try world.series("loss", of: lease.job, steps: 100)
    try world.admin.run(
      """
      update pra_store.metrics set step = step + 28000 where job_id = \(lease.job);
      delete from pra_store.metric_rollups where job_id = \(lease.job);
      insert into pra_store.metric_rollups (job_id, name_id, bucket, points, not_finite, total, last_step, last_value,
        min_step, min_value, max_step, max_value)
      select m.job_id, m.name_id, m.step / 256, count(*), 0, sum(m.value), max(m.step), min(m.value), min(m.step),
        min(m.value), min(m.step), max(m.value)
      from pra_store.metrics as m where m.job_id = \(lease.job) group by 1, 2, 3;
      update pra_store.metric_summaries set last_step = last_step + 28000 where job_id = \(lease.job);
      update pra_store.attempts set from_step = 28000 where job_id = \(lease.job);
      """)
    #expect(try numbers(curves("runs=\(run)")[0], "x").first == 28000)
    #expect(try numbers(curves("runs=\(run)&x=since")[0], "x").first == 0)
  }

  @Test func whatIsNewIsTheEndOfTheWhole() throws {
    let (run, lease) = try world.training("grows")
    try world.series("loss", of: lease.job, steps: 50_000)
    for smooth in ["0", "0.9"] {
      let whole = try curves("runs=\(run)&smooth=\(smooth)")[0]
      let at = try #require(whole["at"] as? Int)
      let part = try curves("runs=\(run)&smooth=\(smooth)&after=\(at)")[0]
      let skip = try #require(part["skip"] as? Int)
      #expect(skip == (try numbers(whole, "x").count) - 1)
      for name in ["x", "to", "n", "mean", "low", "high", "bad"] + (smooth == "0" ? [] : ["line"]) {
        #expect(try numbers(part, name) == Array(numbers(whole, name)[skip...]), "\(name)")
      }
    }
  }

  /// The summary of a series says whether its points have changed.
  @Test func aSeriesIsReadAgainOnlyWhenItHasGrown() throws {
    let (run, lease) = try world.training("rests")
    try world.series("loss", of: lease.job, steps: 1000, value: "1")
    func lowest() throws -> Double {
      try numbers(curves("runs=\(run)")[0], "low").min() ?? .nan
    }
    #expect(try lowest() == 1)
    try world.admin.run(
      """
      update pra_store.metric_rollups set min_value = 0.5 where job_id = \(lease.job);
      update pra_store.metrics set value = 0.5 where job_id = \(lease.job) and step = 500;
      update pra_store.runs set name = 'read later' where id = \(run);
      """)
    // By then the answers of before have become old.
    try wait { try server.page("/runs/\(run)").body.contains("read later") }
    #expect(try lowest() == 1)
    try world.admin.run(
      "update pra_store.metric_summaries set points = points + 1 where job_id = \(lease.job)")
    try wait { try lowest() == 0.5 }
  }

  @Test func seedsAreOneCurve() throws {
    var runs: [Int64] = []
    for (seed, height) in [1, 2, 4].enumerated() {
      let (run, lease) = try world.training(
        "seed \(seed)", configuration: Self.configuration(seed: seed))
      try world.series("loss", of: lease.job, steps: 3000 + 10 * seed, value: "\(height)")
      runs.append(run)
    }
    let (other, lease) = try world.training(
      "other rate", configuration: Self.configuration(seed: 0, lr: 0.5))
    try world.series("loss", of: lease.job, steps: 3000, value: "9")
    let list = (runs + [other]).map(String.init).joined(separator: ",")
    let found = try curves("runs=\(list)&group=seeds")
    #expect(found.map { $0["seeds"] as? Int } == [3, 1])
    #expect((found[0]["label"] as? String ?? "").contains("median of 3 seeds"))
    let bands = try numbers(found[0], "mean").count
    for (name, value) in [("mean", 2.0), ("low", 1), ("high", 4)] {
      // The last band may be of fewer.
      #expect(try numbers(found[0], name).prefix(bands - 1).allSatisfy { $0 == value }, "\(name)")
    }
    let page = try server.page("/compare?runs=\(list)").body
    #expect(page.contains("Seeds together") && page.contains("1.000 to 4.000"))
    #expect(page.contains("<b>2.000</b>"))
  }
}
