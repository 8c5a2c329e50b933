// How fast a job gets on, from its reports.

/// The rate of the reports of the last seconds.
struct ProgressRate {
  private var reports: [(at: Double, done: Int64)] = []
  private var unit = ""

  /// Seconds that the rate looks back on.
  private static let window = 10.0

  /// Adds a report. One with another unit, or of less than was done before, begins anew.
  /// - Parameter now: in `monotonicSeconds()`
  mutating func add(_ done: Int64, _ unit: String, at now: Double) {
    if unit != self.unit || done < reports.last?.done ?? 0 { reports = [] }
    self.unit = unit
    reports.append((now, done))
    // The last report before the window stays, so that slow work has a rate, too.
    while reports.count > 2, reports[1].at < now - Self.window { reports.removeFirst() }
  }

  /// Units in a second; nil before the second report.
  var rate: Double? {
    guard let first = reports.first, let last = reports.last, last.at > first.at else { return nil }
    return Double(last.done - first.done) / (last.at - first.at)
  }
}
