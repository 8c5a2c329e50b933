// Checkpoints (model.md section 8): a folder of safetensors files and state.json.

import Autodiff
import Configuration
import Files
import PRAModel
import Tensor

/// Names of the files of a checkpoint.
package enum CheckpointFile {
  package static let model = "model.safetensors"
  package static let optimizer = "optimizer.safetensors"
  package static let state = "state.json"

  /// `ema-0.999.safetensors`.
  package static func average(_ decay: Double) -> String { "\(weights(decay)).safetensors" }

  /// What `sampling.weights` calls an average: `ema-0.999`.
  package static func weights(_ decay: Double) -> String { "ema-\(shortestDecimal(decay))" }
}

extension Trainer {
  /// The trainer's scalars, for `state.json`.
  package func state(codeVersion: String, dataFingerprint: String) -> CheckpointState {
    var state = CheckpointState()
    state.step = step
    state.imagesSeen = step * model.configuration.training.batch
    state.badSteps = badSteps
    state.badStepsInRow = badStepsInRow
    state.seed = model.configuration.seed
    state.config = model.configuration
    state.codeVersion = codeVersion
    state.dataFingerprint = dataFingerprint
    return state
  }

  /// Writes the files of a checkpoint into an empty folder.
  /// - Returns: their names
  package func writeCheckpoint(to folder: String, _ state: CheckpointState) throws -> [String] {
    try TrainerSnapshot(state: state, files: tensorFiles).write(to: folder)
  }

  /// A copy of everything a checkpoint holds, to be written while training goes on.
  package func snapshot(_ state: CheckpointState) -> TrainerSnapshot {
    TrainerSnapshot(
      state: state,
      files: tensorFiles.map { file in
        (file.name, file.tensors.map { (name: $0.name, value: $0.value.copied()) })
      })
  }

  private var tensorFiles: [(name: String, tensors: [(name: String, value: Tensor)])] {
    let parameters = optimizer.parameters
    let averages = optimizer.averages.map { average in
      (
        name: CheckpointFile.average(average.decay),
        tensors: zip(parameters, average.values).map { (name: $0.name, value: $1) }
      )
    }
    return [(CheckpointFile.model, parameters.map { (name: $0.name, value: $0.value) })] + averages
      + [(CheckpointFile.optimizer, moments)]
  }

  /// Continues from a checkpoint's files. Nothing changes unless all of them can be read.
  /// - Throws: an error that names the file and what is wrong with it
  package func restore(from folder: String, dataFingerprint: String) throws {
    let state = try CheckpointState(path: "\(folder)/\(CheckpointFile.state)")
    guard state.config == model.configuration else {
      throw CheckpointMismatch(
        file: CheckpointFile.state, problem: "was written by a run of another configuration")
    }
    guard state.dataFingerprint == dataFingerprint else {
      throw CheckpointMismatch(
        file: CheckpointFile.state, problem: "was trained on another data set")
    }
    let parameters = optimizer.parameters
    var read: [(Tensor, Tensor)] = []
    func plan(_ file: String, _ tensors: [(name: String, value: Tensor)]) throws {
      read += zip(tensors.map(\.value), try readTensors("\(folder)/\(file)", like: tensors))
    }
    try plan(CheckpointFile.model, parameters.map { (name: $0.name, value: $0.value) })
    for average in optimizer.averages {
      try plan(
        CheckpointFile.average(average.decay),
        zip(parameters, average.values).map { (name: $0.name, value: $1) })
    }
    try plan(CheckpointFile.optimizer, moments)
    for (target, value) in read { target.copy(from: value) }
    step = state.step
    badSteps = state.badSteps
    badStepsInRow = state.badStepsInRow
  }
}

extension Trainer {
  /// The optimizer's tensors under their names in the file.
  private var moments: [(name: String, value: Tensor)] {
    let names = optimizer.parameters.map(\.name)
    return zip(names, optimizer.m).map { (name: "\($0).m", value: $1) }
      + zip(names, optimizer.v).map { (name: "\($0).v", value: $1) }
  }
}

/// The content of a checkpoint. Sendable: nobody writes into a snapshot's tensors.
package struct TrainerSnapshot: @unchecked Sendable {
  fileprivate let state: CheckpointState
  fileprivate let files: [(name: String, tensors: [(name: String, value: Tensor)])]

  /// Writes its files into an empty folder.
  /// - Returns: their names
  package func write(to folder: String) throws -> [String] {
    for file in files {
      try writeTensors(file.tensors, to: "\(folder)/\(file.name)", step: state.step)
    }
    let file = try DurableFile("\(folder)/\(CheckpointFile.state)")
    try file.write(Array(state.canonicalJSON.utf8))
    try file.commit()
    return files.map(\.name) + [CheckpointFile.state]
  }
}

/// A checkpoint that is whole but not this run's.
package struct CheckpointMismatch: Error, CustomStringConvertible {
  package let file: String
  package let problem: String
  package var description: String { "checkpoint: \(file) \(problem)" }
}

extension CheckpointState {
  /// - Throws: an error that names the file and the field
  package init(path: String) throws {
    let file = try MappedFile(path)
    do {
      let text = withExtendedLifetime(file) { String(decoding: file.bytes, as: UTF8.self) }
      try self.init(canonicalJSON: text)
    } catch {
      throw CheckpointMismatch(file: CheckpointFile.state, problem: "cannot be read: \(error)")
    }
  }
}

extension PRAModel {
  /// Replaces all weights by those of a file, `model.safetensors` or an average's.
  package func loadWeights(from path: String) throws {
    let all = parameters.sorted
    let values = try readTensors(path, like: all.map { (name: $0.name, value: $0.value) })
    for (parameter, value) in zip(all, values) { parameter.value.copy(from: value) }
  }
}
