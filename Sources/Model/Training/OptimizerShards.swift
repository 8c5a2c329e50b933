// The division of moments and averages over the ranks of a training.

import Tensor

/// The elements of each parameter whose moments and averages a rank keeps and whose weights it moves: ZeRO's first stage,
/// Rajbhandari et al. 2020, arXiv 1910.02054.
///
/// Every parameter is divided among all ranks, so that a tensor of a checkpoint comes from all of them at once. It is cut
/// between AdamW's runs, within which an element's bits may depend on its place.
struct OptimizerShards {
  /// For each rank, the elements of each parameter.
  let ranges: [[Range<Int>]]

  /// - Parameter counts: elements of each parameter
  init(of counts: [Int], among ranks: Int) {
    let run = AdamWUpdate.elementsOfRun
    var ranges = [[Range<Int>]](repeating: [], count: ranks)
    // The runs that are left over go to the ranks in turn, across all parameters.
    var turn = 0
    for count in counts {
      let runs = (count + run - 1) / run
      let (each, left) = (runs / ranks, runs % ranks)
      var first = 0
      for rank in 0..<ranks {
        let isInTurn = (rank - turn + ranks) % ranks < left
        let last = min(first + (each + (isInTurn ? 1 : 0)) * run, count)
        ranges[rank].append(first..<last)
        first = last
      }
      turn = (turn + left) % ranks
    }
    self.ranges = ranges
  }
}
