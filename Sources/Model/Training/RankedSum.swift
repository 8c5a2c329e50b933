// The sum of gradients over ranks, to the bits of one rank that has computed all parts.

import Tensor
import Threads

/// Sums gradients and losses of the ranks. Of each bucket of gradients a rank gets one piece from everybody, adds the ranks'
/// sums in their order by halves, and gives the result to all. A thread of its own does so while the passes go on.
///
/// Sendable: the thread of a run alone uses the communicator, its own memory and the buckets that are complete; the run ends
/// with it.
final class RankedSum: @unchecked Sendable {
  private let communicator: any Communicator
  private let buckets: GradientBuckets
  private let series: DeviceList<Double>
  /// The pieces of a bucket that have come from all ranks, and their sum: in memory of the device that adds them.
  private let received: Tensor
  private let sum: Tensor
  private let adder: Device

  private struct State {
    /// Number of buckets that are complete.
    var complete = 0
    /// Whether the passes have failed.
    var isOver = false
    var failure: (any Error)?
  }

  /// - Parameters:
  ///   - buckets: all are closed; their gradients become the sums of all ranks
  ///   - series: the losses' values, likewise
  ///   - adder: a device of one thread, of the kind of the buckets' device, which nobody else uses during a run
  init(
    _ communicator: any Communicator, _ buckets: GradientBuckets, _ series: DeviceList<Double>,
    adder: Device
  ) {
    (self.communicator, self.buckets, self.series, self.adder) = (
      communicator, buckets, series, adder
    )
    let most = buckets.ranges.map(\.count).max() ?? 0
    func memory(_ count: Int) -> Tensor {
      Tensor(
        repeating: 0, [count / GradientBuckets.width, GradientBuckets.width], on: adder)
    }
    (received, sum) = (memory(most), memory(most / communicator.size))
    adder.wait()
  }

  /// - Parameters:
  ///   - wishes: what this rank asks for, as many questions on all ranks
  ///   - passes: compute the gradients, and tell the number of each bucket when it is complete, in order
  /// - Returns: what any rank asks for
  /// - Throws: the error of the communicator, at the next bucket or behind the last one
  func run(
    wishes: [Bool], _ passes: (_ isComplete: (_ bucket: Int) throws -> Void) throws -> Void
  ) throws -> [Bool] {
    let state = Monitor(State())
    let thread = try DedicatedThread("gradients") { self.exchangeAll(state) }
    defer { thread.join() }
    do {
      try passes { bucket in
        try state.update {
          $0.complete = bucket + 1
          if let failure = $0.failure { throw failure }
        }
      }
    } catch {
      state.update { $0.isOver = true }
      // The thread may wait for ranks that wait for this one.
      communicator.abort()
      throw error
    }
    thread.join()
    if let failure = state.read({ $0.failure }) { throw failure }
    return try sumSeries(wishes)
  }

  private func exchangeAll(_ state: Monitor<State>) {
    for bucket in buckets.ranges.indices {
      let isComplete = state.wait {
        $0.isOver ? false : $0.complete > bucket ? true : nil
      }
      guard isComplete == true else { return }
      do {
        try exchange(buckets.bucket(bucket))
      } catch {
        state.update { $0.failure = error }
        return
      }
    }
  }

  private func exchange(_ bucket: Tensor) throws {
    let each = bucket.count / communicator.size
    let received = received.part(from: 0, bucket.shape)
    let sum = sum.part(from: 0, [each / bucket.width, bucket.width])
    func piece(_ rank: Int) -> Tensor { received.part(from: rank * each, sum.shape) }
    try communicator.allToAll(bucket, received)
    byHalves(communicator.size) { piece($0).combine(1, piece($0), 1, piece($1)) }
    sum.copy(from: piece(0))
    adder.wait()
    try communicator.allGather(sum, bucket)
  }

  /// Sums the losses, and agrees on what is asked for on the way.
  private func sumSeries(_ wishes: [Bool]) throws -> [Bool] {
    let mine = wishes.map { $0 ? 1 : 0 } + (0..<series.count).map { series.read($0) }
    var all = try communicator.allGather(mine)
    let granted = wishes.indices.map { wish in all.contains { $0[wish] != 0 } }
    byHalves(all.count) { to, from in
      for i in wishes.count..<mine.count { all[to][i] += all[from][i] }
    }
    series.upload { all[0][wishes.count + $0] }
    return granted
  }
}
