// Inputs that several stages read from the store: data sets and trained models.

import Configuration
import Files
import PRAModel
import RunStore
import StageKit
import Tensor
import Training

#if canImport(Glibc)
  import Glibc
#endif

/// Names of outputs that one stage writes and another reads.
package enum OutputName {
  package static let ingestReport = "report.json"
  package static let images = "images.packed"
  package static let neighbours = "neighbours.json"
  package static let neighbourGrid = "neighbours.png"
  package static let evaluation = "evaluation.json"
  package static let features = "features.npz"
  package static let featureShard = "features.json"
  package static let reference = "reference.npz"
  package static let referenceDescription = "reference.json"
}

/// A model that a job has trained.
package struct TrainedModel {
  package let model: PRAModel
  /// Step of the checkpoint that its weights are from.
  package let step: Int64
  /// Nil for a checkpoint of a version before 0.2.
  package let classes: ClassTable?
}

extension StageSession {
  /// Fetches a stored file under a name that messages may show.
  /// - Parameters:
  ///   - argument: the argument that names the file
  ///   - name: as given by a user; `otherwise` is used if it is no plain file name
  package func fetch(
    _ argument: String, sha256: String, named name: String, otherwise: String
  ) throws -> String {
    let path = "\(scratch)/\(plainName(name, otherwise: otherwise))"
    try fetchArtifact(
      sha256: sha256, to: path, called: name.isEmpty ? argument : "\(argument): \(name)")
    return path
  }

  /// Fetches files of a job's checkpoint into a folder of their own.
  /// - Parameter isWanted: tells by a file's name whether it is read
  /// - Throws: `DamagedArtifact` if one of them does not read
  package func fetch(
    _ checkpoint: Checkpoint, ofJob job: Int64, to folder: String,
    only isWanted: (String) -> Bool = { _ in true }
  ) throws {
    call(folder, "checkpoint of job \(job)")
    guard mkdir(folder, 0o700) == 0 || errno == EEXIST else {
      throw StageFault(folder, code: errno)
    }
    for (name, artifact) in checkpoint.files where isWanted(name) {
      try fetchArtifact(
        sha256: artifact.sha256, to: "\(folder)/\(name)",
        called: "checkpoint of job \(job): \(name)")
    }
  }

  /// A model from a checkpoint in one file.
  /// - Parameters:
  ///   - name: name of the file in messages
  ///   - weights: `model` or `ema-<decay>`
  ///   - device: by default the one that the model's configuration names
  package func model(
    fromFile sha256: String, named name: String, weights: String, on device: Device? = nil
  ) throws -> TrainedModel {
    let path = try fetch(
      "weights_file", sha256: sha256, named: name, otherwise: "weights.safetensors")
    return try refusingBadInput {
      let archive = try CheckpointArchive(path: path)
      guard let state = archive.state, let classes = state.config.classes else {
        throw PermanentFailure(
          "\(name): has no configuration in its metadata; expected a file of pra export checkpoint")
      }
      let model = try PRAModel(
        state.config, classes: classes, on: device ?? self.device(ofDrawing: state.config),
        initializing: false)
      try archive.load(weights, into: model)
      return TrainedModel(model: model, step: Int64(state.step), classes: try archive.classes)
    }
  }

  /// A trained model with the weights of its last checkpoint. Of its files those that are read are fetched,
  /// and no other: moments and further averages are several times as large as one set of weights.
  /// - Parameters:
  ///   - weights: `model` or `ema-<decay>`, as in `sampling.weights`; by default those that the training
  ///     run's own configuration samples with
  ///   - step: step of the checkpoint, by default the last one
  ///   - device: by default the one that the model's configuration names
  package func trainedModel(
    ofJob job: Int, weights: String? = nil, step: Int? = nil, on device: Device? = nil
  ) throws -> TrainedModel {
    let found =
      try step.map { try checkpoint(ofJob: Int64(job), step: Int64($0)) }
      ?? latestCheckpoint(ofJob: Int64(job))
    guard let checkpoint = found else {
      throw PermanentFailure("job \(job) has no checkpoint\(step.map { " of step \($0)" } ?? "")")
    }
    let folder = "\(scratch)/checkpoint"
    do {
      try fetch(checkpoint, ofJob: Int64(job), to: folder) {
        $0 == CheckpointFile.state || $0 == ClassTable.file
      }
      return try refusingBadInput {
        let state = try CheckpointState(path: "\(folder)/\(CheckpointFile.state)")
        guard let classes = state.config.classes else {
          throw PermanentFailure("state.json: config.classes is null; expected a number")
        }
        let file = "\(weights ?? state.config.sampling.weights).safetensors"
        guard checkpoint.files[file] != nil else {
          let known = checkpoint.files.keys.filter { $0.hasSuffix(".safetensors") }.sorted()
          throw PermanentFailure(
            "sampling.weights: the checkpoint of job \(job) has no \(file); it has "
              + known.joined(separator: ", "))
        }
        try fetch(checkpoint, ofJob: Int64(job), to: folder) { $0 == file }
        let model = try PRAModel(
          state.config, classes: classes, on: device ?? self.device(ofDrawing: state.config),
          initializing: false)
        try model.loadWeights(from: "\(folder)/\(file)")
        return TrainedModel(
          model: model, step: checkpoint.step,
          classes: try checkpoint.files[ClassTable.file].map { _ in
            try ClassTable(json: text(ofFile: "\(folder)/\(ClassTable.file)"))
          })
      }
    } catch let damage as DamagedArtifact {
      // An earlier one would be another model than the one that was asked for.
      throw PermanentFailure(
        "checkpoint of step \(checkpoint.step) of job \(job): \(damage), and `pra retry \(jobID)` then goes "
          + "on")
    }
  }

  /// The device that `PRA_DEVICE` names with this attempt's threads and the instruction set that
  /// `PRA_KERNELS` names. Its errors end the stage: those of the machine as lacks of the host.
  /// - Parameters:
  ///   - choice: the key `device` of the configuration
  ///   - lower: the key or variable by which the stage needs less memory
  package func device(_ choice: DeviceChoice = .auto, lower: String? = nil) throws -> Device {
    let advice = lower.map { "lower \($0)" } ?? "the stage needs a device with more memory"
    DeviceFailure.end(memoryAdvice: advice) { failure in
      Stage.end(isHostLack: failure.isOfMachine, saying: failure.sentence)
    }
    return try computingDevice(choice, threads: threads)
  }

  private func device(ofDrawing configuration: ModelConfiguration) throws -> Device {
    try device(configuration.device, lower: "PRA_SAMPLE_BATCH")
  }

  /// Ends the attempt if its agent has asked for it; for stages without checkpoints.
  package func releaseIfAsked() throws {
    if stopRequested { throw Released() }
  }
}

/// The device that `PRA_DEVICE` names with some threads and the instruction set that `PRA_KERNELS`
/// names. Ends the stage, as for a lack of the host, if a GPU is wanted and none is given.
/// - Parameter choice: the key `device` of the configuration
/// - Throws: `PermanentFailure` naming the variable
package func computingDevice(_ choice: DeviceChoice = .auto, threads: Int) throws -> Device {
  if let text = getenv("PRA_DEVICE").map({ String(cString: $0) }), !text.isEmpty,
    DeviceKind(name: text) == nil
  {
    throw PermanentFailure("PRA_DEVICE: found '\(text)', expected \(DeviceKind.names)")
  }
  if choice == .cuda, !DeviceKind.chosen.isGPU {
    Stage.end(
      isHostLack: true,
      saying:
        "device: found 'cuda', and this worker gave the job no GPU; expected a worker with GPUs, or auto"
    )
  }
  let kind = choice == .cpu ? DeviceKind.cpu : .chosen
  guard let text = getenv("PRA_KERNELS") else { return Device(threads: threads, kind: kind) }
  let name = String(cString: text)
  guard let set = InstructionSet(name: name), set.rawValue <= InstructionSet.best.rawValue else {
    throw PermanentFailure(
      "PRA_KERNELS: found '\(name)', expected base, avx2 or avx512, as far as this processor goes"
    )
  }
  return Device(threads: threads, instructions: set, kind: kind)
}

/// The text of a small file.
private func text(ofFile path: String) throws -> String {
  let file = try MappedFile(path)
  return withExtendedLifetime(file) { String(decoding: file.bytes, as: UTF8.self) }
}

/// Writes one line to the attempt's log at once: a buffered one would be lost with the process.
package func say(_ line: String) {
  let line = line + "\n"
  _ = write(STDOUT_FILENO, line, line.utf8.count)
}

/// A system call that failed, as it may not at another try.
package struct StageFault: SystemFailure, CustomStringConvertible {
  package let description: String
  package let code: Int32?

  package init(_ path: String, code: Int32) {
    self.code = code
    description = "\(path): \(String(cString: strerror(code)))"
  }
}

/// A name that a user gave, as a part of a path; `otherwise` if it is no plain file name.
package func plainName(_ name: String, otherwise: String) -> String {
  let isPlain =
    !name.isEmpty && !name.hasPrefix(".") && name.utf8.count <= 200
    && !name.unicodeScalars.contains { $0 == "/" || $0.value < 32 }
  return isPlain ? name : otherwise
}

/// Runs a stage's reading of its input: a `BadInput` would be the same at every retry, but for one
/// that says what this machine lacks.
/// - Throws: `PermanentFailure` in its place, and every other error as it is
package func refusingBadInput<T>(_ work: () throws -> T) throws -> T {
  do {
    return try work()
  } catch let error as any BadInput where !error.isHostLack {
    throw PermanentFailure("\(error)")
  }
}
