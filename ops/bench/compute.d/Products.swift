// Matrix products alone: the limit that a step is compared with, and a table beside OpenBLAS.

import COpenBLAS
import Tensor
import Training

/// One product y = x W' for rows x in -> out.
struct Product {
  let rows: Int
  let inputs: Int
  let outputs: Int
  private let x: Tensor
  private let w: Tensor
  private let y: Tensor

  init(_ rows: Int, _ inputs: Int, _ outputs: Int, on device: Device) {
    (self.rows, self.inputs, self.outputs) = (rows, inputs, outputs)
    let random = Philox(seed: 1)
    x = Tensor(random.normals(rows * inputs, a: 0, b: 0, stream: 0), [rows, inputs], on: device)
    w = Tensor(
      random.normals(outputs * inputs, a: 1, b: 0, stream: 0), [outputs, inputs], on: device)
    y = Tensor(uninitialized: [rows, outputs], on: device)
  }

  var operations: Double { 2 * Double(rows * inputs * outputs) }

  func ours(_ precision: ProductPrecision = .full) {
    matrixProduct(
      into: Matrix(y), Matrix(x), Matrix(w).transposed, m: rows, n: outputs, k: inputs,
      precision: precision)
  }

  func openBLAS() {
    x.readOnHost { x in
      w.readOnHost { w in
        y.withHostElements { y in
          cblas_sgemm(
            CblasRowMajor, CblasNoTrans, CblasTrans, blasint(rows), blasint(outputs),
            blasint(inputs), 1, x.baseAddress, blasint(inputs), w.baseAddress, blasint(inputs), 0,
            y.baseAddress, blasint(outputs))
        }
      }
    }
  }
}

/// GF/s of the large products of pra-s on all threads: ours and, in float32, OpenBLAS's, in turns.
func productRates(_ device: Device, _ precision: String, rounds: Int) -> [Double] {
  var rates: [Double] = []
  for (rows, inputs, outputs) in [(2176, 768, 2304), (8192, 768, 2304), (2176, 2048, 768)] {
    let product = Product(rows, inputs, outputs, on: device)
    for _ in 0..<rounds {
      rates.append(
        1e-9 * product.operations
          / seconds { product.ours(precision == "bf16" ? .bfloat16 : .full) })
      if precision == "fp32" {
        rates.append(1e-9 * product.operations / seconds(product.openBLAS))
      }
    }
  }
  return rates
}

/// Prints a JSON object for each product: its name, its operations in GF, and the seconds of one product in
/// each round, ours and OpenBLAS's, in turns.
func timeProducts(_ device: Device, rounds: Int) {
  for (rows, inputs, outputs) in [
    (1088, 128, 384), (1088, 384, 128), (4096, 128, 384), (4096, 192, 128), (128, 128, 384),
    (2176, 768, 2304), (2176, 2048, 768), (64, 768, 768),
  ] {
    let product = Product(rows, inputs, outputs, on: device)
    let repeats = max(1, 200_000_000 / (rows * inputs * outputs))
    product.ours()
    product.openBLAS()
    var (mine, peer): ([Double], [Double]) = ([], [])
    for _ in 0..<rounds {
      mine.append(seconds { for _ in 0..<repeats { product.ours() } } / Double(repeats))
      peer.append(seconds { for _ in 0..<repeats { product.openBLAS() } } / Double(repeats))
    }
    print(
      "{\"name\":\"\(rows) x \(inputs) -> \(outputs)\",\"gflop\":\(1e-9 * product.operations),"
        + "\"ours\":\(mine),\"openblas\":\(peer)}")
  }
}
