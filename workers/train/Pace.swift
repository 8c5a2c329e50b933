// How fast a training gets on, and the line of its log that says so.

import StageKit
import Threads
import Training

/// The rate of a training, and the line of its log.
struct Pace {
  static let metric = "images_per_second"

  private var rate = ImageRate(at: monotonicSeconds())

  /// Counts the images of a step.
  /// - Returns: images in a second since the last line, when another is due
  mutating func add(_ count: Int, isLast: Bool) -> Double? {
    rate.add(count, at: monotonicSeconds(), isLast: isLast)
  }

  /// As in "step 1200 of 3000: loss 0.6182, lr 0.001, gradient norm 0.912, 310 images/s, 3 min left".
  /// - Parameters:
  ///   - batch: images of a step
  ///   - total: steps of the whole training
  static func line(_ report: StepReport, rate: Double, batch: Int, total: Int) -> String {
    func value(_ name: String) -> String? {
      report.values.first { $0.name == name }.map { short($0.value) }
    }
    let steps = total - report.step - 1
    let parts = [
      value("loss").map { "loss \($0)" }, value("lr").map { "lr \($0)" },
      value("grad_norm").map { "gradient norm \($0)" }, "\(short(rate)) images/s",
      steps > 0 ? "\(time(Double(steps * batch) / rate)) left" : nil,
    ]
    return "step \(report.step + 1) of \(total): "
      + parts.compactMap(\.self).joined(separator: ", ")
  }

  /// Four digits.
  private static func short(_ value: Double) -> String {
    guard value.isFinite, value != 0 else { return "\(value)" }
    var scale = 1.0
    while abs(value) * scale < 1000 { scale *= 10 }
    while abs(value) * scale >= 10_000 { scale /= 10 }
    let rounded = (value * scale).rounded() / scale
    return rounded == rounded.rounded() && abs(rounded) < 1e15 ? String(Int(rounded)) : "\(rounded)"
  }

  /// As in 40 s, 3 min, 2 h 10 min or 5 d.
  private static func time(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds < 1e9 else { return "an unknown time" }
    let whole = Int(seconds.rounded())
    return switch whole {
    case ..<100: "\(whole) s"
    case ..<6000: "\((whole + 30) / 60) min"
    case ..<180_000: "\(whole / 3600) h \(whole % 3600 / 60) min"
    default: "\(whole / 86_400) d"
    }
  }
}
