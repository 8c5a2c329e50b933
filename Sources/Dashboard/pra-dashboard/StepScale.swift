// The horizontal axis of a chart, for one training.

import Pages

/// The horizontal axis of charts.
enum Axis: String, CaseIterable {
  case step, since, images, hours

  /// As it stands below a chart.
  var title: String {
    switch self {
    case .step: "step"
    case .since: "steps since start"
    case .images: "images seen"
    case .hours: "hours at work"
    }
  }
}

/// The place of each step of one training on an axis. It rises with the step.
struct StepScale {
  /// Steps from one to before the next piece's, spread evenly from one place to another.
  struct Piece {
    let step: Double
    let end: Double
    let from: Double
    let to: Double
  }

  /// At least one, by their steps.
  private let pieces: [Piece]

  init(factor: Double, first: Double = 0) {
    pieces = [Piece(step: first, end: first + 1, from: 0, to: factor)]
  }

  /// Hours at work: the times of all attempts, one after another, those that were lost as well. The steps of an attempt
  /// are spread evenly over its time.
  ///
  /// - Parameter attempts: rows of `RunQueries.hours` of one job, by their epochs
  init(attempts: [Record]) {
    var own: [Int64: Piece] = [:]
    var before: [Int64: Int64] = [:]
    var newest: Int64?
    var spent = 0.0
    for attempt in attempts {
      let hours = max(0, attempt.number("seconds") ?? 0) / 3600
      if let epoch = attempt.integer("epoch"), let step = attempt.number("from_step") {
        let end = max(step, attempt.number("high_water") ?? step) + 1
        own[epoch] = Piece(step: step, end: end, from: spent, to: spent + hours)
        before[epoch] = attempt.integer("continues_epoch")
        newest = epoch
      }
      spent += hours
    }
    var lineage: [Piece] = []
    while let epoch = newest, let piece = own.removeValue(forKey: epoch) {
      // Work that was done again from an earlier step is in no curve.
      if piece.step < lineage.last?.step ?? .infinity { lineage.append(piece) }
      newest = before[epoch]
    }
    pieces =
      lineage.isEmpty ? [Piece(step: 0, end: 1, from: 0, to: 0)] : Array(lineage.reversed())
  }

  func position(_ step: Double) -> Double {
    let piece = pieces.last { $0.step <= step } ?? pieces[0]
    return piece.from + (step - piece.step) / (piece.end - piece.step) * (piece.to - piece.from)
  }

  /// The first whole step, up to `last` + 1, whose place is not before a place.
  func step(at place: Double, last: Int64) -> Int64 {
    var (low, high) = (Int64(0), max(0, last) + 1)
    while low < high {
      let middle = low + (high - low) / 2
      if position(Double(middle)) >= place { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
