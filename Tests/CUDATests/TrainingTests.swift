// Training and sampling on the emulated GPU.

import Foundation
import Testing

@Suite struct CUDATrainingTests {
  /// Ten steps of every method beside the CPU's.
  @Test(arguments: ["fp32", "bf16"])
  func everyMethodTrainsAsOnACPU(_ precision: String) throws {
    let ended = try EmulatedGPU.run(
      "gpu-check", ["methods", "--steps", "10", "--precision", precision])
    #expect(ended.code == 0, "\(ended.output)")
    #expect(ended.output.split(separator: "\n").count == 7, "\(ended.output)")
  }

  /// Products by cuBLASLt, which here adds in another order, and by own kernels where it is not, is not wanted or
  /// has no algorithm.
  @Test func trainingNeedsNoLibraryOfProducts() throws {
    func losses(_ environment: [String: String]) throws -> String {
      let ended = try EmulatedGPU.run(
        "gpu-check", ["methods", "--steps", "3", "--precision", "bf16", "--only", "pra"],
        environment: environment)
      #expect(ended.code == 0, "\(ended.output)")
      return ended.output
    }
    let own = try losses(["PRA_CUDA_BLAS": "0"])
    #expect(try losses([:]) != own)
    #expect(try losses(["EMULATION_BLAS": "none"]) == own)
  }

  /// A process that kills itself in the middle, and another that goes on from its checkpoint.
  @Test(arguments: ["fp32", "bf16"])
  func killedAndResumedEqualsUninterrupted(_ precision: String) throws {
    func train(_ folder: URL, _ more: [String] = []) throws -> Ended {
      try EmulatedGPU.run(
        "gpu-check",
        [
          "train", folder.path(percentEncoded: false), "--steps", "12", "--precision", precision,
        ] + more)
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

  @Test(arguments: ["fp32", "bf16"])
  func imagesAreTheSameBytesInAnyBatchAndShard(_ precision: String) throws {
    let ended = try EmulatedGPU.run(
      "gpu-check", ["images", "--images", "10", "--precision", precision])
    #expect(ended.code == 0, "\(ended.output)")
  }
}
