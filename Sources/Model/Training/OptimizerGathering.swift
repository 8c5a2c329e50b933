// Tensors of which each rank has a part, made whole on all ranks.

import Autodiff
import Tensor

/// Sends the parts of weights after each step, and of moments and averages for a checkpoint. All ranks make the same calls in
/// the same order.
final class OptimizerGathering {
  private let communicator: any Communicator
  private let parameters: [Parameter]
  private let shards: OptimizerShards
  /// Parameters whose weights go in one call.
  private let groups: [Range<Int>]
  /// Room for this rank's parts of a group, and for those of all ranks.
  private let sent: Tensor
  private let received: Tensor

  /// - Parameters:
  ///   - parameters: of float32, those of the optimizer
  ///   - bytes: of weights from which on a group is closed
  init(_ parameters: [Parameter], _ communicator: any Communicator, bytes: Int) {
    let counts = parameters.map(\.value.count)
    let shards = OptimizerShards(of: counts, among: communicator.size)
    (self.parameters, self.communicator, self.shards) = (parameters, communicator, shards)
    var groups: [Range<Int>] = []
    var (first, filled) = (0, 0)
    for (i, count) in counts.enumerated() {
      filled += count * ElementType.float32.size
      guard filled >= bytes || i == counts.count - 1 else { continue }
      groups.append(first..<i + 1)
      (first, filled) = (i + 1, 0)
    }
    self.groups = groups
    let device = parameters[0].value.device
    let most = groups.map { $0.reduce(0) { $0 + Self.room(shards, $1) } }.max()!
    sent = Tensor(repeating: 0, [most], on: device)
    received = Tensor(repeating: 0, [communicator.size * most], on: device)
  }

  /// The elements of each parameter that are this rank's.
  var own: [Range<Int>] { shards.ranges[communicator.rank] }

  /// Whether this rank writes for all.
  var isFirst: Bool { communicator.rank == 0 }

  /// The word of the first rank.
  func agree(_ isWanted: Bool) throws -> Bool {
    try communicator.allGather([UInt8(isWanted ? 1 : 0)])[0][0] != 0
  }

  /// The least of the ranks' numbers; nil where none has one.
  func least(_ number: Int?) throws -> Int? {
    let numbers = try communicator.allGather([number.map(Double.init) ?? .infinity])
    let least = numbers.map { $0[0] }.min()!
    return least == .infinity ? nil : Int(least)
  }

  /// Gives all ranks the weights that each has moved.
  func gatherWeights() throws {
    for group in groups {
      try gather(
        group.map {
          (
            parameter: $0, part: parameters[$0].value.part(of: own[$0]),
            whole: parameters[$0].value
          )
        })
    }
  }

  /// A tensor of a parameter's size from the parts of all ranks.
  func whole(_ part: Tensor, of parameter: Int) throws -> Tensor {
    let whole = Tensor(like: parameters[parameter].value)
    try gather([(parameter: parameter, part: part, whole: whole)])
    return whole
  }

  private func gather(_ tensors: [(parameter: Int, part: Tensor, whole: Tensor)]) throws {
    var filled = 0
    for tensor in tensors {
      if tensor.part.count > 0 {
        sent.part(from: filled, tensor.part.shape).copy(from: tensor.part)
      }
      filled += Self.room(shards, tensor.parameter)
    }
    let size = communicator.size
    sent.device.wait()
    try communicator.allGather(
      sent.part(from: 0, [filled]), received.part(from: 0, [size * filled]))
    for (rank, ranges) in shards.ranges.enumerated() {
      var place = rank * filled
      for tensor in tensors {
        let range = ranges[tensor.parameter]
        if !range.isEmpty {
          tensor.whole.part(of: range).copy(from: received.part(from: place, [range.count]))
        }
        place += Self.room(shards, tensor.parameter)
      }
    }
  }

  /// Elements that each rank sends of a parameter: as many as the largest part has.
  private static func room(_ shards: OptimizerShards, _ parameter: Int) -> Int {
    shards.ranges.map { $0[parameter].count }.max()!
  }
}

extension Tensor {
  /// Some elements in a row, in this tensor's memory.
  func part(of range: Range<Int>) -> Tensor { part(from: range.lowerBound, [range.count]) }
}
