// Training and sampling on the emulated GPU.

import Foundation
import Testing

@Suite struct CUDATrainingTests {
  /// Ten steps of every method beside the CPU's.
  @Test func everyMethodTrainsAsOnACPU() throws {
    let ended = try EmulatedGPU.run("gpu-check", ["methods", "--steps", "10"])
    #expect(ended.code == 0, "\(ended.output)")
    #expect(ended.output.split(separator: "\n").count == 7, "\(ended.output)")
  }

  /// A process that kills itself in the middle, and another that goes on from its checkpoint.
  @Test func killedAndResumedEqualsUninterrupted() throws {
    func train(_ folder: URL, _ more: [String] = []) throws -> Ended {
      try EmulatedGPU.run(
        "gpu-check", ["train", folder.path(percentEncoded: false), "--steps", "12"] + more)
    }
    let folders = try (0..<2).map { _ in
      let folder = FileManager.default.temporaryDirectory.appending(
        path: "check-\(UUID().uuidString)")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      return folder
    }
    defer { for folder in folders { try? FileManager.default.removeItem(at: folder) } }
    let whole = try train(folders[0])
    #expect(whole.code == 0, "\(whole.output)")
    let killed = try train(folders[1], ["--kill", "8"])
    #expect(killed.code == 128 + 9, "\(killed.output)")
    let resumed = try train(folders[1])
    #expect(
      resumed.code == 0 && resumed.output == whole.output, "\(resumed.output) \(whole.output)")
    #expect(whole.output.count == 65, "\(whole.output)")
  }

  @Test func imagesAreTheSameBytesInAnyBatchAndShard() throws {
    let ended = try EmulatedGPU.run("gpu-check", ["images", "--images", "10"])
    #expect(ended.code == 0, "\(ended.output)")
  }
}
