// How many images a second a training takes.

/// Images a second, over windows of ten seconds.
package struct ImageRate {
  /// Seconds of a window.
  private static let window = 10.0

  private var begun: Double
  private var images = 0
  private var before = (images: 0, seconds: 0.0)

  /// - Parameter seconds: of a clock that only goes forward
  package init(at seconds: Double) { begun = seconds }

  /// Counts the images of a step.
  ///
  /// The figures of a step are read when the next one has begun, those of the last at once: a window that ends early
  /// is taken together with the one before it, since alone it may be of no time at all.
  /// - Parameter isLast: whether no step follows
  /// - Returns: images a second of the window that ends with this step; nil within a window
  package mutating func add(_ count: Int, at now: Double, isLast: Bool) -> Double? {
    images += count
    let seconds = now - begun
    let isWhole = seconds >= Self.window
    guard isWhole || isLast else { return nil }
    let taken = isWhole ? images : images + before.images
    let time = isWhole ? seconds : seconds + before.seconds
    guard time > 0 else { return nil }
    before = (images, seconds)
    (begun, images) = (now, 0)
    return Double(taken) / time
  }
}
