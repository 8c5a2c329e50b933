// The kernels under NVIDIA's own compiler, where it can be had.

import Foundation
import Testing

@Suite struct CUDACompilationTests {
  /// For sm_80, sm_90a and sm_100a, with the registers and spills of the table in ops/gpu.
  @Test func theRealCompilerTakesEveryKernel() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let process = Process()
    process.executableURL = root.appending(path: "ops/gpu/compile")
    process.arguments = ["--check"]
    process.environment = ProcessInfo.processInfo.environment.merging(
      ["PRA_PROGRAMS": EmulatedGPU.products.path(percentEncoded: false)]) { $1 }
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let said = String(decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    process.waitUntilExit()
    guard process.terminationStatus != 69 else {
      print("skipped: NVIDIA's compiler cannot be had here: \(said)")
      return
    }
    #expect(process.terminationStatus == 0, "\(said)")
  }
}
