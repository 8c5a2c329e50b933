// The state of a step, kept for its checkpoint while training goes on (model.md section 8).

import Configuration
import Tensor

/// Memory as large as the weights, moments and averages. The update after a checkpoint's step
/// leaves the state from before it there: the two exchange pages, and the update reads the old
/// numbers from here and writes the new ones to the optimizer, so that nothing is copied. Sendable:
/// one thread may call `touch`; all else belongs to the trainer's thread.
package final class SnapshotMemory: @unchecked Sendable {
  let weights: [Tensor]
  let m: [Tensor]
  let v: [Tensor]
  /// One list per decay.
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

  /// Takes the memory's pages from the system and writes to each, in advance: at the first
  /// checkpoint both would delay training. Writing is a pass of its own because the first pass over
  /// the pages is slow even where each was written when it was taken.
  package func touch() {
    for tensor in all { tensor.touch() }
    for tensor in all { tensor.writePages() }
  }

  /// Takes over the optimizer's numbers; those that the optimizer gets in exchange are meaningless.
  package func exchange(with optimizer: OptimizerState) {
    for (mine, its) in zip(all, optimizer.tensors) { mine.exchange(with: its) }
  }
}

extension OptimizerState {
  /// In the order of `SnapshotMemory.all`.
  fileprivate var tensors: [Tensor] {
    parameters.map(\.value) + m + v + averages.flatMap(\.values)
  }
}

extension Trainer {
  /// The checkpoint of this moment. It shares the trainer's tensors: make no step before it is
  /// written.
  package func snapshot(_ state: CheckpointState) -> TrainerSnapshot {
    precondition(gathering == nil, "Trainer: the state is not whole here")
    return TrainerSnapshot(state: state, files: stateFiles)
  }

  /// Makes the next step keep the state that it starts from, for `takeSnapshot`. An earlier
  /// snapshot must have been written by then: the memory is the same. Where ranks keep parts of the
  /// state, the step gathers them in files.
  package func keep(_ state: CheckpointState) { wanted = state }

  /// The state that was kept last; returned once.
  package func takeSnapshot() -> TrainerSnapshot? {
    defer { kept = nil }
    return kept
  }

  /// Whether kept states lie in memory, and not in files.
  package var keepsSnapshotsInMemory: Bool { gathering == nil }

  /// The memory for kept states; allocated at the first call.
  package func snapshotMemory() -> SnapshotMemory {
    if let memory { return memory }
    let made = SnapshotMemory(like: optimizer)
    memory = made
    return made
  }

  /// Updates the weights and keeps the state from before. A step that is not finite copies it.
  func keepWanted(_ state: CheckpointState, update gradients: [Tensor?]) {
    let memory = snapshotMemory()
    memory.exchange(with: optimizer)
    optimizer.update(gradients, from: memory).run()
    kept = TrainerSnapshot(
      state: state,
      files: tensorFiles(
        weights: memory.weights, m: memory.m, v: memory.v, averages: memory.averages))
    wanted = nil
  }
}
