// A profile as text, beside the limits of the machine.

import Tensor
import Testing
import Training

@Suite struct ProfileTableTests {
  /// Each kind of operation of one round stands beside the limits that it is compared with.
  @Test func aProfileIsOneTable() {
    let limits = MachineLimits(products: 100e9, precision: .full, memory: 10e9)
    let rows = [
      ProfiledOperation(
        name: "matrix_product", count: 8, seconds: 0.2, operations: 10e9, bytes: 0.5e9),
      ProfiledOperation(name: "fill", count: 2, seconds: 0.05, operations: 0.1e9, bytes: 0.4e9),
    ]
    #expect(
      limits.table(rows, rounds: 2, seconds: 0.15) == """
        limits, measured here: products 100.0 GF/s (fp32), copies 10.0 GB/s

        operation       runs       ms    share  GFLOP  GF/s  of limit      MB  GB/s  of limit  at least ms
        matrix_product     4  100.000   80.0 %  5.000  50.0      50 %  250.00   2.5      25 %       50.000
        fill               1   25.000   20.0 %  0.050   2.0       2 %  200.00   8.0      80 %       20.000
        all operations     5  125.000  100.0 %  5.050  40.4      40 %  450.00   3.6      36 %       70.000

        one round 150.000 ms, of it 125.000 ms in operations
        """)
  }

  @Test func limitsAreMeasured() {
    let limits = MachineLimits(of: Device(threads: 1), .bfloat16, rounds: 1)
    #expect(limits.products > 1e8 && limits.memory > 1e8)
    #expect(limits.table([], rounds: 1, seconds: 1).contains("GF/s (bf16)"))
  }
}
