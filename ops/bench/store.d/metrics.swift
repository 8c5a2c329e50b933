// Metrics: points per second, reading a long run, and the cost to a training step.

import Foundation
import Postgres
import StageKit
import Threads

/// Sessions that record as fast as their backlog allows, until every point is on the server's disk.
func benchMetrics(writers: Int, seconds duration: Int) throws {
  let world = try BenchWorld()
  defer { try? world.end() }
  let sessions = try (0..<writers).map { _ in SendableSession(try world.session()) }
  let end = ContinuousClock.now + .seconds(duration)
  let total = Monitor(0)
  let elapsed = try seconds {
    let threads = try sessions.map { box in
      try DedicatedThread("writer") {
        var step: Int64 = 0
        while ContinuousClock.now < end {
          for _ in 0..<50 {
            box.session.record(
              stepNames.map { MetricPoint(name: $0, step: step, value: Double(step) * 0.5) })
            step += 1
          }
          while box.session.metricBacklog > 300_000 { usleep(1000) }
        }
        try! box.session.finish(outputs: [:])
        total.update { $0 += Int(step) * stepNames.count }
      }
    }
    for thread in threads { thread.join() }
  }
  let stored = try world.admin.query("select count(*) as n from pra_store.metrics").single()
  let recorded = total.read { $0 }
  let found = try stored.integer("n")
  precondition(found == Int64(recorded), "lost or repeated points")
  let size = try world.admin.query(
    """
    select sum(pg_total_relation_size(inhrelid))::bigint as n
    from pg_inherits where inhparent = 'pra_store.metrics'::regclass
    """
  ).single().integer("n")
  print(
    "metrics: \(writers) writers, \(recorded) points in \(String(format: "%.1f", elapsed)) s, "
      + "\(Int(Double(recorded) / elapsed)) points/s, \(size / Int64(recorded)) bytes a point on disk"
  )
  row(
    "metrics: points on the server's disk", [Double(recorded) / elapsed], "points/s",
    note: "\(writers) writers; none lost or repeated")
  row(
    "metrics: disk a point", [Double(size) / Double(recorded)], "bytes", note: "index included")
}

/// A run of many points, queried through the public views as the reader role.
func benchReads(points: Int) throws {
  let world = try BenchWorld()
  defer { try? world.end() }
  let steps = points / stepNames.count
  // Other runs lie in the same partition.
  for _ in 0..<3 {
    let session = try world.session()
    for step in 0..<Int64(steps) {
      session.record(
        stepNames.map { MetricPoint(name: $0, step: step, value: 1 / Double(step + 1)) })
      if step % 1000 == 0 { while session.metricBacklog > 300_000 { usleep(1000) } }
    }
    try session.finish(outputs: [:])
  }
  try world.admin.run("vacuum analyze")
  let reader = try Connection(world.url, role: .read)
  for (name, sql) in [
    (
      "one series, \(steps) points",
      "select step, value from pra.metrics where run_id = 2 and name = 'loss' order by step"
    ),
    (
      "loss at one step over the runs",
      "select run_id, value from pra.metrics where name = 'loss' and step = \(steps / 2)"
    ),
    ("last, best of every series", "select * from pra.metric_summaries where run_id = 2"),
    (
      "count of all \(steps * stepNames.count) points",
      "select count(*) from pra.metrics where run_id = 2"
    ),
    (
      "mean of every series, all points",
      "select name, avg(value) from pra.metrics where run_id = 2 group by name"
    ),
    (
      "1,000 means of one series",
      "select step * 1000 / \(steps) as part, avg(value) from pra.metrics where run_id = 2 and name = 'loss' group by part order by part"
    ),
  ] {
    let times = try (0..<7).map { _ in try seconds { try reader.query(sql) } }
    print("reads: \(name): \(String(format: "%.1f", median(times) * 1000)) ms")
    row(
      "reads: \(name)", times.map { $0 * 1000 }, "ms",
      wanted: name.hasPrefix("one series") ? "<= 100" : nil)
    if CommandLine.arguments.contains("--explain") {
      for row in try world.admin.query("explain (analyze, buffers) \(sql)") {
        print(row.text(at: 0)!)
      }
    }
  }
}

/// Measures the cost to the training thread of a step with nine values, at ten steps a second and
/// as fast as possible.
func benchRecord() throws {
  let world = try BenchWorld()
  defer { try? world.end() }
  let session = try world.session()
  for (name, pause) in [("10 steps a second", UInt32(100_000)), ("1,000 steps a second", 1000)] {
    let count = pause > 1000 ? 100 : 5000
    var times: [Double] = []
    var step: Int64 = 0
    for _ in 0..<count {
      usleep(pause)
      let points = stepNames.map { MetricPoint(name: $0, step: step, value: 1) }
      times.append(
        seconds {
          session.record(points)
          session.progress(done: step, total: 5000, unit: "steps")
        })
      step += 1
    }
    times.sort()
    print(
      "record: \(name): median \(String(format: "%.1f", times[count / 2] * 1e6)) us, "
        + "99 % \(String(format: "%.1f", times[count * 99 / 100] * 1e6)) us a step")
    row(
      "record: \(name)", times.map { $0 * 1e6 }, "us",
      note:
        "for a step of nine values; \(String(format: "%.1f", times[count * 99 / 100] * 1e6)) at 99 %"
    )
  }
  try session.finish(outputs: [:])
}

/// Sendable: only one thread uses each.
struct SendableSession: @unchecked Sendable {
  let session: StageSession
  init(_ session: StageSession) { self.session = session }
}
