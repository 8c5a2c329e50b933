// A checkpoint in one file: `pra export checkpoint -o FILE` writes it, `init` of a run file reads
// it.

import Autodiff
import Configuration
import Tensor
import TensorFiles

/// A checkpoint's tensors in one file: weights under the names of model.md section 3, averages as
/// `ema-<decay>.<name>`, moments, if there are any, as `optimizer.<name>.m` and `.v`; the state is
/// in `__metadata__`. Files of other programs may hold the weights alone, in any format that
/// weights are read from.
package struct CheckpointArchive {
  private let source: any TensorSource
  /// Step, counters and configuration; nil in a file of weights alone.
  package let state: CheckpointState?

  private static let moments = "optimizer."

  /// - Throws: an error that names the file and what is wrong with it
  package init(path: String) throws {
    source = try WeightFiles.open(path)
    state = try CheckpointState.stored(in: source.metadata, of: path)
  }

  /// Decays of the averages that the file holds.
  fileprivate var averages: Set<String> {
    Set(
      source.names.compactMap { name in
        name.firstMatch(of: /^ema-([0-9](?:\.[0-9]+)?(?:e-[0-9]+)?)\./).map { String($0.1) }
      })
  }

  fileprivate var hasMoments: Bool { source.names.contains { $0.hasPrefix(Self.moments) } }

  /// Checks that the file holds every tensor of the model, of each average and of the moments, and
  /// no other.
  fileprivate func check(_ parameters: [Parameter]) throws {
    let prefixes = [""] + averages.sorted().map { "ema-\($0)." }
    var wanted = prefixes.flatMap { prefix in
      parameters.map { (name: prefix + $0.name, shape: $0.value.shape) }
    }
    if hasMoments {
      for parameter in parameters {
        for part in ["m", "v"] {
          wanted.append(
            (name: "\(Self.moments)\(parameter.name).\(part)", shape: parameter.value.shape))
        }
      }
    }
    let held = Set(source.names)
    for (name, shape) in wanted {
      guard held.contains(name) else {
        throw TensorFileMismatch(
          description: "\(source.path): lacks tensor '\(name)' of shape \(shape), which the "
            + "configuration needs")
      }
      let found = try source.shape(of: name)
      guard found == shape else {
        throw TensorFileMismatch(
          description: "\(source.path): tensor '\(name)' has shape \(found), the configuration "
            + "needs \(shape)")
      }
    }
    if let stranger = held.subtracting(wanted.map(\.name)).min() {
      throw TensorFileMismatch(
        description: "\(source.path): holds tensor '\(stranger)' of shape "
          + "\(try source.shape(of: stranger)), which the configuration does not have")
    }
  }

  /// Copies a tensor whose shape was checked.
  fileprivate func load(_ name: String, into target: Tensor) throws {
    let values = try source.read(name)
    if let bad = values.firstIndex(where: { !$0.isFinite }) {
      throw TensorFileMismatch(
        description: "\(source.path): element \(bad) of tensor '\(name)' is \(values[bad]); "
          + "weights are finite")
    }
    target.copy(from: Tensor(values, target.shape, type: target.type, on: target.device))
  }

  fileprivate func loadMoment(_ name: String, _ part: String, into target: Tensor) throws {
    try load("\(Self.moments)\(name).\(part)", into: target)
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
      for (parameter, value) in zip(parameters, average.values) {
        if isHeld {
          try archive.load("ema-\(decay).\(parameter.name)", into: value)
        } else {
          value.copy(from: parameter.value)
        }
      }
    }
    guard !restart, let state = archive.state else {
      if !restart { remarks.append("no state in its metadata: training begins at step 0") }
      return remarks
    }
    if archive.hasMoments {
      for (i, parameter) in parameters.enumerated() {
        try archive.loadMoment(parameter.name, "m", into: optimizer.m[i])
        try archive.loadMoment(parameter.name, "v", into: optimizer.v[i])
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
