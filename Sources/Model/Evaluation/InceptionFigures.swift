// The figures by which generated images are compared, in the conventions of two tools.

import Inception
import Tensor

/// The tool whose definition a figure follows. A figure that only one tool defines is named after
/// it.
package enum Convention: String, Sendable, CaseIterable {
  /// guided-diffusion, evaluations/evaluator.py: FID, sFID, IS in the order of the images, precision
  /// and recall.
  case adm
  /// torch-fidelity 0.4: FID, IS after a shuffle, KID, precision and recall.
  case torchFidelity = "torch-fidelity"
}

/// The statistics and features that drawn images are compared with.
package struct InceptionReference {
  /// Statistics of pool_3.
  package let pool: FeatureStatistics
  /// Statistics of the first seven channels of mixed_6/conv; nil if the reference has none.
  package let spatial: FeatureStatistics?
  /// pool_3 of the images that precision, recall and KID compare with; nil if there are none.
  package let features: FeatureTable?

  package init(pool: FeatureStatistics, spatial: FeatureStatistics?, features: FeatureTable?) {
    (self.pool, self.spatial, self.features) = (pool, spatial, features)
  }
}

/// One figure in one convention.
package struct InceptionFigure: Sendable, Equatable {
  package enum Metric: String, Sendable {
    case fid, sfid
    case score = "is"
    case precision, recall, kid
  }

  package let metric: Metric
  package let convention: Convention
  package let value: Double
  /// Standard deviation over the parts of a score or the subsets of KID.
  package let deviation: Double?
  /// Number of images in the reference; nil for a score, which has no reference, and if the number
  /// is not known.
  package let referenceImages: Int?

  /// A name such as `fid.adm`.
  package var name: String { "\(metric.rawValue).\(convention.rawValue)" }
}

/// A figure that could not be computed, with the reason in a sentence: something that the reference
/// lacks, or too few images.
package struct LeftOut: Sendable, Equatable {
  package let metric: InceptionFigure.Metric
  package let reason: String
}

/// All figures that the reference allows.
/// - Parameters:
///   - drawn: rows of `layout`, at least two
///   - progress: called with the name of the work and the share done; may throw to stop
package func inceptionFigures(
  drawn: FeatureTable, layout: InceptionLayout, reference: InceptionReference,
  conventions: [Convention], on device: Device,
  progress: (_ work: String, _ share: Double) throws -> Void = { _, _ in }
) throws -> (figures: [InceptionFigure], leftOut: [LeftOut]) {
  var figures: [InceptionFigure] = []
  var leftOut: [LeftOut] = []
  func add(
    _ metric: InceptionFigure.Metric, _ convention: Convention, _ value: Double,
    deviation: Double? = nil, reference: Int? = nil
  ) {
    guard conventions.contains(convention) else { return }
    figures.append(
      InceptionFigure(
        metric: metric, convention: convention, value: value, deviation: deviation,
        referenceImages: reference))
  }
  func distance(
    _ work: String, _ columns: Range<Int>, to wanted: FeatureStatistics
  ) throws -> Double {
    let moments = try FeatureStatistics(drawn, columns: columns) {
      try progress(work, Double($0) / Double(drawn.count) / 2)
    }
    defer { try? progress(work, 1) }
    return withOneBLASThread { frechetDistance(moments, wanted) }
  }

  let fid = try distance("fid", layout.pool, to: reference.pool)
  for convention in Convention.allCases {
    add(.fid, convention, fid, reference: reference.pool.count)
  }
  if conventions.contains(.adm) {
    if let spatial = reference.spatial {
      let value = try distance("sfid", layout.spatial, to: spatial)
      add(.sfid, .adm, value, reference: spatial.count)
    } else {
      leftOut.append(LeftOut(metric: .sfid, reason: "the reference has no mu_s and sigma_s"))
    }
  }

  if conventions.contains(.adm) {
    let score = InceptionScore(adm: drawn, columns: layout.logits)
    add(.score, .adm, score.mean, deviation: score.deviation)
  }
  try progress("is", 0.5)
  if conventions.contains(.torchFidelity) {
    if drawn.count >= 10 {
      let score = InceptionScore(torchFidelity: drawn, columns: layout.logits)
      add(.score, .torchFidelity, score.mean, deviation: score.deviation)
    } else {
      leftOut.append(
        LeftOut(metric: .score, reason: "ten parts of \(drawn.count) images: too few"))
    }
  }

  guard let others = reference.features else {
    let reason = "the reference has statistics alone and no images"
    leftOut += [.precision, .recall, .kid].map { LeftOut(metric: $0, reason: reason) }
    return (figures, leftOut)
  }
  let images = min(drawn.count, others.count)
  if images > PrecisionRecall.neighbours {
    let result = try PrecisionRecall(
      drawn: drawn, reference: others, columns: layout.pool, referenceColumns: layout.pool,
      on: device
    ) { try progress("precision and recall", $0) }
    for convention in Convention.allCases {
      add(.precision, convention, result.precision, reference: others.count)
      add(.recall, convention, result.recall, reference: others.count)
    }
  } else {
    leftOut += [.precision, .recall].map {
      LeftOut(metric: $0, reason: "more than three images a side are needed; there are \(images)")
    }
  }
  guard conventions.contains(.torchFidelity) else { return (figures, leftOut) }
  guard images >= KernelDistance.subsetSize else {
    leftOut.append(
      LeftOut(
        metric: .kid,
        reason: "\(KernelDistance.subsetSize) images a side are needed; there are \(images)"))
    return (figures, leftOut)
  }
  let kid = try KernelDistance(
    drawn: drawn, reference: others, columns: layout.pool, referenceColumns: layout.pool,
    on: device
  ) { try progress("kid", Double($0) / Double(KernelDistance.subsets)) }
  add(.kid, .torchFidelity, kid.mean, deviation: kid.deviation, reference: others.count)
  return (figures, leftOut)
}
