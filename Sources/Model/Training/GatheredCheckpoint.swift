// A checkpoint of a state of which each rank has a part (model.md section 8).

import Configuration
import Files
import Glibc
import Tensor

/// Files of a checkpoint that wait in a folder of their own.
struct GatheredFiles {
  let folder: String
  let files: [(name: String, digest: FileDigest)]

  /// Moves them into an empty folder of the same file system.
  func move(to target: String) throws {
    for file in files {
      let (from, to) = ("\(folder)/\(file.name)", "\(target)/\(file.name)")
      guard rename(from, to) == 0 else {
        throw FileError(from, "move to \(to)", code: errno)
      }
    }
    rmdir(folder)
  }
}

extension Trainer {
  /// The checkpoint of this moment, if it is wanted. Ranks that keep parts of the state call it all behind the same step: the
  /// first one decides, and gets it.
  package func snapshot(_ state: CheckpointState, isWanted: Bool) throws -> TrainerSnapshot? {
    guard let gathering else { return isWanted ? snapshot(state) : nil }
    guard try gathering.agree(isWanted) else { return nil }
    return try gatherSnapshot(state, gathering)
  }

  /// Sends all parts of the state to the first rank, which writes its files one tensor after the other: so it needs room for
  /// one tensor, and training waits for the network and the disk.
  /// - Parameter state: nil on ranks that do not write
  /// - Returns: nil on ranks that do not write
  func gatherSnapshot(
    _ state: CheckpointState?, _ gathering: OptimizerGathering
  ) throws -> TrainerSnapshot? {
    func whole(_ tensor: StateTensor) throws -> Tensor {
      guard tensor.part != nil else { return tensor.value }
      return try gathering.whole(tensor.value, of: tensor.parameter)
    }
    guard gathering.isFirst, let state else {
      for file in stateFiles { for tensor in file.tensors { _ = try whole(tensor) } }
      return nil
    }
    let folder = "\(team!.folder)/gathered-\(state.step)"
    guard mkdir(folder, 0o700) == 0 || errno == EEXIST else {
      throw FileError(folder, "create", code: errno)
    }
    let written = try stateFiles.map { name, tensors in
      (
        name: name,
        digest: try writeTensors(tensors, to: "\(folder)/\(name)", step: state.step, whole: whole)
      )
    }
    return TrainerSnapshot(state: state, gathered: GatheredFiles(folder: folder, files: written))
  }
}
