// The sum of gradients over ranks, to the bits of one rank that has computed all parts.

import CKernels
import Tensor

/// Sums gradients and losses of the ranks. Each rank gets one piece of all gradients from everybody, adds the ranks' sums in
/// their order by halves, and gives the result to all.
final class RankedSum {
  private let communicator: any Communicator
  private let gradients: [Tensor]
  private let series: DeviceList<Double>
  /// All gradients one after the other, filled up to equal pieces: of this rank, of all, and their sum.
  private let own: Tensor
  private let received: Tensor
  private let sum: Tensor
  private let piece: Tensor

  /// Elements of one row of the operations that add.
  private static let width = 64

  /// - Parameters:
  ///   - gradients: of float32; they become the sums of all ranks
  ///   - series: the losses' values, likewise
  init(_ communicator: any Communicator, _ gradients: [Tensor], _ series: DeviceList<Double>) {
    precondition(
      gradients.allSatisfy { $0.type == .float32 }, "RankedSum: gradients are of float32")
    (self.communicator, self.gradients, self.series) = (communicator, gradients, series)
    let count = gradients.reduce(0) { $0 + $1.count }
    let unit = communicator.size * Self.width
    let length = (count + unit - 1) / unit * unit
    func memory(_ length: Int) -> Tensor {
      Tensor(repeating: 0, [length / Self.width, Self.width], on: series.device)
    }
    (own, received, sum) = (memory(length), memory(length), memory(length))
    piece = memory(length / communicator.size)
  }

  /// - Parameter asksToStop: whether this rank has been asked to stop
  /// - Returns: whether any has
  func run(asksToStop: Bool) throws -> Bool {
    eachGradient { gradient, at in
      own.copy(to: own.address(at: at), from: gradient.address, bytes: gradient.byteCount)
    }
    try communicator.allToAll(own, received)
    let each = piece.count
    byHalves(communicator.size) { to, from in
      received.run(
        .combine(
          .init(
            out: received.address(at: to * each), alpha: 1, x: received.address(at: to * each),
            beta: 1,
            y: received.address(at: from * each), width: Self.width)), over: each / Self.width)
    }
    piece.copy(to: piece.address, from: received.address, bytes: piece.byteCount)
    try communicator.allGather(piece, sum)
    eachGradient { gradient, at in
      gradient.copy(to: gradient.address, from: sum.address(at: at), bytes: gradient.byteCount)
    }
    return try sumSeries(asksToStop)
  }

  /// Sums the losses, and agrees on a stop on the way.
  private func sumSeries(_ asksToStop: Bool) throws -> Bool {
    let mine = [asksToStop ? 1 : 0] + (0..<series.count).map { series.read($0) }
    var all = try communicator.allGather(mine)
    let stops = all.contains { $0[0] != 0 }
    byHalves(all.count) { to, from in
      for i in 1..<mine.count { all[to][i] += all[from][i] }
    }
    series.upload { all[0][1 + $0] }
    return stops
  }

  private func eachGradient(_ body: (_ gradient: Tensor, _ at: Int) -> Void) {
    var at = 0
    for gradient in gradients {
      body(gradient, at)
      at += gradient.count
    }
  }
}

extension Tensor {
  fileprivate func copy(to: DeviceAddress, from: DeviceAddress, bytes: Int) {
    run(.copy(.init(out: to, x: from, bytes: bytes)), over: (bytes + 63) / 64)
  }
}
