// Distances whose values are known.

import Evaluation
import Tensor
import Testing

@Suite struct VariantComparisonTests {
  @Test func theTableHoldsMeansDeviationsAndSeeds() {
    var comparison = VariantComparison()
    for (value, variant) in [(1.0, "a"), (2.0, "a"), (3.0, "a"), (0.5, "b")] {
      comparison.add(value, metric: "m", variant: variant)
    }
    comparison.add(21.25, metric: "psnr", variant: "a")
    let table = comparison.markdown(title: "T")
    #expect(
      table.contains(
        "| a | **2.000** ± 1.000 (1.000, 2.000, 3.000) | **21.250** ± 0.000 (21.250) |"))
    // A variant without a metric has an empty cell.
    #expect(table.contains("| b | **0.500** ± 0.000 (0.500) |  |"))
    #expect(SeedSummary([]) == nil)
  }
}

@Suite struct EvaluationTests {
  /// Vectors with an exactly diagonal sample covariance: plus and minus each axis.
  private func cross(_ lengths: [Double], centre: [Double]) -> [[Double]] {
    var vectors: [[Double]] = []
    for (axis, length) in lengths.enumerated() {
      for sign in [1.0, -1.0] {
        var vector = centre
        vector[axis] += sign * length
        vectors.append(vector)
      }
    }
    return vectors
  }

  @Test func frechetDistanceOfDiagonalGaussians() {
    // Variance of axis i is 2 l^2 / (6 - 1): the distance is |m|^2 + 2/5 sum (l1 - l2)^2.
    let a = cross([1, 2, 3], centre: [0, 0, 0])
    let b = cross([2, 2, 1], centre: [1, 0, -2])
    let (betweenMeans, betweenDeviations) = (5.0, 0.4 * (1.0 + 4.0))
    let expected = betweenMeans + betweenDeviations
    let distance = frechetDistance(FeatureStatistics(a), FeatureStatistics(b))
    #expect(abs(distance - expected) < 1e-12)
  }

  /// Also with a singular covariance: a set in a plane of a three-dimensional space.
  @Test func frechetDistanceOfASetToItselfIsZero() {
    let flat = Philox(seed: 1).normals(40, a: 0, b: 0, stream: 1)
    let set = (0..<20).map { (i: Int) -> [Double] in
      let (a, b) = (flat[2 * i], flat[2 * i + 1])
      return [a, b, a - b]
    }
    let statistics = FeatureStatistics(set)
    #expect(abs(frechetDistance(statistics, statistics)) < 1e-4)
  }

  /// Full covariances: rotating both sets together must change nothing.
  @Test func frechetDistanceIsInvariantUnderRotation() {
    func set(_ n: UInt32, _ stretch: [Double]) -> [[Double]] {
      (0..<50).map { (i: Int) -> [Double] in
        let x = Philox(seed: 2).normals(3, a: n, b: UInt32(i), stream: 2)
        return [x[0] * stretch[0], x[1] * stretch[1], x[2] * stretch[2]]
      }
    }
    func turned(_ x: [[Double]]) -> [[Double]] {
      x.map { (v: [Double]) -> [Double] in
        let (a, b) = (0.6 * v[0] - 0.8 * v[1], 0.8 * v[0] + 0.6 * v[1])
        return [a, b, v[2]]
      }
    }
    let (a, b) = (set(0, [1, 2, 3]), set(1, [3, 1, 1]))
    let straight = frechetDistance(FeatureStatistics(a), FeatureStatistics(b))
    let rotated = frechetDistance(FeatureStatistics(turned(a)), FeatureStatistics(turned(b)))
    #expect(straight > 1)
    #expect(abs(straight - rotated) < 1e-9 * straight)
  }

  @Test func featuresTellSharpFromBlurred() {
    let features = RandomFeatures(on: Device(threads: 1))
    let noise = Philox(seed: 3).uniforms(30 * 16 * 16 * 3, a: 0, b: 0, stream: 3)
    func bytes(_ contrast: Double) -> [[Double]] {
      let pixels = noise.map { UInt8(128 + contrast * 127 * ($0 - 0.5)) }
      return pixels.withUnsafeBytes {
        features.features(of: $0, count: 30, size: 16, channels: 3)
      }
    }
    let (sharp, soft) = (bytes(1), bytes(0.5))
    #expect(sharp[0].count == RandomFeatures.count)
    let labels = (0..<30).map { $0 % 2 }
    let reference = LabelledFeatures(features: sharp, labels: labels)
    let figures = frechetFigures(
      drawn: LabelledFeatures(features: soft, labels: labels), reference: reference,
      classes: ["even", "odd", "empty"])
    #expect(figures.map(\.scope) == ["overall", "even", "odd"])
    #expect(figures.map(\.images) == [30, 15, 15])
    #expect(figures.allSatisfy { $0.value > 1 })
    let same = frechetFigures(drawn: reference, reference: reference, classes: [])
    #expect(abs(same[0].value) < 1e-4)
  }

  @Test func peakSignalToNoiseIsClampedAndPooled() {
    let device = Device(threads: 1)
    var psnr = PeakSignalToNoise()
    psnr.add(
      reconstruction: Tensor([3, 0.5] as [Double], [2], on: device),
      original: Tensor([1, 0.5] as [Double], [2], on: device))
    #expect(psnr.decibels == .infinity)
    psnr.add(
      reconstruction: Tensor([0.2, 0] as [Double], [2], on: device),
      original: Tensor([0, 0] as [Double], [2], on: device))
    #expect(abs(psnr.decibels - 26.0206) < 1e-4)
  }
}
