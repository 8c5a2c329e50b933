// Sampled images against a data set: per class and overall.

import Tensor

#if canImport(Glibc)
  import Glibc
#endif

/// One figure of an evaluation.
package struct EvaluationFigure: Sendable, Equatable {
  package let metric: String
  /// `overall` or a class name.
  package let scope: String
  package let value: Double
  /// Number of images of the smaller side.
  package let images: Int

  package init(metric: String, scope: String, value: Double, images: Int) {
    (self.metric, self.scope, self.value, self.images) = (metric, scope, value, images)
  }
}

/// Images of one side of a comparison, in any order.
package struct LabelledFeatures {
  package let features: [[Double]]
  package let labels: [Int]

  package init(features: [[Double]], labels: [Int]) {
    precondition(features.count == labels.count, "LabelledFeatures: labels")
    self.features = features
    self.labels = labels
  }

  func of(class label: Int) -> [[Double]] {
    zip(features, labels).filter { $0.1 == label }.map(\.0)
  }
}

/// Frechet distances on fixed random features, overall and for each class of which both sides have
/// at least two images.
///
/// Features are first divided by the data set's standard deviations, so that their units do not
/// matter. Overall, the data set's images are weighted so that each class counts as often as it was
/// drawn: another mix of classes is not an error of the pictures.
package func frechetFigures(
  drawn: LabelledFeatures, reference: LabelledFeatures, classes: [String]
) -> [EvaluationFigure] {
  let metric = "frechet.\(RandomFeatures.name)"
  let scale = inverseDeviations(reference.features)
  func scaled(_ features: [[Double]]) -> [[Double]] {
    features.map { f in zip(f, scale).map { $0 * $1 } }
  }
  var figures: [EvaluationFigure] = []
  func compare(_ scope: String, _ a: [[Double]], _ b: [[Double]], weights: [Double]?) {
    guard a.count >= 2, b.count >= 2 else { return }
    let distance = frechetDistance(
      FeatureStatistics(scaled(a)), FeatureStatistics(scaled(b), weights: weights))
    figures.append(
      EvaluationFigure(
        metric: metric, scope: scope, value: distance, images: min(a.count, b.count)))
  }
  compare(
    "overall", drawn.features, reference.features,
    weights: classWeights(of: reference.labels, as: drawn.labels))
  for (label, name) in classes.enumerated() {
    compare(name, drawn.of(class: label), reference.of(class: label), weights: nil)
  }
  return figures
}

/// The number of drawn images of a label per image of it in the data set.
private func classWeights(of reference: [Int], as drawn: [Int]) -> [Double]? {
  func counts(_ labels: [Int]) -> [Int: Double] {
    labels.reduce(into: [:]) { $0[$1, default: 0] += 1 }
  }
  let (has, wants) = (counts(reference), counts(drawn))
  let weights = reference.map { (wants[$0] ?? 0) / has[$0]! }
  return weights.contains { $0 > 0 } ? weights : nil
}

private func inverseDeviations(_ features: [[Double]]) -> [Double] {
  let statistics = FeatureStatistics(features)
  let d = statistics.dimension
  return (0..<d).map { i in
    let variance = statistics.covariance[i * d + i]
    return variance > 0 ? 1 / variance.squareRoot() : 1
  }
}

/// 10 log10(4 / mean squared error) of pixels in [-1, 1]; the mean is over all images together.
package struct PeakSignalToNoise {
  private var squares = 0.0
  private var count = 0

  package init() {}

  /// - Parameter reconstruction: clamped to [-1, 1] before it is compared
  package mutating func add(reconstruction: Tensor, original: Tensor) {
    precondition(reconstruction.count == original.count, "PeakSignalToNoise: shapes")
    for (x, y) in zip(reconstruction.download().floats, original.download().floats) {
      let difference = Double(min(max(x, -1), 1)) - Double(y)
      squares += difference * difference
    }
    count += original.count
  }

  /// In decibels; infinite for equal images.
  package var decibels: Double { 10 * log10(4 * Double(count) / squares) }
}
