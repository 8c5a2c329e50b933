// The kernels under NVIDIA's own compiler, where it can be had.

import Foundation
import Testing

@Suite struct CUDACompilationTests {
  /// For sm_90a, with the registers and spills of the table in ops/gpu, which is of the same text for the others too.
  @Test func theRealCompilerTakesEveryKernel() throws {
    let process = Process()
    process.executableURL = EmulatedGPU.root.appending(path: "ops/gpu/compile")
    process.arguments = ["--check"]
    process.environment = ProcessInfo.processInfo.environment.merging(
      ["PRA_PROGRAMS": EmulatedGPU.products.path(percentEncoded: false)]) { $1 }
    let ended = try EmulatedGPU.finish(process)
    guard ended.code != 69 else {
      print("skipped: NVIDIA's compiler cannot be had here: \(ended.output)")
      return
    }
    #expect(ended.code == 0, "\(ended.output)")
  }
}
