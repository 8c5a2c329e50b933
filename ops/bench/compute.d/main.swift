// Speed of the compute core: one measurement series per call, printed as one JSON row, like
// peer.py's. ops/bench/compute calls both in turns.
//
//   bench-compute {step,sample,limit} [--preset P] [--batch B] [--threads N] [--rounds R]
//                 [--precision fp32|bf16] [--warm W] [--micro-batch M] [--recompute] [--lpips]
//   bench-compute {step,sample} --profile ...     time, operations and bytes by kind of operation
//   bench-compute products [--threads N] [--rounds R]     ours and OpenBLAS's, a row each

import AllocationCount
import COpenBLAS
import Configuration
import PRAModel
import Sampling
import Tensor
import Training

#if canImport(Glibc)
  import Glibc
#endif

func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

/// Ends the program with a message that says what is wrong, and what would be right.
func refuse(_ message: String) -> Never {
  let line = Array("bench-compute: \(message)\n".utf8)
  _ = write(STDERR_FILENO, line, line.count)
  exit(2)
}

/// Refuses words that are no option: they would have no effect on the measurement.
func checkOptions() {
  let valued = ["preset", "batch", "threads", "rounds", "precision", "warm", "micro-batch"]
  let known = Set(valued.map { "--\($0)" })
  var words = CommandLine.arguments.dropFirst(2)
  while let word = words.popFirst() {
    if ["--recompute", "--lpips", "--profile"].contains(word) { continue }
    guard known.contains(word) else {
      let all = known.sorted().joined(separator: ", ")
      refuse("'\(word)'; expected --recompute, --lpips, --profile or \(all)")
    }
    guard words.popFirst() != nil else { refuse("\(word): expected a value") }
  }
}

func text(_ name: String, _ otherwise: String) -> String {
  let arguments = CommandLine.arguments
  guard let at = arguments.firstIndex(of: "--\(name)"), at + 1 < arguments.count else {
    return otherwise
  }
  return arguments[at + 1]
}

func option(_ name: String, _ otherwise: Int) -> Int {
  guard let value = Int(text(name, String(otherwise))), value > 0 else {
    refuse("--\(name): \(text(name, "")); expected a positive number")
  }
  return value
}

checkOptions()
let threads = option("threads", 1)
let rounds = option("rounds", 9)
let batch = option("batch", 64)
let precision = text("precision", "fp32")
if !["fp32", "bf16"].contains(precision) {
  refuse("--precision: \(precision); expected fp32 or bf16")
}
let presetName = text("preset", "nano")
let device = Device(threads: threads)
openblas_set_num_threads(Int32(threads))

let profiles = CommandLine.arguments.contains("--profile")
let work = CommandLine.arguments.dropFirst().first ?? "products"

switch work {
case "products": timeProducts(device, rounds: rounds)
case "limit": limits()
case "step" where profiles:
  print(try synthetic().profile(steps: rounds, warm: option("warm", 2)))
case "sample" where profiles: print(try profiledDraws())
case "step":
  let (times, operations, allocations) = try trainingSteps()
  row(times: times, operations: operations, allocations: allocations)
case "sample":
  let (times, operations, bytes) = try draws()
  row(times: times, operations: operations, bytes: bytes)
default: refuse("'\(work)'; expected step, sample, limit or products")
}

/// Peak resident memory of this process in MiB.
func peakMemory() -> Int {
  var usage = rusage()
  getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
  return usage.ru_maxrss >> 10
}

@MainActor func row(
  times: [Double], operations: Double, allocations: Int? = nil, bytes: Double? = nil
) {
  let all = times.map { String($0) }.joined(separator: ",")
  print(
    "{\"work\":\"\(work)\",\"preset\":\"\(presetName)\",\"batch\":\(batch),"
      + "\"precision\":\"\(precision)\",\"seconds\":\(median(times)),\"gflop\":\(operations * 1e-9),"
      + (allocations.map { "\"allocations\":\($0)," } ?? "")
      + (bytes.map { "\"gbytes\":\($0 * 1e-9)," } ?? "")
      + "\"threads\":\(threads),\"memory_mib\":\(peakMemory()),\"rounds\":[\(all)]}")
}

@MainActor func limits() {
  let products = productRates(device, precision, rounds: rounds).max()!
  let memory = MachineLimits(of: device, .full, rounds: rounds).memory
  print(
    "{\"work\":\"limit\",\"precision\":\"\(precision)\",\"threads\":\(threads),"
      + "\"gflops\":\(products),\"gbytes_per_second\":\(memory * 1e-9)}")
}

/// The preset to measure, without LPIPS unless it is asked for.
@MainActor func configuration() throws -> (ModelConfiguration, classes: Int) {
  guard let preset = Preset(rawValue: presetName) else {
    let names = Preset.allCases.map(\.rawValue).joined(separator: ", ")
    refuse("--preset: \(presetName); expected \(names)")
  }
  var configuration = preset.configuration
  if CommandLine.arguments.contains("--lpips") {
    (configuration.loss.lpips, configuration.loss.lpipsFile) = (1, ["random"])
  } else {
    configuration.loss.lpips = 0
  }
  if precision == "bf16" { configuration.training.precision = .bf16 }
  let part = option("micro-batch", batch)
  (configuration.training.batch, configuration.training.microBatch) = (batch, part)
  configuration.training.recompute = CommandLine.arguments.contains("--recompute")
  configuration.sampling.method = .euler
  configuration.sampling.steps = 25
  configuration.sampling.scale = 2
  return (configuration, preset.configuration.image.size == 256 ? 1000 : 9)
}

/// A training on random images.
@MainActor func synthetic() throws -> SyntheticTraining {
  let (configuration, classes) = try configuration()
  return try SyntheticTraining(configuration, classes: classes, on: device)
}

/// Seconds per complete training step, with the data in memory; the operations of one step, and the
/// number of heap allocations in the last.
@MainActor func trainingSteps() throws -> ([Double], operations: Double, allocations: Int) {
  let training = try synthetic()
  // Two steps first, which reserve memory and warm the caches.
  let warm = option("warm", 2)
  var (products, allocations) = (0, 0)
  let times = try (0..<rounds + warm).map { _ in
    let batch = training.nextBatch()
    products = device.multiplyAdds
    return try seconds {
      let before = allocations_of_process()
      _ = try training.trainer.run(batch)
      allocations = Int(allocations_of_process() - before)
    }
  }
  return (Array(times.suffix(rounds)), 2 * Double(device.multiplyAdds - products), allocations)
}

/// Seconds for drawing a batch of whole images, with 25 Euler steps per position and linear
/// guidance; the operations of the linear maps, of which the last shift and the output are merged;
/// and the bytes that all operations move.
@MainActor func draws() throws -> ([Double], operations: Double, bytes: Double) {
  let (configuration, classes) = try configuration()
  let model = try PRAModel(configuration, classes: classes, on: device)
  let sampler = Sampler(model, configuration.sampling)
  func draw() throws {
    _ = try sampler.patches(Array(0..<batch), labels: (0..<batch).map { $0 % classes })
  }
  let bytes = try device.profiled(draw).reduce(0) { $0 + $1.bytes }
  let times = try (0..<rounds).map { _ in try seconds(draw) }
  var perToken = 0
  for parameter in model.parameters.sorted where parameter.value.shape.count == 2 {
    let name = parameter.name
    let merged = name == "head.final_modulation.weight"
    let count = merged ? mergedShift(parameter.value) : parameter.value.count
    if ["head.time", "head.position", "trunk.class", "encoder", "norm_pix"].contains(
      where: name.hasPrefix)
    {
      continue
    }
    let halves = name.hasPrefix("decoder") ? 1 : 2
    let steps = name.hasPrefix("head.") && !name.hasPrefix("head.cond") ? 25 : 1
    perToken += count * halves * steps
  }
  /// Number of weights of the scale [w, w], and of the shift carried through the output, [k, w].
  func mergedShift(_ final: Tensor) -> Int {
    final.count / 2 + model.sizes.stateWidth * final.width
  }
  let operations = 2 * Double(perToken) * Double(batch * model.sizes.positions)
  return (times, operations, bytes)
}
