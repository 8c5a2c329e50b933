// Series in bands, beside the points that they stand for.

import DatabaseTesting
import Foundation
import Postgres
import StageKit
import Testing

@Suite struct BandTests {
  let attempt: Attempt

  init() throws { attempt = try Attempt(try TestDatabase.create().url) }

  /// Values that are noisy, with some that are no numbers.
  private func values(_ steps: Range<Int64>, _ seed: Double) -> [MetricPoint] {
    steps.map { step in
      let value: Double =
        switch step % 997 {
        case 13: .nan
        case 500: .infinity
        case 900: -.infinity
        default: sin(Double(step) * seed) * Double(step % 31)
        }
      return MetricPoint(name: "loss", step: step, value: value)
    }
  }

  /// A series of two attempts: the second goes on in the middle of a rollup. Steps from 9,000 to before 14,000 have
  /// no point.
  private func resume(to end: Int64) throws {
    let first = try attempt.open()
    first.record(values(0..<5300, 1))
    let path = try attempt.write([1], to: "state")
    try first.registerCheckpoint(
      step: 5000, files: [CheckpointPart(name: "state", path: path)])
    first.close()
    try attempt.claim()
    let second = try attempt.open()
    #expect(try second.latestCheckpoint(ofJob: attempt.job)?.step == 5000)
    second.record(values(5000..<9000, 2))
    second.record(values(14_000..<end, 3))
    second.close()
  }

  private func bands(_ range: String, _ points: Int) throws -> [String] {
    try attempt.admin.query(
      """
      select concat_ws(' ', step_from, step_to, n, not_finite, lowest, highest, round(mean::numeric, 6), last) as band
      from pra.metric_bands(\(attempt.job), 'loss', \(range), \(points))
      """
    ).map { try $0.string("band") }
  }

  /// The bands of a width as the points have them.
  private func bandsOfPoints(_ from: Int64, _ to: Int64, width: Int64) throws -> [String] {
    try attempt.admin.query(
      """
      select concat_ws(' ', greatest(step / \(width) * \(width), \(from)), max(step), count(*),
        count(*) filter (where value in ('NaN', 'Infinity', '-Infinity')),
        min(value) filter (where value <> 'NaN'), max(value) filter (where value <> 'NaN'),
        round((avg(value) filter (where value not in ('NaN', 'Infinity', '-Infinity')))::numeric, 6),
        (array_agg(value order by step desc))[1]) as band
      from pra.metrics
      where job_id = \(attempt.job) and name = 'loss' and step between \(from) and \(to)
      group by step / \(width) order by step / \(width)
      """
    ).map { try $0.string("band") }
  }

  @Test func bandsAreThoseOfThePoints() throws {
    try resume(to: 40_000)
    // 35,000 points: from rollups, but for the ends of a range.
    #expect(try bands("null, null", 100) == bandsOfPoints(0, 39_999, width: 512))
    #expect(try bands("null, null", 10_000) == bandsOfPoints(0, 39_999, width: 256))
    #expect(try bands("100, 39000", 50) == bandsOfPoints(100, 39_000, width: 1024))
    #expect(try bands("4999, 1000000", 3) == bandsOfPoints(4999, 39_999, width: 16_384))
    // Few points, of whatever width.
    #expect(try bands("300, 5100", 40) == bandsOfPoints(300, 5100, width: 128))
    #expect(try bands("5000, 5009", 10) == bandsOfPoints(5000, 5009, width: 1))
    #expect(try bands("8000, 15000", 1) == bandsOfPoints(8000, 15_000, width: 16_384))
    #expect(try bands("9000, 13999", 10) == [])
    #expect(try bands("50000, 60000", 10) == [])
    #expect(try bands("7, 3", 10) == [])
  }

  @Test func aNameThatIsNoneHasNoBands() throws {
    try resume(to: 14_100)
    let none = "select count(*) from pra.metric_bands(\(attempt.job), 'none')"
    #expect(try attempt.count(none) == 0)
    for points in ["0", "10001", "null"] {
      let error = #expect(throws: PostgresError.self) {
        try attempt.admin.run(
          "select pra.metric_bands(\(attempt.job), 'loss', points => \(points))")
      }
      #expect(error?.sqlState == "PR003")
    }
  }

  /// A band of a thinned series still holds the spike whose point is gone.
  @Test func bandsOutliveThePoints() throws {
    let session = try attempt.open()
    session.record(
      (0..<2000).map { MetricPoint(name: "loss", step: $0, value: $0 == 777 ? 99 : 1) })
    try session.finish(outputs: [:])
    let whole = try bands("null, null", 8)
    #expect(try whole == bandsOfPoints(0, 1999, width: 256))
    try attempt.admin.run(
      "select pra.thin_metrics(null, 100, clock_timestamp() + interval '1 h')")
    #expect(try bands("null, null", 8) == whole)
    #expect(try attempt.count("select count(*) from pra.metrics") == 21)
  }
}
