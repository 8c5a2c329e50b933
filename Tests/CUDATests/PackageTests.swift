// The package that checks a GPU elsewhere, unpacked and run on the emulated one.

import Foundation
import Testing

@Suite struct GPUCheckPackageTests {
  private func run(
    _ program: URL, _ arguments: [String], _ environment: [String: String] = [:]
  ) throws -> Ended {
    let process = Process()
    process.executableURL = program
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    return try EmulatedGPU.finish(process)
  }

  @Test func thePackageRunsWithoutAnythingElse() throws {
    let folder = FileManager.default.temporaryDirectory.appending(
      path: "package-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let libraries = try EmulatedGPU.libraries()
    defer { for one in [folder, libraries] { try? FileManager.default.removeItem(at: one) } }
    let archive = folder.appending(path: "check.tar.gz").path(percentEncoded: false)
    let packed = try run(
      EmulatedGPU.root.appending(path: "ops/gpu-check"), [archive],
      [
        "PRA_PROGRAMS": EmulatedGPU.products.path(percentEncoded: false),
        "PRA_GPU_CHECK_EMULATED": "1",
      ])
    #expect(packed.code == 0, "\(packed.output)")
    let unpacked = try run(
      URL(filePath: "/usr/bin/env"),
      ["tar", "-C", folder.path(percentEncoded: false), "-xzf", archive])
    #expect(unpacked.code == 0, "\(unpacked.output)")
    let out = folder.appending(path: "out")
    func rows(_ environment: [String: String] = [:]) throws -> [[String: Any]] {
      let ended = try run(
        folder.appending(path: "gpu-check/run"),
        ["--out", out.path(percentEncoded: false), "--quick"],
        [
          "PRA_CUDA_PATH": libraries.path(percentEncoded: false),
          "PRA_CUDA_CACHE": EmulatedGPU.kernels, "PRA_DEVICE": "cuda",
        ].merging(environment) { $1 })
      #expect(ended.code == 0, "\(ended.output)")
      return try String(contentsOf: out.appending(path: "rows.jsonl"), encoding: .utf8)
        .split(separator: "\n").map { line in
          try #require(
            try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any], "\(line)")
        }
    }
    // A part for which there is no time is said, and nothing hangs.
    let none = try rows(["GPU_CHECK_SECONDS": "0"])
    let reasons = Set(none.compactMap { $0["skipped"] as? String })
    #expect(none.count > 8 && none.allSatisfy { $0["skipped"] is String }, "\(none)")
    #expect(reasons.isSubset(of: ["the time was over", "no PyTorch here"]), "\(reasons)")
    let all = try rows()
    let names = Set(all.compactMap { $0["check"] as? String })
    #expect(
      names.isSuperset(of: [
        "kernels", "methods", "curve", "resume", "images", "training", "sampling",
        "peer-step-nano", "peer-sample-nano",
      ]), "\(names)")
    #expect(all.allSatisfy { ($0["code"] as? Int ?? 0) == 0 })
    for row in all where ["training", "sampling"].contains(row["check"] as? String) {
      #expect((row["images_per_second"] as? Double ?? 0) > 0, "\(row)")
      #expect(row["device"] as? String == "emulated GPU")
    }
  }
}
