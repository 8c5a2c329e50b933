// A checkpoint in one file: `pra export checkpoint -o FILE` writes it, `init` of a run file reads
// it.

import Autodiff
import Configuration
import PRAModel
import Tensor
import TensorFiles

/// A checkpoint's tensors in one file: weights under the names of model.md section 3, averages as
/// `ema-<decay>.<name>`, moments, if there are any, as `optimizer.<name>.m` and `.v`; the state is
/// in `__metadata__`. Files of other programs may hold the weights alone, in any format that
/// weights are read from.
package struct CheckpointArchive {
  private let tensors: CheckpointTensors
  /// Step, counters and configuration; nil in a file of weights alone.
  package let state: CheckpointState?

  private var source: any TensorSource { tensors.source }
  fileprivate var averages: Set<String> { tensors.averages }
  fileprivate var hasMoments: Bool { tensors.hasMoments }

  /// - Throws: an error that names the file and what is wrong with it
  package init(path: String) throws {
    tensors = CheckpointTensors(try WeightFiles.open(path))
    state = try CheckpointState.stored(in: tensors.source.metadata, of: path)
  }

  /// A registered checkpoint (model.md section 8), each file under its own name in a folder.
  /// - Parameter name: name of the checkpoint in messages
  /// - Throws: an error that names the file and what is wrong with it
  package init(folder: String, files: [String], name: String) throws {
    let parts = try files.compactMap { file -> (prefix: String, file: any TensorSource)? in
      let suffix = ".safetensors"
      guard file.hasSuffix(suffix) else { return nil }
      let prefix = file == CheckpointFile.model ? "" : "\(file.dropLast(suffix.count))."
      return (prefix, try SafetensorsFile(path: "\(folder)/\(file)"))
    }
    tensors = CheckpointTensors(PrefixedTensors(parts, path: name))
    state = try CheckpointState(path: "\(folder)/\(CheckpointFile.state)")
  }

  /// The classes that the model was trained on; nil in files that do not name them.
  package var classes: ClassTable? {
    get throws {
      guard let text = source.metadata[ClassTable.metadataKey] else { return nil }
      return try ClassTable(json: text)
    }
  }

  /// Checks that it holds every tensor of the model, of each average and of the moments, and no other.
  fileprivate func check(_ parameters: [Parameter]) throws {
    try tensors.check(parameters.map { ($0.name, $0.value.shape) })
  }

  /// Replaces all weights of a model by the archive's.
  /// - Parameter weights: `model` or `ema-<decay>`, as in `sampling.weights`
  /// - Throws: an error that names the file, and the averages that it has
  package func load(_ weights: String, into model: PRAModel) throws {
    try check(model.parameters.sorted)
    let prefix = weights == "model" ? "" : "\(weights)."
    guard prefix.isEmpty || averages.contains(String(weights.dropFirst("ema-".count))) else {
      let known = ["model"] + averages.sorted().map { "ema-\($0)" }
      throw ConfigurationError(
        "sampling.weights: \(source.path) has no \(weights); it has \(known.joined(separator: ", "))"
      )
    }
    for parameter in model.parameters.all {
      try load(prefix + parameter.name, into: parameter.value)
    }
  }

  /// Copies a tensor whose shape was checked, or some elements of it.
  fileprivate func load(_ name: String, _ part: Range<Int>? = nil, into target: Tensor) throws {
    let values = try source.read(name)
    if let bad = values.firstIndex(where: { !$0.isFinite }) {
      throw TensorFileMismatch(
        description: "\(source.path): element \(bad) of tensor '\(name)' is \(values[bad]); "
          + "weights are finite")
    }
    guard target.count > 0 else { return }
    let kept = part.map { Array(values[$0]) } ?? values
    target.copy(from: Tensor(kept, target.shape, type: target.type, on: target.device))
  }
}

extension Trainer {
  /// Starts from an archive. After an error this trainer must not be used.
  /// - Parameter restart: takes only weights and averages and begins at step 0. Otherwise step,
  ///   counters and moments are the archive's; if those are complete, training continues bit for
  ///   bit
  /// - Returns: sentences for the log about what the archive lacks
  /// - Throws: an error that names the file, the tensor and both shapes
  package func begin(from archive: CheckpointArchive, restart: Bool) throws -> [String] {
    let parameters = optimizer.parameters
    try archive.check(parameters)
    for parameter in parameters { try archive.load(parameter.name, into: parameter.value) }
    var remarks: [String] = []
    for average in optimizer.averages {
      let decay = shortestDecimal(average.decay)
      let isHeld = archive.averages.contains(decay)
      if !isHeld { remarks.append("no average of decay \(decay): it begins as the weights") }
      for (i, value) in average.values.enumerated() {
        if isHeld {
          try archive.load("ema-\(decay).\(parameters[i].name)", optimizer.own?[i], into: value)
        } else if value.count > 0 {
          value.copy(from: optimizer.part(i, of: parameters[i].value))
        }
      }
    }
    guard !restart, let state = archive.state else {
      if !restart { remarks.append("no state in its metadata: training begins at step 0") }
      return remarks
    }
    if archive.hasMoments {
      for (i, parameter) in parameters.enumerated() {
        let name = CheckpointTensors.moments + parameter.name
        try archive.load("\(name).m", optimizer.own?[i], into: optimizer.m[i])
        try archive.load("\(name).v", optimizer.own?[i], into: optimizer.v[i])
      }
    } else {
      remarks.append("no moments: they begin at zero")
    }
    step = state.step
    badSteps = state.badSteps
    badStepsInRow = state.badStepsInRow
    return remarks
  }
}
