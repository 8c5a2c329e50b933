// The compute core against the clock. Rounds of `step` and `sample` are called in turns with a peer
// by ops/bench/compute; `products` compares with OpenBLAS in one process.
//
//   bench-compute {products,step,sample} [--threads N] [--rounds N]

import COpenBLAS
import Configuration
import PRAModel
import Sampling
import Tensor
import Training

let clock = ContinuousClock()

func seconds(_ body: () throws -> Void) rethrows -> Double {
  let spent = try clock.measure(body).components
  return Double(spent.seconds) + Double(spent.attoseconds) * 1e-18
}

func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

func option(_ name: String, _ otherwise: Int) -> Int {
  let arguments = CommandLine.arguments
  guard let at = arguments.firstIndex(of: "--\(name)"), at + 1 < arguments.count else {
    return otherwise
  }
  guard let value = Int(arguments[at + 1]), value > 0 else {
    fatalError("--\(name): \(arguments[at + 1]); expected a positive number")
  }
  return value
}

func text(_ name: String, _ otherwise: String) -> String {
  let arguments = CommandLine.arguments
  guard let at = arguments.firstIndex(of: "--\(name)"), at + 1 < arguments.count else {
    return otherwise
  }
  return arguments[at + 1]
}

func fixed(_ x: Double, _ digits: Int) -> String {
  var scale = 1.0
  for _ in 0..<digits { scale *= 10 }
  let rounded = (x * scale).rounded() / scale
  return String(rounded)
}

/// y = x W' for rows x in -> out, ours and OpenBLAS in turns.
func product(rows: Int, inputs: Int, outputs: Int, device: Device, rounds: Int) {
  let random = Philox(seed: 1)
  let x = Tensor(random.normals(rows * inputs, a: 0, b: 0, stream: 0), [rows, inputs], on: device)
  let w = Tensor(
    random.normals(outputs * inputs, a: 1, b: 0, stream: 0), [outputs, inputs], on: device)
  let y = Tensor(uninitialized: [rows, outputs], on: device)
  let repeats = max(1, 200_000_000 / (rows * inputs * outputs))
  func ours() {
    for _ in 0..<repeats {
      matrixProduct(
        into: Matrix(y), Matrix(x), Matrix(w).transposed, m: rows, n: outputs, k: inputs)
    }
  }
  func theirs() {
    for _ in 0..<repeats {
      cblas_sgemm(
        CblasRowMajor, CblasNoTrans, CblasTrans, blasint(rows), blasint(outputs),
        blasint(inputs), 1, x.pointer.assumingMemoryBound(to: Float.self), blasint(inputs),
        w.pointer.assumingMemoryBound(to: Float.self), blasint(inputs), 0,
        y.pointer.assumingMemoryBound(to: Float.self), blasint(outputs))
    }
  }
  ours()
  theirs()
  var (mine, peer): ([Double], [Double]) = ([], [])
  for _ in 0..<rounds {
    mine.append(seconds(ours))
    peer.append(seconds(theirs))
  }
  let work = 2e-9 * Double(rows * inputs * outputs * repeats)
  print(
    "| \(rows) x \(inputs) -> \(outputs) | \(fixed(work / median(mine), 0)) GF/s "
      + "| \(fixed(work / median(peer), 0)) GF/s | \(fixed(median(peer) / median(mine), 2)) |")
}

let threads = option("threads", 1)
let rounds = option("rounds", 9)
let batch = option("batch", 64)
let device = Device(threads: threads)
openblas_set_num_threads(Int32(threads))

let work = CommandLine.arguments.dropFirst().first ?? "products"

switch work {
case "products":
  print("threads: \(threads), instructions: \(InstructionSet.best), rounds: \(rounds)\n")
  print("| product | ours | OpenBLAS | ratio |\n|---|---|---|---|")
  for (rows, inputs, outputs) in [
    (1088, 128, 384), (1088, 384, 128), (4096, 128, 384), (4096, 192, 128), (128, 128, 384),
    (2176, 768, 2304), (2176, 2048, 768), (64, 768, 768),
  ] {
    product(rows: rows, inputs: inputs, outputs: outputs, device: device, rounds: rounds)
  }
case "step": row(work, try trainingSteps())
case "sample": row(work, try draws())
default: fatalError("bench-compute: '\(work)'; expected products, step or sample")
}

/// One JSON object, as the peer prints it.
@MainActor func row(_ work: String, _ times: [Double]) {
  let all = times.map { String($0) }.joined(separator: ",")
  print(
    "{\"work\":\"\(work)\",\"seconds\":\(median(times)),\"threads\":\(threads),"
      + "\"memory_mib\":\(device.reservedBytes >> 20),\"rounds\":[\(all)]}")
}

/// The preset to measure, without LPIPS: its weights are not part of the repository.
@MainActor func configuration() throws -> (ModelConfiguration, classes: Int) {
  let name = text("preset", "nano")
  guard let preset = Preset(rawValue: name) else { fatalError("--preset: no preset \(name)") }
  var configuration = preset.configuration
  configuration.loss.lpips = 0
  if text("precision", "fp32") == "bf16" { configuration.training.precision = .bf16 }
  configuration.sampling.method = .euler
  configuration.sampling.steps = 25
  configuration.sampling.scale = 2
  return (configuration, preset.configuration.image.size == 256 ? 1000 : 9)
}

/// Seconds of complete training steps, data in memory.
@MainActor func trainingSteps() throws -> [Double] {
  let (configuration, classes) = try configuration()
  let trainer = Trainer(try PRAModel(configuration, classes: classes, on: device))
  let side = configuration.image.size
  let pixels = Philox(seed: 5).uniforms(batch * side * side * 3, a: 0, b: 0, stream: 77)
  let y = cutIntoPatches(
    pixels.map { Float(2 * $0 - 1) }, batch: batch, sizes: trainer.model.sizes, on: device)
  let labels = (0..<batch).map { $0 % classes }
  // Two steps first: memory is reserved and caches are warm from then on.
  return try (0..<rounds + 2).map { step in
    try seconds {
      _ = try trainer.run(TrainingBatch(patches: y, labels: labels, step: step))
    }
  }.suffix(rounds)
}

/// Seconds of drawing a batch of images: 25 Euler steps a position, linear guidance.
@MainActor func draws() throws -> [Double] {
  let (configuration, classes) = try configuration()
  let model = try PRAModel(configuration, classes: classes, on: device)
  let sampler = Sampler(model, configuration.sampling)
  return try (0..<rounds + 1).map { _ in
    try seconds {
      _ = try sampler.patches(Array(0..<batch), labels: (0..<batch).map { $0 % classes })
    }
  }.suffix(rounds)
}
