// Settings that are allowed and seldom meant.

import Files

extension RunFile {
  /// A sentence for each of them, for the person who submits.
  package var remarks: [String] {
    var remarks = arms.compactMap(\.configuration.training.remark)
    if data.validation.share > 0.5 {
      remarks.append(
        "data.validation.share: \(shortestDecimal(data.validation.share)) holds out more images than it leaves to "
          + "train on; \(shortDecimal(1 - data.validation.share)) would hold out the rest")
    }
    return remarks.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
  }
}

extension TrainingConfiguration {
  /// A warm-up that does not end.
  fileprivate var remark: String? {
    guard epochs == nil, warmup > total else { return nil }
    let reached = lr * Double(total) / Double(warmup)
    return
      "training.warmup: \(warmup) steps are more than training.total, \(total): the learning rate comes to "
      + "\(shortDecimal(reached, digits: 3)) and not to training.lr, \(shortestDecimal(lr)); give fewer"
  }
}
