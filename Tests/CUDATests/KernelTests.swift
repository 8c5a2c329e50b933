// Every kernel against the CPU, and faults planted into them.

import Testing

@Suite(.serialized) struct CUDAKernelTests {
  /// Orders of threads that a GPU may take, and times of asynchronous copies; results begin as NaN. Operations
  /// that copy asynchronously are checked in each order and at both times.
  @Test(arguments: ["forward", "reverse", "7"], ["late", "early"])
  func everyOperationAgreesWithTheCPU(_ order: String, _ copies: String) throws {
    let copying =
      "matrix_product rounded,multiply_packed rounded,convolve rounded,attention,attention_gradient"
    let isWhole = (order == "reverse") == (copies == "early")
    let first = order == "forward" ? "1" : order == "reverse" ? "20" : "40"
    let ended = try EmulatedGPU.run(
      "gpu-check",
      ["kernels", "--seeds", "3", "--first", first] + (isWhole ? [] : ["--only", copying]),
      environment: ["EMULATION_ORDER": order, "EMULATION_COPIES": copies])
    #expect(ended.code == 0, "\(ended.output)")
    #expect(ended.output.contains("all operations agree"))
  }

  /// A fault of a kernel, where it stands, and an operation that it spoils.
  struct Fault: Sendable, CustomTestStringConvertible {
    let what: String
    let edit: String
    let operation: String
    var order = "forward"
    var type = "float32"
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
      what: "a rounded product that waits for too few copies",
      edit: "s/copy_async_wait<ROUNDED_STAGES - 2>/copy_async_wait<ROUNDED_STAGES + 2>/",
      operation: "matrix_product rounded"),
    Fault(
      what: "a rounded product whose tile is read before it is there",
      edit: "/One wait is enough: the buffers/{n;s/block_wait();/;/}",
      operation: "matrix_product rounded"),
    Fault(
      what: "asynchronous copies to addresses between units of 16 bytes",
      edit: "s/HALF_LINE = ROUNDED_LINE/HALF_LINE = ROUNDED_LINE - 4/",
      operation: "matrix_product rounded"),
    Fault(
      what: "windows of a rounded convolution that are one column off",
      edit: "s/lefts\\[i\\] + (int)(place % /lefts[i] + 1 + (int)(place % /",
      operation: "convolve rounded"),
    Fault(
      what: "rounded attention without the wait for its values",
      edit: "s/copy_async_wait<0>();/;/", operation: "attention", type: "bfloat16"),
    Fault(
      what: "rounded attention that sees one key too many",
      edit: "s/key <= query)/key <= query + 1)/", operation: "attention", type: "bfloat16"),
    Fault(
      what: "a rounded gradient of keys without the sums of its queries",
      edit: "s/slope\\[j\\]\\[e\\] - of_query\\[2\\]/slope[j][e]/",
      operation: "attention_gradient", type: "bfloat16"),
    Fault(
      what: "a wait of the block that half of its threads do not reach",
      edit: "s/block_wait();/if (threadIdx.x < blockDim.x \\/ 2) block_wait();/",
      operation: "column_sums"),
    Fault(
      what: "a block whose halves wait at different places",
      edit: "s/block_wait();/if (threadIdx.x < 32) block_wait();\\nelse block_wait();/",
      operation: "column_sums"),
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
      "gpu-check", ["kernels", "--only", fault.operation, "--seeds", "6", "--type", fault.type],
      environment: [
        "EMULATION_SED": fault.edit, "EMULATION_ORDER": fault.order, "EMULATION_FLAG": "-O0",
        "PRA_CUDA_CACHE": "/dev/null/none",
      ])
    #expect(ended.code != 0 && ended.code != 64, "not seen: \(ended.output)")
    // The text still compiles, and is no longer what it was: it is not the compiler that has seen it.
    #expect(!ended.output.contains("do not compile"), "\(ended.output)")
  }
}
