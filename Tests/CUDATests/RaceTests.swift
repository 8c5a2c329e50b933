// The kernels under ThreadSanitizer: ops/races.

import Foundation
import Testing

@Suite struct CUDARaceTests {
  private func races(_ arguments: [String], seeds: Int, fault: String? = nil) throws -> Ended {
    let process = Process()
    process.executableURL = EmulatedGPU.root.appending(path: "ops/races")
    process.arguments = ["kernels", "--seeds", String(seeds), "--type"] + arguments
    process.environment = ProcessInfo.processInfo.environment.merging(
      ["PRA_PROGRAMS": EmulatedGPU.products.path(percentEncoded: false)]
        .merging(fault.map { ["EMULATION_SED": $0] } ?? [:]) { $1 }
    ) { $1 }
    return try EmulatedGPU.finish(process)
  }

  /// Those that copy asynchronously, of which a fault need not change a result.
  @Test(arguments: [
    ("float32", "matrix_product rounded,multiply_packed rounded,convolve rounded"),
    ("bfloat16", "attention,attention_gradient"),
  ])
  func threadsOfABlockDoNotRace(_ type: String, _ operations: String) throws {
    let ended = try races([type, "--only", operations], seeds: 2)
    #expect(ended.code == 0, "\(ended.output)")
  }

  /// A buffer is filled again while others may still read it: with three buffers and copies that are late, results are
  /// often right.
  @Test func aBufferThatIsFilledTooEarlyIsSeen() throws {
    let ended = try races(
      ["float32", "--only", "matrix_product rounded"], seeds: 4,
      fault: "/One wait is enough: the buffers/{n;s/block_wait();/if (s == 0) block_wait();/}")
    #expect(ended.code == 66 && ended.output.contains("data race"), "\(ended.output)")
  }
}
