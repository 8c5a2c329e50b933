// Batches that are read ahead are those of a loader without a thread.

import Files
import Foundation
import Tensor
import Testing
import Threads

@testable import Images

@Suite struct BatchReaderTests {
  let world: ImportWorld
  private let data: PackedDataSet

  init() throws {
    world = try ImportWorld()
    let files = try (0..<11).map { ("\($0 % 3)/\($0).png", try ImportWorld.png(UInt8($0 * 20))) }
    data = try world.ingest([SourceArchive(path: world.tar(files), name: "source")]) {
      $0.rangeImages = 4
    }.training
  }

  private var loader: ImageLoader {
    ImageLoader(
      data, batch: 4, seed: 3, augmentation: Augmentation(crop: 0.5...1, flip: true, seed: 3),
      places: .raster(size: 4, channels: 1))
  }

  private func target() -> Tensor { Tensor(uninitialized: [4, 16], on: Device(threads: 1)) }

  private func numbers(_ tensor: Tensor) -> [Float] {
    let host = tensor.download()
    return (0..<tensor.count).map { Float(host[$0]) }
  }

  @Test func readAheadChangesNoBit() throws {
    // From the middle of a run over the border of epochs.
    let reader = try BatchReader(loader, steps: 5...12)
    var plain = loader
    let target = target()
    for step in 5...12 {
      let batch = plain.batch(step: step)
      var expected = [Float](repeating: 0, count: plain.length)
      expected.withUnsafeMutableBufferPointer { plain.fill($0, with: batch, step: step) }
      let next = try #require(try reader.next(step: step, into: target))
      #expect(next.batch == batch && next.waited >= 0)
      #expect(numbers(target) == expected, "step \(step)")
    }
  }

  /// The images of a step are asked for before they are read, and those of a few steps ahead alone.
  @Test func imagesAreAskedForAhead() throws {
    let asked = Monitor<[[Int]]>([])
    let reader = try BatchReader(loader, steps: 0...9) { images in
      asked.update { $0.append(images) }
    }
    // Two that wait; a third is not begun.
    _ = asked.wait { $0.count >= 2 ? () : nil }
    let target = target()
    for step in 0..<3 { _ = try reader.next(step: step, into: target) }
    _ = asked.wait { $0.count >= 5 ? () : nil }
    #expect(asked.read { $0.count } == 5)
    var plain = loader
    #expect(asked.read { $0[1] } == plain.batch(step: 1).images)
  }

  @Test func anErrorReachesTheStepAndAStopEndsTheWait() throws {
    struct Lost: Error {}
    let failing = try BatchReader(loader, steps: 0...9) { _ in throw Lost() }
    let target = target()
    #expect(throws: Lost.self) { try failing.next(step: 0, into: target) }
    let isOpen = Monitor(false)
    let waiting = try BatchReader(loader, steps: 0...9) { _ in
      _ = isOpen.wait { $0 ? () : nil }
    }
    #expect(try waiting.next(step: 0, into: target) { true } == nil)
    isOpen.update { $0 = true }
    let next = try waiting.next(step: 0, into: target)
    #expect(try #require(next).waited > 0)
  }
}
