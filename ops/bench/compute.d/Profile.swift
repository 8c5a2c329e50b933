// The time of a step or a drawing by kind of operation, beside the machine's limits.

import PRAModel
import Sampling
import Tensor
import Training

/// `rounds` training steps after those that record and warm up.
@MainActor func profiledSteps() throws -> [ProfiledOperation] {
  let (trainer, y, labels) = try training()
  func step() throws {
    _ = try trainer.run(TrainingBatch(patches: y, labels: labels, step: trainer.step))
  }
  for _ in 0..<option("warm", 2) { try step() }
  return try device.profiled { for _ in 0..<rounds { try step() } }
}

/// `rounds` drawings of a batch after one that warms up.
@MainActor func profiledDraws() throws -> [ProfiledOperation] {
  let (configuration, classes) = try configuration()
  let sampler = Sampler(
    try PRAModel(configuration, classes: classes, on: device), configuration.sampling)
  func draw() throws {
    _ = try sampler.patches(Array(0..<batch), labels: (0..<batch).map { $0 % classes })
  }
  try draw()
  return try device.profiled { for _ in 0..<rounds { try draw() } }
}

/// GB/s of a copy that fits no cache, read and written.
@MainActor func copyRate() -> Double {
  let x = Tensor(repeating: 1, [64 << 20], on: device)
  let y = Tensor(repeating: 0, [64 << 20], on: device)
  return (0..<5).map { _ in 2e-9 * Double(x.byteCount) / seconds { y.copy(from: x) } }.max()!
}

func padded(_ text: String, _ width: Int) -> String {
  String(repeating: " ", count: max(0, width - text.count)) + text
}

func rounded(_ x: Double, _ digits: Int) -> String {
  var scale = 1.0
  for _ in 0..<digits { scale *= 10 }
  let whole = String(Int((x * scale).rounded()))
  guard digits > 0 else { return whole }
  let filled = String(repeating: "0", count: max(0, digits + 1 - whole.count)) + whole
  return "\(filled.dropLast(digits)).\(filled.suffix(digits))"
}

/// Prints a line for every kind of operation, the slowest first, for one of `rounds` rounds.
@MainActor func printProfile(_ rows: [ProfiledOperation], rounds: Int) {
  let (products, memory) = (productRates(device, precision, rounds: 3).max()!, copyRate())
  let all = rows.reduce(0) { $0 + $1.seconds }
  print(
    "limits measured beside: products \(rounded(products, 0)) GF/s (\(precision)), "
      + "copies \(rounded(memory, 1)) GB/s")
  print(
    padded("operation", 40)
      + ["runs", "ms", "share", "GF/s", "of products", "GB/s", "of copies"]
      .map { padded($0, 12) }.joined())
  for row in rows {
    let (rate, moved) = (1e-9 * row.operations / row.seconds, 1e-9 * row.bytes / row.seconds)
    let cells = [
      "\(row.count / rounds)", rounded(1e3 * row.seconds / Double(rounds), 3),
      "\(rounded(100 * row.seconds / all, 1)) %", rounded(rate, 1),
      "\(rounded(100 * rate / products, 0)) %", rounded(moved, 1),
      "\(rounded(100 * moved / memory, 0)) %",
    ]
    print(padded(row.name, 40) + cells.map { padded($0, 12) }.joined())
  }
  print(
    padded("all operations", 40) + padded("", 12)
      + padded(rounded(1e3 * all / Double(rounds), 3), 12))
}
