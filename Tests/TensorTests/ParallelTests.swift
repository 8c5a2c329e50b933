// Loops shared by threads: every index is run once, whichever thread takes its share.

import Tensor
import Testing

@Suite struct ParallelTests {
  /// More threads than CPUs: any running thread takes a share, over thousands of loops.
  @Test(arguments: [2, 3, 8])
  func everyIndexIsVisitedOnceInEveryLoop(_ threads: Int) {
    let device = Device(threads: threads)
    let most = 40
    var visits = [Int32](repeating: 0, count: most)
    var wrong = 0
    visits.withUnsafeMutableBufferPointer { visits in
      let start = visits.baseAddress!
      for loop in 0..<5_000 {
        let count = loop % most + 1
        device.parallelOnHost(count, cost: 1 << 20) { for i in $0 { start[i] += 1 } }
        for i in 0..<count where start[i] != 1 { wrong += 1 }
        for i in 0..<most { start[i] = 0 }
      }
    }
    #expect(wrong == 0)
  }
}
