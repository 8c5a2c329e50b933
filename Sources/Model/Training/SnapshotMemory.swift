// The state of a step kept for its checkpoint, while training goes on (model.md section 8).

import Configuration
import Tensor

/// Memory as large as the weights, moments and averages. The update that follows a checkpoint's step leaves
/// there what it started from: pages change places, and the new numbers are written where the old ones were
/// read before, so that nothing is copied. Sendable: one thread may `touch` it, the rest is the trainer's.
package final class SnapshotMemory: @unchecked Sendable {
  let weights: [Tensor]
  let m: [Tensor]
  let v: [Tensor]
  /// Of each decay.
  let averages: [[Tensor]]

  init(like optimizer: OptimizerState) {
    func room(_ tensors: [Tensor]) -> [Tensor] {
      tensors.map { Tensor(uninitialized: $0.shape, type: $0.type, on: $0.device) }
    }
    weights = room(optimizer.parameters.map(\.value))
    m = room(optimizer.m)
    v = room(optimizer.v)
    averages = optimizer.averages.map { room($0.values) }
  }

  private var all: [Tensor] { weights + m + v + averages.joined() }

  /// Takes its pages from the system: done at the first checkpoint, it would keep that waiting. So would the first
  /// pass over them, even where each was written to as it came.
  package func touch() {
    for tensor in all { tensor.touch() }
    for tensor in all { tensor.writePages() }
  }

  /// What the optimizer holds is here then; what it holds then is of no meaning.
  package func exchange(with optimizer: OptimizerState) {
    for (mine, its) in zip(all, optimizer.tensors) { mine.exchange(with: its) }
  }

  func copy(from optimizer: OptimizerState) {
    for (mine, its) in zip(all, optimizer.tensors) { mine.copy(from: its) }
  }
}

extension OptimizerState {
  /// In the order of the memory's.
  fileprivate var tensors: [Tensor] {
    parameters.map(\.value) + m + v + averages.flatMap(\.values)
  }
}

extension Trainer {
  /// What a checkpoint of this moment holds. For whoever makes no further step before it is written.
  package func snapshot(_ state: CheckpointState) -> TrainerSnapshot {
    TrainerSnapshot(
      state: state,
      files: tensorFiles(
        weights: optimizer.parameters.map(\.value), m: optimizer.m, v: optimizer.v,
        averages: optimizer.averages.map(\.values)))
  }

  /// Lets the next step leave the state that it starts from for `takeSnapshot`. What was taken before must be
  /// written: the memory is the same.
  package func keep(_ state: CheckpointState) { wanted = state }

  /// The state that was kept last, once.
  package func takeSnapshot() -> TrainerSnapshot? {
    defer { kept = nil }
    return kept
  }

  /// Room for what is kept; made when it is first asked for.
  package func snapshotMemory() -> SnapshotMemory {
    if let memory { return memory }
    let made = SnapshotMemory(like: optimizer)
    memory = made
    return made
  }

  /// Updates, or leaves the weights as they are, and puts the state before aside.
  func keepWanted(_ state: CheckpointState, update gradients: [Tensor?]?) {
    let memory = snapshotMemory()
    if let gradients {
      memory.exchange(with: optimizer)
      optimizer.update(gradients, from: memory)
    } else {
      memory.copy(from: optimizer)
    }
    kept = TrainerSnapshot(
      state: state,
      files: tensorFiles(
        weights: memory.weights, m: memory.m, v: memory.v, averages: memory.averages))
    wanted = nil
  }
}
