// Training on the device beside a CPU, and training that is killed.

import Configuration
import Digest
import Files
import Glibc
import PRAModel
import Sampling
import Tensor
import Training

/// Trains every method for some steps on the device and on a CPU, and prints the largest difference of
/// losses, as a share of them, at the first and the last step.
/// - Parameter only: the method that is trained; all without it
/// - Returns: the exit code
func compareMethods(_ subject: Subject, steps: Int, only: String?) throws -> Int32 {
  var failures = 0
  for method in Method.allCases where only == nil || only == method.rawValue {
    var subject = subject
    subject.configuration.method = method
    var losses: [[Double]] = []
    for device in [Device(threads: 2), Device(threads: 2, kind: .cpu)] {
      let trainer = try subject.trainer(on: device)
      losses.append(
        try (0..<steps).map { step in
          try trainer.run(subject.batch(step, for: trainer)).values[0].value
        })
    }
    let differences = zip(losses[0], losses[1]).map { abs($0 - $1) / max(abs($1), 1e-9) }
    // The first loss is of equal weights; later ones of weights that Adam has moved by signs of gradients.
    // A CPU may multiply in float32 where bfloat16 is asked for: 8 bits of significand are 4e-3.
    let (first, most) =
      subject.configuration.training.precision == .bf16 ? (4e-3, 2e-2) : (1e-5, 1e-3)
    let agrees = differences[0] <= first && differences.allSatisfy { $0 <= most }
    if !agrees { failures += 1 }
    print(
      "\(agrees ? "ok  " : "FAIL") \(method.rawValue): losses \(losses[0][0]) ... \(losses[0].last!), off by "
        + "\(differences[0]) at first, \(differences.max()!) at most")
  }
  return failures == 0 ? 0 : 1
}

/// Trains on the device from the checkpoint in a folder, if there is one, and writes one after every fifth
/// step.
/// - Parameter death: the step during which the process kills itself
/// - Returns: the digest of weights, moments and averages after the last step
func trainInto(_ folder: String, _ subject: Subject, steps: Int, death: Int?) throws -> String {
  let trainer = try subject.trainer(on: Device(threads: 2))
  let current = "\(folder)/current"
  if access("\(current)/\(CheckpointFile.state)", R_OK) == 0 {
    try trainer.restore(from: current, dataFingerprint: "check")
  }
  while trainer.step < steps {
    let batch = subject.batch(trainer.step, for: trainer)
    if trainer.step == death { kill(getpid(), SIGKILL) }
    _ = try trainer.run(batch)
    if trainer.step % 5 == 0 || trainer.step == steps {
      let next = "\(folder)/\(trainer.step)"
      mkdir(next, 0o777)
      _ = try trainer.writeCheckpoint(
        to: next, trainer.state(codeVersion: "check", dataFingerprint: "check"))
      unlink(current)
      symlink(String(trainer.step), current)
    }
  }
  var digest = SHA256()
  for name in [CheckpointFile.model, CheckpointFile.optimizer] {
    let file = try MappedFile("\(current)/\(name)")
    withExtendedLifetime(file) { digest.update(file.bytes) }
  }
  return digest.hexadecimal()
}

/// Draws images on the device in batches of several sizes and in shards, and compares their bytes.
/// - Returns: the exit code
func compareBatches(_ subject: Subject, images: Int, batches: [Int]) throws -> Int32 {
  let device = Device(threads: 2)
  let model = try PRAModel(subject.configuration, classes: subject.classes, on: device)
  func drawn(_ numbers: Range<Int>, batch: Int) throws -> [[UInt8]] {
    var images: [[UInt8]] = []
    try Sampler.images(
      numbers, model: model, configuration: subject.configuration.sampling, batch: batch
    ) { images.append($0.pixels) }
    return images
  }
  let whole = try drawn(0..<images, batch: batches[0])
  var failures = 0
  for batch in batches.dropFirst() where try drawn(0..<images, batch: batch) != whole {
    print("FAIL images of batches of \(batch) differ from those of batches of \(batches[0])")
    failures += 1
  }
  let middle = images / 2
  if try drawn(middle..<images, batch: batches.last!) != Array(whole[middle...]) {
    print("FAIL images of a shard differ")
    failures += 1
  }
  let varied = Set(whole).count == images && whole.allSatisfy { Set($0).count > 1 }
  if !varied { print("FAIL images are not different pictures") }
  print("\(images) images in batches of \(batches) and in shards: \(failures) differ")
  return failures == 0 && varied ? 0 : 1
}
