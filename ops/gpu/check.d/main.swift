// Checks of a GPU: its kernels, training and sampling on it, and their speed.

import Configuration
import Glibc

let usage = """
  usage: gpu-check kernels [--seeds N] [--size N] [--first SEED] [--only OPERATION,...] [--type TYPE]
           every operation on the device of PRA_DEVICE against a CPU in float64
         gpu-check compile ARCHITECTURE FOLDER
           compiles all kernels, as for sm_90a, without a GPU
         gpu-check methods [--model MODEL] [--steps N] [--only METHOD]
           losses of every method on the device beside those of a CPU
         gpu-check train FOLDER [--model MODEL] [--steps N] [--kill STEP]
           goes on from FOLDER's checkpoint, and prints the digest of the last
         gpu-check images [--model MODEL] [--images N]
           bytes of images in batches of several sizes and in shards
         gpu-check training [--model MODEL] [--steps N] [--batch N] [--seconds S] [--precision P] [--lpips]
         gpu-check sampling [--model MODEL] [--batch N] [--seconds S] [--precision P]
           images per second, as a row of JSON
         gpu-check touch
           reads memory of the device as the host must not
  --batch N sets the images of a step. MODEL is one of \(Subject.names).
  """

func refuse(_ reason: String) -> Never {
  print("gpu-check: \(reason)\n\(usage)")
  exit(64)
}

/// The options of a command: words after names with two dashes.
struct Options {
  private var words: [String]

  init(_ words: [String]) { self.words = words }

  mutating func text(_ name: String) -> String? {
    guard let at = words.firstIndex(of: name) else { return nil }
    guard at + 1 < words.count else { refuse("\(name): expected a value") }
    defer { words.removeSubrange(at...at + 1) }
    return words[at + 1]
  }
  mutating func number(_ name: String) -> Int? {
    guard let text = text(name) else { return nil }
    guard let number = Int(text), number >= 0 else {
      refuse("\(name): found '\(text)', expected a number from 0")
    }
    return number
  }
  mutating func flag(_ name: String) -> Bool {
    guard let at = words.firstIndex(of: name) else { return false }
    words.remove(at: at)
    return true
  }
  mutating func subject() -> Subject {
    let name = text("--model") ?? "tiny"
    guard var subject = Subject(name) else {
      refuse("--model: found '\(name)', expected one of \(Subject.names)")
    }
    if let name = text("--precision") {
      guard let precision = Precision(rawValue: name) else {
        refuse("--precision: found '\(name)', expected fp32 or bf16")
      }
      subject.configuration.training.precision = precision
    }
    if flag("--lpips") {
      (subject.configuration.loss.lpips, subject.configuration.loss.lpipsFile) = (1, ["random"])
    }
    if let batch = number("--batch") { subject.configuration.training.batch = max(batch, 1) }
    return subject
  }
  /// Refuses words that nobody has asked for.
  func end() {
    if let word = words.first { refuse("found '\(word)'") }
  }
}

/// Runs the command of the program's arguments.
/// - Returns: the exit code
func run(_ arguments: [String]) throws -> Int32 {
  var options = Options(Array(arguments.dropFirst()))
  switch arguments.first {
  case "kernels":
    let (seeds, size) = (options.number("--seeds") ?? 3, options.number("--size") ?? 70)
    let (first, only) = (options.number("--first") ?? 1, options.text("--only"))
    let type = options.text("--type")
    options.end()
    return checkKernels(seeds: seeds, size: size, first: first, only: only, type: type)
  case "compile" where arguments.count == 3:
    return compileKernels(arguments[1], into: arguments[2])
  case "methods":
    let (subject, steps) = (options.subject(), options.number("--steps") ?? 10)
    let only = options.text("--only")
    options.end()
    return try compareMethods(subject, steps: steps, only: only)
  case "train" where arguments.count > 1:
    options = Options(Array(arguments.dropFirst(2)))
    let (subject, steps) = (options.subject(), options.number("--steps") ?? 20)
    let death = options.number("--kill")
    options.end()
    print(try trainInto(arguments[1], subject, steps: steps, death: death))
    return 0
  case "images":
    let (subject, images) = (options.subject(), options.number("--images") ?? 10)
    options.end()
    return try compareBatches(subject, images: images, batches: [1, 7, 64])
  case "training":
    let (steps, limit) = (options.number("--steps") ?? 20, options.number("--seconds") ?? 60)
    var subject = options.subject()
    options.end()
    // Activations of so many images fit beside the largest model.
    subject.configuration.training.microBatch = min(subject.configuration.training.batch, 32)
    try measureTraining(subject, steps: steps, limit: Double(limit))
    return 0
  case "sampling":
    let (batch, limit) = (options.number("--batch") ?? 64, options.number("--seconds") ?? 20)
    var subject = options.subject()
    options.end()
    (subject.configuration.sampling.method, subject.configuration.sampling.scale) = (.sde, 2)
    if subject.name != "tiny" { subject.configuration.sampling.steps = 100 }
    try measureSampling(subject, batch: max(batch, 1), limit: Double(limit))
    return 0
  case "touch": touchDeviceMemory()
  default: refuse("found \(arguments.first.map { "'\($0)'" } ?? "nothing"), expected a command")
  }
}

do {
  exit(try run(Array(CommandLine.arguments.dropFirst())))
} catch {
  print("gpu-check: \(error)")
  exit(1)
}
