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
  ) -> [StateFile] {
    func file(
      _ name: String, isWhole: Bool = false, _ lists: (suffix: String, tensors: [Tensor])...
    ) -> StateFile {
      let tensors = lists.flatMap { list in
        optimizer.parameters.enumerated().map { i, parameter in
          StateTensor(
            name: parameter.name + list.suffix, value: list.tensors[i],
            shape: parameter.value.shape, parameter: i, part: isWhole ? nil : optimizer.own?[i])
        }
      }
      return (name, tensors.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) })
    }
    return [file(CheckpointFile.model, isWhole: true, ("", weights))]
      + zip(optimizer.averages, averages).map { file(CheckpointFile.average($0.decay), ("", $1)) }
      + [file(CheckpointFile.optimizer, (".m", m), (".v", v))]
  }

  /// The files of this moment's state, as far as it is kept here.
  var stateFiles: [StateFile] {
    tensorFiles(
      weights: optimizer.parameters.map(\.value), m: optimizer.m, v: optimizer.v,
      averages: optimizer.averages.map(\.values))
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
    for (name, tensors) in stateFiles {
      read += zip(tensors.map(\.value), try readTensors("\(folder)/\(name)", like: tensors))
    }
    for (target, value) in read where target.count > 0 { target.copy(from: value) }
    step = state.step
    badSteps = state.badSteps
    badStepsInRow = state.badStepsInRow
    stop = state.stop
  }
}

/// A file of a checkpoint, its tensors in bytewise order of their names, as they are written.
typealias StateFile = (name: String, tensors: [StateTensor])

/// A tensor of a checkpoint.
struct StateTensor {
  let name: String
  /// The numbers that are kept here.
  let value: Tensor
  /// Shape of the whole tensor.
  let shape: [Int]
  /// Place of its parameter among the optimizer's.
  let parameter: Int
  /// The elements of the whole tensor that are kept here, where that is a part.
  let part: Range<Int>?
}

/// The contents of a checkpoint. Sendable: its tensors do not change until it is written.
package struct TrainerSnapshot: @unchecked Sendable {
  package let state: CheckpointState
  /// Files to write.
  let files: [StateFile]
  /// Files that are written already; then there are none to write.
  private let gathered: GatheredFiles?

  init(state: CheckpointState, files: [StateFile]) {
    (self.state, self.files, gathered) = (state, files, nil)
  }

  init(state: CheckpointState, gathered: GatheredFiles) {
    (self.state, files, self.gathered) = (state, [], gathered)
  }

  /// Writes the files into an empty folder.
  /// - Returns: their names and digests
  package func write(to folder: String) throws -> [(name: String, digest: FileDigest)] {
    try gathered?.move(to: folder)
    let written =
      try gathered?.files
      ?? files.map { name, tensors in
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
    let values = try readTensors(
      path,
      like: all.enumerated().map { i, parameter in
        StateTensor(
          name: parameter.name, value: parameter.value, shape: parameter.value.shape,
          parameter: i, part: nil)
      })
    for (parameter, value) in zip(all, values) { parameter.value.copy(from: value) }
  }
}
