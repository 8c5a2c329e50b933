// Every kernel against the CPU, and faults planted into them.

import Testing

@Suite(.serialized) struct CUDAKernelTests {
  /// In orders of threads that a GPU may take; results begin as NaN.
  @Test(arguments: ["forward", "reverse", "7"])
  func everyOperationAgreesWithTheCPU(_ order: String) throws {
    let first = order == "forward" ? "1" : order == "reverse" ? "20" : "40"
    let ended = try EmulatedGPU.run(
      "gpu-check", ["kernels", "--seeds", "3", "--first", first],
      environment: ["EMULATION_ORDER": order])
    #expect(ended.code == 0, "\(ended.output)")
    #expect(ended.output.contains("all operations agree"))
  }

  /// A fault of a kernel, where it stands, and an operation that it spoils.
  struct Fault: Sendable, CustomTestStringConvertible {
    let what: String
    let edit: String
    let operation: String
    var order = "forward"
    var testDescription: String { "\(what), \(order)" }
  }

  static let faults = [
    Fault(
      what: "a sum over row lanes without its last wait",
      edit: "/held\\[row \\* COLUMN_LANES + column\\] = x;/{n;s/block_wait();/;/}",
      operation: "column_sums"),
    Fault(
      what: "a sum over row lanes without its last wait",
      edit: "/held\\[row \\* COLUMN_LANES + column\\] = x;/{n;s/block_wait();/;/}",
      operation: "column_sums", order: "reverse"),
    Fault(
      what: "a product whose tile is read before it is there", edit: "s/block_wait();/;/",
      operation: "matrix_product"),
    Fault(
      what: "a product without its check of the rows", edit: "s/if (i >= m || j >= n) return;//",
      operation: "matrix_product"),
    Fault(
      what: "a rounded product with the wrong lanes of B",
      edit: "s/lane % 8 + lane \\/ 16 \\* 8) \\* HALF_LINE/lane % 16) * HALF_LINE/",
      operation: "matrix_product rounded"),
    Fault(
      what: "attention without the wait for its keys", edit: "s/^    block_wait();/    ;/",
      operation: "attention"),
    Fault(
      what: "attention that sees one key too many",
      edit: "s/mine + 1 : head.tokens/mine + 2 : head.tokens/",
      operation: "attention"),
    Fault(
      what: "a wait that half of a warp does not reach",
      edit: "s/const REAL top = warp_most/if (LANE < 16) warp_wait(); const REAL top = warp_most/",
      operation: "attention_gradient"),
    Fault(
      what: "an update without its check of the count", edit: "s/if (i >= t->count) continue;//",
      operation: "adamw"),
    Fault(
      what: "a norm that leaves its last columns out",
      edit:
        "s/LANE_COLUMNS(c) out\\[c\\] = x\\[c\\] \\* radius/for (integer c = LANE; c < width - 1; c += 32) out[c] = x[c] * radius/",
      operation: "sphere_norm"),
    Fault(
      what: "more threads than a kernel was compiled for",
      edit: "s/KERNEL(rms_norm, 128)/KERNEL(rms_norm, 64)/", operation: "rms_norm"),
  ]

  @Test(arguments: faults)
  func aPlantedFaultIsSeen(_ fault: Fault) throws {
    let ended = try EmulatedGPU.run(
      "gpu-check", ["kernels", "--only", fault.operation, "--seeds", "6"],
      environment: [
        "EMULATION_SED": fault.edit, "EMULATION_ORDER": fault.order,
        "PRA_CUDA_CACHE": "/dev/null/none",
      ])
    #expect(ended.code != 0 && ended.code != 64, "not seen: \(ended.output)")
    // The text still compiles: it is not the compiler that has seen it.
    #expect(!ended.output.contains("do not compile"), "\(ended.output)")
  }
}
