// Checks of settings that must fit each other.

extension ModelConfiguration {
  /// Checks the configuration as a whole. Settings that a method cannot use are refused by the
  /// model.
  /// - Throws: `ConfigurationError` naming the keys, their values and what would be right
  package func validate() throws {
    try validateSizes()
    try validateTraining()
    try validateSampling()
  }

  private func require(_ condition: Bool, _ message: @autoclosure () -> String) throws {
    if !condition { throw ConfigurationError(message()) }
  }

  private func validateSizes() throws {
    try require(
      image.channels != 2, "image.channels: found 2, expected 1 (gray) or 3 (RGB)")
    try require(
      image.size % image.patch == 0,
      "image.size: \(image.size) is not divisible by image.patch \(image.patch)")
    try require(
      trunk.width % trunk.heads == 0,
      "trunk.width: \(trunk.width) is not divisible by trunk.heads \(trunk.heads)")
    let headDim = trunk.width / trunk.heads
    try require(
      headDim % 4 == 0,
      "trunk.width: \(trunk.width) over trunk.heads \(trunk.heads) gives heads of \(headDim); "
        + "rotary positions need a multiple of 4")
    try require(
      head.blocks % head.groups == 0,
      "head.groups: \(head.groups) does not divide head.blocks \(head.blocks)")
    try requireEven(head.width, "head.width")
    switch encoder.context {
    case .image:
      try requireHeads(encoder.width, encoder.headDim, section: "encoder")
    case .hidden, .none:
      try requireEven(encoder.width, "encoder.width")
    }
    switch decoder.context {
    case .causal:
      try requireHeads(decoder.width, decoder.headDim, section: "decoder")
    case .hidden, .none:
      try requireEven(decoder.width, "decoder.width")
    }
  }

  private func requireEven(_ width: Int, _ key: String) throws {
    try require(
      width % 2 == 0,
      "\(key): \(width) is odd; residual blocks have 3/2 of it as inner width, so it must be even")
  }

  private func requireHeads(_ width: Int, _ headDim: Int, section: String) throws {
    try require(
      headDim % 4 == 0,
      "\(section).head_dim: \(headDim) is not a multiple of 4, which rotary positions need")
    try require(
      width % headDim == 0,
      "\(section).width: \(width) is not divisible by \(section).head_dim \(headDim)")
  }

  private func validateTraining() throws {
    try require(
      training.lrMin <= training.lr,
      "training.lr_min: \(shortestDecimal(training.lrMin)) is above training.lr \(shortestDecimal(training.lr))"
    )
    try require(
      Set(training.ema).count == training.ema.count,
      "training.ema: [\(training.ema.map(shortestDecimal).joined(separator: ", "))] names a decay twice"
    )
    if let crop = training.crop {
      try require(
        crop[0] <= crop[1],
        "training.crop: the first number, \(shortestDecimal(crop[0])), is above the second, \(shortestDecimal(crop[1]))"
      )
    }
    if let part = training.microBatch {
      try require(
        part <= training.batch,
        "training.micro_batch: \(part) is above training.batch \(training.batch)")
    }
    try validateRanks()
    let stop = training.stop.metric
    if !stop.isEmpty { try MetricSeries.check(stop, at: "training.stop.metric", of: self) }
    if training.keep.best > 0 {
      try MetricSeries.check(training.keep.metric, at: "training.keep.metric", of: self)
    }
    if loss.lpips > 0 {
      try require(
        method.hasStates,
        "loss.lpips: has no effect with method \(method.rawValue), which reconstructs nothing; set "
          + "it to 0")
      try require(
        !loss.lpipsFile.isEmpty,
        "loss.lpips_file: loss.lpips is \(shortestDecimal(loss.lpips)), which needs the file with "
          + "the weights of VGG-16 and LPIPS; name it, or set loss.lpips to 0")
      try require(
        image.channels == 3, "loss.lpips: needs image.channels 3, found \(image.channels)")
      try require(
        image.size >= 16, "loss.lpips: needs image.size of at least 16, found \(image.size)")
    } else {
      try require(
        loss.lpipsFile.isEmpty, "loss.lpips_file: has no effect while loss.lpips is 0")
    }
  }

  private func validateSampling() throws {
    let known = ["model"] + training.ema.map { "ema-\(shortestDecimal($0))" }
    try require(
      known.contains(sampling.weights),
      "sampling.weights: found '\(sampling.weights)', expected one of "
        + "\(known.joined(separator: ", ")) (the averages are those of training.ema)")
  }
}
