// Checkpoints (model.md section 8): a folder of safetensors files and state.json.

import Autodiff
import Configuration
import Files
import PRAModel
import Tensor

/// Names of a checkpoint's files.
package enum CheckpointFile {
  package static let model = "model.safetensors"
  package static let optimizer = "optimizer.safetensors"
  package static let state = "state.json"

  /// `ema-0.999.safetensors`.
  package static func average(_ decay: Double) -> String { "\(weights(decay)).safetensors" }

  /// The name of an average in `sampling.weights`: `ema-0.999`.
  package static func weights(_ decay: Double) -> String { "ema-\(shortestDecimal(decay))" }
}

extension Trainer {
  /// The trainer's scalars, for `state.json`.
  package func state(codeVersion: String, dataFingerprint: String) -> CheckpointState {
    precondition(unreported == 0, "Trainer: the state of a step that is not reported")
    var state = CheckpointState()
    state.step = step
    state.imagesSeen = step * model.configuration.training.batch
    state.badSteps = badSteps
    state.badStepsInRow = badStepsInRow
    state.seed = model.configuration.seed
    state.config = model.configuration
    state.codeVersion = codeVersion
    state.dataFingerprint = dataFingerprint
    state.stop = stop
    return state
  }

  /// Writes the files of a checkpoint into an empty folder.
  /// - Returns: their names
  package func writeCheckpoint(to folder: String, _ state: CheckpointState) throws -> [String] {
    try snapshot(state).write(to: folder).map(\.name)
  }

  /// Files of tensors, given in the order of the optimizer's parameters.
  func tensorFiles(
    weights: [Tensor], m: [Tensor], v: [Tensor], averages: [[Tensor]]
  ) -> [(name: String, tensors: [(name: String, value: Tensor)])] {
    let names = optimizer.parameters.map(\.name)
    func named(_ tensors: [Tensor], _ suffix: String = "") -> [(name: String, value: Tensor)] {
      zip(names, tensors).map { (name: $0 + suffix, value: $1) }
    }
    return [(CheckpointFile.model, named(weights))]
      + zip(optimizer.averages, averages).map { (CheckpointFile.average($0.decay), named($1)) }
      + [(CheckpointFile.optimizer, named(m, ".m") + named(v, ".v"))]
  }

  /// Continues from a checkpoint's files; changes nothing unless all of them can be read.
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
    var read: [(Tensor, Tensor)] = []
    for (name, tensors) in snapshot(state).files {
      read += zip(tensors.map(\.value), try readTensors("\(folder)/\(name)", like: tensors))
    }
    for (target, value) in read { target.copy(from: value) }
    step = state.step
    badSteps = state.badSteps
    badStepsInRow = state.badStepsInRow
    stop = state.stop
  }
}

/// The contents of a checkpoint. Sendable: its tensors do not change until it is written.
package struct TrainerSnapshot: @unchecked Sendable {
  package let state: CheckpointState
  let files: [(name: String, tensors: [(name: String, value: Tensor)])]

  /// Writes the files into an empty folder.
  /// - Returns: their names and digests
  package func write(to folder: String) throws -> [(name: String, digest: FileDigest)] {
    let written = try files.map { name, tensors in
      (
        name: name,
        digest: try writeTensors(tensors, to: "\(folder)/\(name)", step: state.step)
      )
    }
    let file = try DurableFile("\(folder)/\(CheckpointFile.state)", isHashed: true)
    try file.write(Array(state.canonicalJSON.utf8))
    try file.commit()
    return written + [(name: CheckpointFile.state, digest: file.digest!)]
  }
}

/// A checkpoint that is whole but not this run's.
package struct CheckpointMismatch: BadInput, CustomStringConvertible {
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
