// Ranks that share the parts of a batch, on threads of one process.

import Autodiff
import Configuration
import Foundation
import PRAModel
import Tensor
import Testing
import Threads

@testable import Training

@Suite struct RankTests {
  /// Eight parts of two images, but for the last, which has one.
  private func trainer(
    _ variant: Int, _ team: RankTeam?, recomputing: Bool = false
  ) throws -> Trainer {
    var configuration = tinyVariants[variant].configuration
    (configuration.training.batch, configuration.training.microBatch) = (15, 2)
    configuration.training.recompute = recomputing
    return Trainer(
      shaken(try PRAModel(configuration, classes: 3, on: Device(threads: 1))), team: team)
  }

  private struct Trained: Equatable, Sendable {
    var weights: [[Float]] = []
    var values: [UInt64] = []
    var names: [String] = []
  }

  private func train(
    _ variant: Int, steps: Int, _ team: RankTeam?, recomputing: Bool = false
  ) throws -> Trained {
    let trainer = try trainer(variant, team, recomputing: recomputing)
    var trained = Trained()
    for step in 0..<steps {
      let report = try trainer.run(tinyBatch(trainer.model, count: 15, step: step))
      trained.values += report.values.map(\.value.bitPattern)
      trained.names += report.values.map(\.name)
    }
    try trainer.checkResult(tinyBatch(trainer.model, count: 15, step: steps))
    let optimizer = trainer.optimizer
    trained.weights = (optimizer.parameters.map(\.value) + optimizer.m + optimizer.v).map {
      $0.download().floats
    }
    return trained
  }

  @Test(arguments: tinyVariants.indices)
  func anyNumberOfRanksGivesTheBitsOfOne(_ variant: Int) throws {
    let alone = try train(variant, steps: 3, nil)
    #expect(alone.names.contains("grad_norm"))
    // A bucket for each gradient, some buckets, and one for all.
    for (size, bytes) in [(2, 1), (2, 1 << 12), (4, 1 << 10), (8, 1 << 30)] {
      let results = onRanks(size, bucketBytes: bytes) { try train(variant, steps: 3, $0) }
      for (rank, result) in results.enumerated() {
        let shared = try result.get()
        #expect(
          shared == alone,
          "rank \(rank) of \(size), buckets of \(bytes) bytes, \(tinyVariants[variant].name)")
      }
    }
  }

  @Test func ranksThatRecomputeActivationsGiveTheBitsOfOneThatKeepsThem() throws {
    let alone = try train(0, steps: 3, nil)
    for result in onRanks(2, { try train(0, steps: 3, $0, recomputing: true) }) {
      #expect(try result.get() == alone)
    }
  }

  /// Four gradients of a bucket each, all of whose elements are 1 on rank 0, 2 on rank 1 and so on.
  private func fourBuckets(
    _ team: RankTeam
  ) -> (sum: RankedSum, gradients: [Tensor], device: Device) {
    let device = Device(threads: 1)
    let parameters = (0..<4).map {
      Parameter(name: "\($0)", value: Tensor(repeating: 0, [3, 5], on: device))
    }
    let buckets = team.buckets(parameters, on: device)
    let gradients = parameters.map { _ in
      buckets.add(Tensor(repeating: Double(1 + team.communicator.rank), [3, 5], on: device))
    }
    buckets.finish()
    return (team.sum(buckets, DeviceList([0.5], on: device)), gradients, device)
  }

  /// Nobody waits for the last bucket before the first one is sent: the sum is there while later ones are computed.
  @Test func aBucketIsSummedWhileTheNextIsComputed() throws {
    let sums = onRanks(2, bucketBytes: 1) { team in
      let (sum, gradients, _) = fourBuckets(team)
      let isSummed = Monitor(false)
      (team.communicator as! ThreadCommunicator).gathered = { isSummed.update { $0 = true } }
      try team.run(sum) { isComplete in
        try isComplete(0)
        let found: Bool? = isSummed.wait(until: monotonicSeconds() + 60) { $0 ? true : nil }
        #expect(found == true)
        #expect(gradients[0].download().floats == Array(repeating: 3, count: 15))
        #expect(gradients[1].download().floats[0] == Float(1 + team.communicator.rank))
        for bucket in 1..<4 { try isComplete(bucket) }
      }
      return gradients.map { $0.download().floats }
    }
    for sum in sums {
      #expect(try sum.get() == Array(repeating: Array(repeating: 3, count: 15), count: 4))
    }
  }

  /// A rank that fails between two buckets ends the passes of the others at their next bucket, and waits for nobody.
  @Test func aRankThatFailsBetweenBucketsEndsTheOthersAtOnce() throws {
    struct Fault: Error {}
    let ends = onRanks(2, bucketBytes: 1) { team in
      let (sum, _, _) = fourBuckets(team)
      if team.communicator.rank == 1 {
        #expect(throws: Fault.self) {
          try team.run(sum) { isComplete in
            try isComplete(0)
            throw Fault()
          }
        }
      } else {
        #expect(throws: ThreadRanks.Gone.self) {
          try team.run(sum) { isComplete in
            // Its passes would never end.
            while true { try isComplete(1) }
          }
        }
      }
      #expect(!team.stops)
    }
    for end in ends { try end.get() }
  }

  /// Every rank learns of a stop behind the same step, whoever was asked.
  @Test func aStopIsAgreedAtOneStep() throws {
    let steps = onRanks(4) { team in
      let trainer = try trainer(0, team)
      while !team.stops {
        if team.communicator.rank == 2, trainer.step == 3 { team.asksToStop = true }
        _ = try trainer.run(tinyBatch(trainer.model, count: 15, step: trainer.step))
      }
      return trainer.step
    }
    #expect(try steps.map { try $0.get() } == [4, 4, 4, 4])
  }

  /// A rank that fails ends the steps of all others, whose weights are those before the step.
  @Test func aRankThatLeavesEndsTheOthers() throws {
    struct Fault: Error {}
    let weights = onRanks(2) { team in
      let trainer = try trainer(0, team)
      _ = try trainer.run(tinyBatch(trainer.model, count: 15))
      let before = trainer.optimizer.parameters.map { $0.value.download().floats }
      if team.communicator.rank == 1 { throw Fault() }
      #expect(throws: ThreadRanks.Gone.self) {
        try trainer.run(tinyBatch(trainer.model, count: 15, step: 1))
      }
      return trainer.optimizer.parameters.map { $0.value.download().floats } == before
    }
    #expect(try weights[0].get())
  }

  @Test func sharesAreEqualPowersOfTwo() {
    func good(_ parts: Int) -> [Int] {
      (1...parts).filter { TrainingConfiguration.share(of: parts, among: $0) != nil }
    }
    #expect(good(8) == [1, 2, 4, 8])
    #expect(good(6) == [1, 3, 6])
    #expect(good(12) == [1, 3, 6, 12])
    #expect(good(1) == [1])
  }

  /// The sum of as many parts as there are has the order of one rank's, also where they are no power of two.
  @Test(arguments: 1...9) func sumsByHalvesHaveOneOrder(_ count: Int) {
    var words = (0..<count).map(String.init)
    byHalves(count) { words[$0] = "(\(words[$0])+\(words[$1]))" }
    let expected = [
      "0", "(0+1)", "((0+1)+2)", "((0+1)+(2+3))", "(((0+1)+(2+3))+4)", "(((0+1)+(2+3))+(4+5))",
      "(((0+1)+(2+3))+((4+5)+6))", "(((0+1)+(2+3))+((4+5)+(6+7)))",
      "((((0+1)+(2+3))+((4+5)+(6+7)))+8)",
    ]
    #expect(words[0] == expected[count - 1])
  }
}
