// The committed data set of the demo.

import Foundation
import Testing

@testable import Images

@Suite struct DemoTests {
  private let archive = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "ops/demo.d/emoji-32.tar").path()

  @Test func theDemoHasTheImagesItsNoticeNames() throws {
    let scratch = try Scratch()
    var calls = 0
    let (report, data, _) = try Ingest.run(
      [SourceArchive(path: archive)], to: scratch.path, options: .init(size: 32, channels: 3)
    ) { done, total in
      #expect(total == 1870 && done == calls)
      calls += 1
    }
    #expect(report.training.images == 1870 && report.skipped.isEmpty && report.ignored.count == 0)
    #expect(
      zip(report.classes, report.training.byClass).map { "\($0) \($1)" } == [
        "activities 85", "animals-nature 152", "flags 269", "food-drink 133", "objects 261",
        "people-body 363", "smileys-emotion 166", "symbols 223", "travel-places 218",
      ])
    #expect(data.count == 1870 && data.labels[84] == 0 && data.labels[85] == 1)
    try data.verify()
  }

  @Test func aStoppedImportLeavesNothing() throws {
    struct Stopped: Error {}
    let scratch = try Scratch()
    #expect(throws: Stopped.self) {
      try Ingest.run(
        [SourceArchive(path: archive)], to: scratch.path, options: .init(size: 32, channels: 3)
      ) { done, _ in if done == 3 { throw Stopped() } }
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path) == [])
  }
}
