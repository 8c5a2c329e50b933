// The speed of training and sampling on the device.

import CCUDA
import Configuration
import PRAModel
import Sampling
import Tensor
import Training

private let clock = ContinuousClock()

private func seconds(_ body: () throws -> Void) rethrows -> Double {
  let spent = try clock.measure(body).components
  return Double(spent.seconds) + Double(spent.attoseconds) * 1e-18
}

/// A row of JSON: text in quotes, numbers as they are.
func row(_ fields: [(String, String)]) -> String {
  let parts = fields.map { name, value in
    Double(value) != nil || ["true", "false", "null"].contains(value)
      ? "\"\(name)\":\(value)" : "\"\(name)\":\"\(value)\""
  }
  return "{\(parts.joined(separator: ","))}"
}

/// The name of the GPU that PRA_DEVICE chooses; cpu without one.
var deviceName: String {
  guard case .cuda(let number) = DeviceKind.chosen else { return "cpu" }
  var info = cuda_device_info()
  guard cuda_device_describe(Int32(number), &info) else { return "unknown" }
  return withUnsafeBytes(of: info.name) {
    String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
  }
}

/// Prints the images per second of training, as the median of steps after the first, which record.
/// - Parameter limit: seconds after which no step begins, once one has been counted
func measureTraining(_ subject: Subject, steps: Int, limit: Double) throws {
  let device = Device(threads: 2)
  let trainer = try subject.trainer(on: device)
  let batch = subject.batch(0, for: trainer)
  var (times, operations, spent) = ([Double](), 0, 0.0)
  // A device that is slow is still measured, by one step.
  for step in 0..<steps + 3 where spent < limit || times.isEmpty {
    let next = TrainingBatch(
      patches: batch.patches, labels: (0..<batch.count).map { $0 % subject.classes }, step: step)
    let before = device.multiplyAdds
    let time = try seconds { _ = try trainer.run(next) }
    operations = device.multiplyAdds - before
    spent += time
    if step >= 3 { times.append(time) }
  }
  let median = times.sorted()[times.count / 2]
  print(
    row([
      ("check", "training"), ("model", subject.name), ("device", deviceName),
      ("precision", subject.configuration.training.precision.rawValue),
      ("lpips", "\(subject.configuration.loss.lpips > 0)"), ("batch", "\(batch.count)"),
      ("steps", "\(times.count)"), ("step_seconds", "\(median)"),
      ("images_per_second", "\(Double(batch.count) / median)"),
      ("tflops", "\(2e-12 * Double(operations) / median)"),
      ("memory_gib", "\(Double(device.reservedBytes) / 0x1p30)"),
    ]))
}

private struct TimeIsOver: Error {}

/// Prints the images per second of sampling in batches. Where the time is over before the images are whole,
/// the rate is that of the positions drawn so far.
func measureSampling(_ subject: Subject, batch: Int, limit: Double) throws {
  let model = try PRAModel(
    subject.configuration, classes: subject.classes, on: Device(threads: 2))
  let sampler = Sampler(model, subject.configuration.sampling)
  let labels = (0..<batch).map { $0 % subject.classes }
  var (done, begin) = (0.0, clock.now)
  var (counted, spent) = (0.0, 0.0)
  do {
    // The first position loads kernels and is not counted.
    _ = try sampler.patches(Array(0..<batch), labels: labels) {
      model.device.wait()
      if done == 0 { begin = clock.now } else { counted = $0 - 1 }
      done = $0
      let time = (clock.now - begin).components
      spent = Double(time.seconds) + Double(time.attoseconds) * 1e-18
      if spent > limit && counted > 0 { throw TimeIsOver() }
    }
  } catch is TimeIsOver {}
  let positions = Double(model.sizes.positions)
  let rate = counted > 0 ? Double(batch) * counted / positions / spent : nil
  print(
    row([
      ("check", "sampling"), ("model", subject.name), ("device", deviceName),
      ("precision", subject.configuration.training.precision.rawValue), ("batch", "\(batch)"),
      ("method", subject.configuration.sampling.method.rawValue),
      ("steps", "\(subject.configuration.sampling.steps)"), ("positions", "\(Int(done))"),
      ("images_per_second", rate.map { "\($0)" } ?? "null"),
    ]))
}
