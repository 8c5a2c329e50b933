// The time of a drawing by kind of operation, beside the machine's limits.

import PRAModel
import Sampling
import Tensor
import Training

/// `rounds` drawings of a batch after one that warms up, as a table.
@MainActor func profiledDraws() throws -> String {
  let (configuration, classes) = try configuration()
  let model = try PRAModel(configuration, classes: classes, on: device)
  let sampler = Sampler(model, configuration.sampling)
  func draw() throws {
    _ = try sampler.patches(Array(0..<batch), labels: (0..<batch).map { $0 % classes })
  }
  try draw()
  var spent = 0.0
  let rows = try device.profiled { spent = try seconds { for _ in 0..<rounds { try draw() } } }
  return MachineLimits(of: device, model.products)
    .table(rows, rounds: rounds, seconds: spent / Double(rounds))
}
