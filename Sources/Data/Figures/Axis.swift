// Scales and their ticks.

import Glibc

/// Maps a range of numbers to a range of pixels.
struct Axis {
  let range: ClosedRange<Double>
  let pixels: (from: Double, to: Double)
  let isLogarithmic: Bool
  private let isWhole: Bool

  /// A range that holds the values with a small margin; never empty.
  /// - Parameter isWhole: whether the values are whole numbers, such as steps: a single one stands between its
  ///   neighbours
  init(
    _ values: [Double], pixels: (from: Double, to: Double), isLogarithmic: Bool, room: Double,
    isWhole: Bool = false
  ) {
    let scaled = isLogarithmic ? values.map(log10) : values
    var low = scaled.min() ?? 0
    var high = scaled.max() ?? 1
    if low == high {
      let half = isLogarithmic ? 0.5 : isWhole || low == 0 ? 1 : abs(low) * 0.1
      (low, high) = (low - half, high + half)
    }
    let extra = (high - low) * room
    range = low - extra...high + extra
    self.pixels = pixels
    self.isLogarithmic = isLogarithmic
    self.isWhole = isWhole
  }

  func position(_ value: Double) -> Double {
    let scaled = isLogarithmic ? log10(value) : value
    let part = (scaled - range.lowerBound) / (range.upperBound - range.lowerBound)
    return pixels.from + part * (pixels.to - pixels.from)
  }

  /// About `count` round values within the range, with their labels.
  func ticks(_ count: Int) -> [(value: Double, text: String)] {
    if isLogarithmic, range.upperBound - range.lowerBound >= 1 {
      let wide = range.upperBound - range.lowerBound > 3
      let factors: [Double] = wide ? [1] : [1, 2, 5]
      let stride = max(1, Int((range.upperBound - range.lowerBound) / Double(count)))
      let decades = Int(range.lowerBound.rounded(.down))...Int(range.upperBound.rounded(.up))
      return decades.filter { !wide || $0 % stride == 0 }
        .flatMap { decade in factors.map { $0 * pow(10, Double(decade)) } }
        .filter { range.contains(log10($0)) }
        .map { ($0, tickText($0, step: $0)) }
    }
    let low = isLogarithmic ? pow(10, range.lowerBound) : range.lowerBound
    let high = isLogarithmic ? pow(10, range.upperBound) : range.upperBound
    let rough = (high - low) / Double(count)
    let power = pow(10, log10(rough).rounded(.down))
    let least = power * ([1, 2, 5, 10].first { $0 * power >= rough } ?? 10)
    let step = isWhole ? max(1, least) : least
    let first = Int((low / step).rounded(.up))
    let last = Int((high / step).rounded(.down))
    guard first <= last else { return [] }
    return (first...last).map { (Double($0) * step, tickText(Double($0) * step, step: step)) }
  }
}

/// A tick's value with as many decimals as its step needs: 0.25, 1500, 2e-05.
func tickText(_ value: Double, step: Double) -> String {
  if value == 0 { return "0" }
  let exponent = Int(log10(abs(value)).rounded(.down))
  if exponent >= 6 || exponent < -4 {
    let mantissa = (value / pow(10, Double(exponent)) * 1000).rounded() / 1000
    let text = mantissa.description
    return "\(text.hasSuffix(".0") ? String(text.dropLast(2)) : text)e\(exponent)"
  }
  let decimals = max(0, -Int((log10(step) + 1e-9).rounded(.down)))
  let scaled = Int((abs(value) * pow(10, Double(decimals))).rounded())
  var digits = String(scaled)
  guard decimals > 0 else { return (value < 0 ? "-" : "") + digits }
  digits = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
  return (value < 0 ? "-" : "") + digits.dropLast(decimals) + "." + digits.suffix(decimals)
}
