// Moments and averages that are divided over the ranks: the bits of one rank that keeps all.

import Autodiff
import Configuration
import Files
import Foundation
import PRAModel
import Tensor
import Testing

@testable import Training

/// A private folder, deleted with this object.
private final class Folder: Sendable {
  let path = FileManager.default.temporaryDirectory
    .appending(path: "pra-shards-\(UUID().uuidString)").path()

  init() throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }
  deinit { try? FileManager.default.removeItem(atPath: path) }

  func make(_ name: String) throws -> String {
    let folder = "\(path)/\(name)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    return folder
  }
}

@Suite struct ShardedOptimizerTests {
  private let folder: Folder

  init() throws { folder = try Folder() }

  /// Eight parts of two images, but for the last, which has one.
  private static func trainer(
    _ team: RankTeam?, variant: Int = 0, isSharded: Bool = true,
    averages: [Double] = [0.9, 0.999]
  ) throws -> Trainer {
    var configuration = tinyVariants[variant].configuration
    (configuration.training.batch, configuration.training.microBatch) = (15, 2)
    configuration.training.ema = averages
    configuration.training.ranks = RankRange(1...8)
    configuration.training.shardOptimizer = isSharded
    return Trainer(
      shaken(try PRAModel(configuration, classes: 3, on: Device(threads: 1))), team: team)
  }

  private static func state(_ trainer: Trainer) -> CheckpointState {
    trainer.state(codeVersion: "test", dataFingerprint: "data")
  }

  /// Names and SHA-256 of a checkpoint's files, but for its configuration.
  private typealias Digests = [String: String]

  private static func write(_ snapshot: TrainerSnapshot?, to folder: String) throws -> Digests {
    let written = try snapshot?.write(to: folder) ?? []
    return Dictionary(
      uniqueKeysWithValues: written.filter { $0.name != CheckpointFile.state }.map {
        ($0.name, $0.digest.sha256)
      })
  }

  /// Trains up to a step; that of number 2 is no number.
  /// - Parameter keep: a step whose checkpoint is kept while it is made
  /// - Returns: the figures of all steps, and what was kept
  private static func train(
    _ trainer: Trainer, to last: Int, keep: Int? = nil
  ) throws -> (values: [UInt64], kept: TrainerSnapshot?) {
    var (values, kept): ([UInt64], TrainerSnapshot?) = ([], nil)
    while trainer.step < last {
      if trainer.step == keep, trainer.team?.isFirst ?? true { trainer.keep(state(trainer)) }
      let batch = tinyBatch(trainer.model, count: 15, step: trainer.step)
      if trainer.step == 2 { batch.patches.fill(with: .nan) }
      values += try trainer.run(batch).values.map(\.value.bitPattern)
      kept = trainer.takeSnapshot() ?? kept
    }
    return (values, kept)
  }

  /// A training of five steps: its figures, the checkpoint of the state before the fourth, and that of the end.
  private struct Trained: Equatable, Sendable {
    var values: [UInt64]
    var kept: Digests
    var last: Digests
  }

  private static func whole(
    _ trainer: Trainer, in folder: Folder, _ name: String
  ) throws -> Trained {
    let (values, kept) = try train(trainer, to: 5, keep: 3)
    let isFirst = trainer.team?.isFirst ?? true
    let last = try trainer.snapshot(state(trainer), isWanted: isFirst)
    try trainer.checkResult(tinyBatch(trainer.model, count: 15, step: 5))
    return Trained(
      values: values, kept: try write(kept, to: folder.make("\(name)-kept")),
      last: try write(last, to: folder.make("\(name)-last")))
  }

  @Test(arguments: [0, tinyVariants.count - 1])
  func anyNumberOfRanksWritesTheCheckpointsOfOne(_ variant: Int) throws {
    let folder = folder
    let alone = try Self.whole(Self.trainer(nil, variant: variant), in: folder, "alone")
    #expect(
      alone.last.keys.sorted() == [
        "ema-0.9.safetensors", "ema-0.999.safetensors", "model.safetensors",
        "optimizer.safetensors",
      ])
    #expect(alone.kept != alone.last)
    // A group for each tensor, some groups, and one for all.
    for (size, bytes) in [(2, 1), (4, 1 << 10), (8, 1 << 30)] {
      let results = onRanks(size, bucketBytes: bytes, folder: folder.path) { team in
        try Self.whole(
          Self.trainer(team, variant: variant), in: folder, "\(size)-\(team.communicator.rank)")
      }
      for (rank, result) in results.enumerated() {
        let sharded = try result.get()
        let name = "rank \(rank) of \(size), \(tinyVariants[variant].name)"
        #expect(sharded.values == alone.values, "\(name)")
        #expect(sharded.kept == (rank == 0 ? alone.kept : [:]), "\(name)")
        #expect(sharded.last == (rank == 0 ? alone.last : [:]), "\(name)")
      }
      // Files that were gathered have been moved.
      let left = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      #expect(!left.contains { $0.hasPrefix("gathered-") })
    }
  }

  @Test(arguments: [[], [0.9]])
  func fewerAveragesAreSharedAsWell(_ averages: [Double]) throws {
    let folder = folder
    let alone = try Self.whole(Self.trainer(nil, averages: averages), in: folder, "alone")
    let first = onRanks(2, folder: folder.path) { team in
      try Self.whole(
        Self.trainer(team, averages: averages), in: folder, "\(team.communicator.rank)")
    }[0]
    #expect(try first.get() == alone)
  }

  /// How a training is spread: over how many ranks, and whether these keep parts.
  private struct Spread: Sendable {
    let ranks: Int
    let isSharded: Bool
  }

  /// The result of the first rank.
  private static func train<Value: Sendable>(
    over spread: Spread, in folder: Folder, _ body: @escaping @Sendable (Trainer) throws -> Value
  ) throws -> Value {
    guard spread.ranks > 1 else { return try body(trainer(nil, isSharded: spread.isSharded)) }
    return try onRanks(spread.ranks, folder: folder.path) {
      try body(trainer($0, isSharded: spread.isSharded))
    }[0].get()
  }

  /// Each training goes on from the checkpoint of the one before it, spread in another way.
  @Test func aCheckpointGoesOnOverAnyNumberOfRanksWithPartsAndWithout() throws {
    let folder = folder
    let alone = try Self.whole(Self.trainer(nil), in: folder, "alone")
    let spreads = [(2, true), (1, false), (4, true), (2, false), (8, true)].map {
      Spread(ranks: $0.0, isSharded: $0.1)
    }
    var before: String?
    for (step, spread) in spreads.enumerated() {
      let (source, target) = (before, try folder.make("after-\(step + 1)"))
      let files = try Self.train(over: spread, in: folder) { trainer in
        if let source {
          let archive = try CheckpointArchive(
            folder: source, files: Array(alone.last.keys) + [CheckpointFile.state],
            name: "before")
          #expect(try trainer.begin(from: archive, restart: false) == [])
        }
        #expect(trainer.step == step)
        _ = try Self.train(trainer, to: step + 1)
        let isFirst = trainer.team?.isFirst ?? true
        let snapshot = try trainer.snapshot(Self.state(trainer), isWanted: isFirst)
        return isFirst ? try Self.write(snapshot, to: target) : [:]
      }
      if step == 2 { #expect(files == alone.kept) }
      if step == 4 { #expect(files == alone.last) }
      before = target
    }
  }

  /// A gang that starts again, with another number of ranks.
  @Test func aGangGoesOnFromItsCheckpointWithAnotherNumberOfRanks() throws {
    let folder = folder
    let alone = try Self.whole(Self.trainer(nil), in: folder, "alone")
    for (size, next) in [(4, 2), (2, 1), (1, 8)] {
      let kept = try folder.make("from-\(size)")
      func go(_ ranks: Int, from source: String?, to last: Int, _ target: String) throws -> Digests
      {
        try Self.train(over: Spread(ranks: ranks, isSharded: true), in: folder) { trainer in
          if let source { try trainer.restore(from: source, dataFingerprint: "data") }
          _ = try Self.train(trainer, to: last)
          let isFirst = trainer.team?.isFirst ?? true
          let snapshot = try trainer.snapshot(Self.state(trainer), isWanted: isFirst)
          return isFirst ? try Self.write(snapshot, to: target) : [:]
        }
      }
      #expect(try go(size, from: nil, to: 3, kept) == alone.kept)
      #expect(try go(next, from: kept, to: 5, folder.make("to-\(next)")) == alone.last)
    }
  }

  /// Nothing is sent where the first rank wants no checkpoint.
  @Test func noCheckpointIsGatheredThatTheFirstRankDoesNotWant() throws {
    let folder = folder
    for result in onRanks(
      2, folder: folder.path,
      { team in
        let trainer = try Self.trainer(team)
        return try trainer.snapshot(Self.state(trainer), isWanted: !team.isFirst) == nil
      })
    {
      #expect(try result.get())
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
  }

  @Test func anAverageThatIsNotFiniteEndsAllRanksWithOneSentence() throws {
    let sentences = onRanks(4) { team in
      let trainer = try Self.trainer(team)
      _ = try Self.train(trainer, to: 1)
      if team.communicator.rank == 2 {
        let parts = trainer.optimizer.averages[1].values
        try #require(parts.last { $0.count > 0 }).fill(with: .nan)
      }
      let error = #expect(throws: BrokenWeights.self) {
        try trainer.checkResult(tinyBatch(trainer.model, count: 15, step: 1))
      }
      return error?.description ?? ""
    }
    let found = try Set(sentences.map { try $0.get() })
    #expect(found.count == 1)
    #expect(found.first?.contains("the weights ema-0.999.") == true, "\(found)")
  }

  /// A rank allocates its share of the bytes.
  @Test(arguments: [2, 4, 8]) func aRankKeepsItsShareOfTheBytes(_ size: Int) throws {
    let all = try Self.trainer(nil).optimizer.keptBytes
    let kept = try onRanks(size) { try Self.trainer($0).optimizer.keptBytes }
      .map { try $0.get() }
    #expect(kept.reduce(0, +) == all)
    // Tensors of this model are as small as AdamW's runs, which are not divided.
    #expect(kept.allSatisfy { $0 < 3 * all / (2 * size) }, "\(kept) of \(all)")
  }

  /// The largest part of each preset's elements is at most 1/1000 above an equal share.
  @Test(arguments: Preset.allCases) func presetsAreDividedEvenly(_ preset: Preset) {
    let shapes = preset.configuration.tensorShapes(classes: 1000)
    let counts = shapes.map { $0.shape.reduce(1, *) }
    let all = counts.reduce(0, +)
    for size in [1, 2, 4, 8] {
      let shards = OptimizerShards(of: counts, among: size)
      for (i, count) in counts.enumerated() {
        var next = 0
        for ranges in shards.ranges {
          #expect(ranges[i].lowerBound == next)
          #expect(next % AdamWUpdate.elementsOfRun == 0 || ranges[i].isEmpty)
          next = ranges[i].upperBound
        }
        #expect(next == count)
      }
      let most = shards.ranges.map { $0.reduce(0) { $0 + $1.count } }.max()!
      #expect(most * size * 1000 <= all * 1001, "\(most) of \(all) among \(size)")
    }
  }
}
