// Curves of a chart: bands of a series, or the median of those that differ in their seeds alone.

import Figures
import Pages

/// Values of adjacent steps.
struct Band {
  var from: Double
  var to: Double
  /// The number of points, and of those that are not finite.
  var n: Double
  var bad: Double
  var low: Double?
  var high: Double?
  var mean: Double?

  init(_ row: Record) {
    from = row.number("step_from") ?? 0
    to = row.number("step_to") ?? from
    n = row.number("n") ?? 0
    bad = row.number("not_finite") ?? 0
    (low, high, mean) = (row.number("lowest"), row.number("highest"), row.number("mean"))
  }
}

/// One line of a chart, with what is around it.
struct Curve {
  let run: Int64
  let job: Int64
  var label: String
  /// Beside the end of the line.
  var short: String
  /// The place of its run's colour in the palette, and that of its dashes among the curves of that colour.
  let place: Int
  let dash: Int
  let last: Int64
  let scale: StepScale
  var bands: [Band]
  /// The number of curves that it is the median of; 1 for a series itself.
  var members = 1
  var borders: [(step: Double, words: String)] = []

  /// Each a value and nothing more.
  var isOfPoints: Bool { members == 1 && bands.allSatisfy { $0.n == 1 } }

  /// TensorBoard's average of the means, where each band weighs as its points would.
  func smoothed(_ weight: Double) -> [Double] {
    Chart.smoothed(bands.map { $0.mean ?? .nan }, counts: bands.map(\.n), weight: weight)
  }

  /// The median of some curves, within the range from the lowest to the highest of them: on the bands of the one that
  /// has the fewest, with the mean of what the others have there. Where it is the median of fewer it ends.
  static func median(of curves: [Curve]) -> Curve {
    var median = curves.min { $0.bands.count < $1.bands.count }!
    var starts = Array(repeating: 0, count: curves.count)
    for k in median.bands.indices {
      var band = median.bands[k]
      let end = k + 1 < median.bands.count ? median.bands[k + 1].from : band.to + 1
      var means: [Double] = []
      band.bad = 0
      for (place, curve) in curves.enumerated() {
        var (sum, points) = (0.0, 0.0)
        while starts[place] < curve.bands.count, curve.bands[starts[place]].from < end {
          let part = curve.bands[starts[place]]
          band.bad += part.bad
          if let mean = part.mean, mean.isFinite {
            sum += mean * (part.n - part.bad)
            points += part.n - part.bad
          }
          starts[place] += 1
        }
        if points > 0 { means.append(sum / points) }
      }
      means.sort()
      let isWhole = means.count == curves.count
      (band.low, band.high) = isWhole ? (means.first, means.last) : (nil, nil)
      band.mean = isWhole ? (means[(means.count - 1) / 2] + means[means.count / 2]) / 2 : nil
      median.bands[k] = band
    }
    median.members = curves.count
    median.borders = []
    return median
  }
}
