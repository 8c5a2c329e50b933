// The rate of a training over windows of its steps.

import Testing
import Training

@Suite struct ImageRateTests {
  @Test func aWindowHasTenSeconds() {
    var rate = ImageRate(at: 100)
    #expect(rate.add(64, at: 104, isLast: false) == nil)
    #expect(rate.add(64, at: 110, isLast: false) == 12.8)
    #expect(rate.add(64, at: 115, isLast: false) == nil)
    #expect(rate.add(64, at: 126, isLast: false) == 8)
  }

  /// The figures of the last two steps come at once.
  @Test func theLastWindowIsTakenWithTheOneBefore() {
    var rate = ImageRate(at: 0)
    #expect(rate.add(800, at: 10, isLast: false) == 80)
    #expect(rate.add(80, at: 10.000001, isLast: true)! < 89)
    var late = ImageRate(at: 0)
    #expect(late.add(800, at: 10, isLast: false) == 80)
    #expect(late.add(400, at: 20, isLast: true) == 40)
  }

  @Test func aShortTrainingIsOneWindow() {
    var rate = ImageRate(at: 0)
    #expect(rate.add(10, at: 2, isLast: true) == 5)
    var none = ImageRate(at: 0)
    #expect(none.add(10, at: 0, isLast: true) == nil)
  }
}
