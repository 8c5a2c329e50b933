// The trained tensors of a model by name, and their initial values (model.md section 3.6).

import Autodiff
import Tensor

/// Distributions of a tensor's initial values.
package enum Initialization: Sendable {
  case zero
  case one
  /// 0.02 * normal: matrices of transformer blocks, embeddings.
  case smallNormal
  /// Uniform within sqrt(6 / (in + out)). Glorot & Bengio 2010, equation 16.
  case xavierUniform
  /// Bias of a modulation: 1 in its gate third, so that the blocks start open.
  case openGate
}

/// A model's parameters in the order of their creation; layers register theirs when they are
/// created.
package final class Parameters {
  package let device: Device
  package let type: ElementType
  package private(set) var all: [Parameter] = []
  private var byName: [String: Parameter] = [:]
  private let random: Philox
  private let isInitializing: Bool
  /// Stream of model.md section 6 for initial values.
  private static let stream: UInt32 = 10

  /// - Parameter initializing: false if a file's values replace the initial ones, which take a
  ///   large model many seconds
  package init(
    seed: UInt64, type: ElementType = .float32, on device: Device, initializing: Bool = true
  ) {
    isInitializing = initializing
    self.device = device
    self.type = type
    random = Philox(seed: seed)
  }

  /// Creates a parameter; no other may have the name.
  package func make(_ name: String, _ shape: [Int], _ start: Initialization) -> Parameter {
    precondition(byName[name] == nil, "parameter \(name) exists")
    let parameter = Parameter(name: name, value: values(name, shape, start))
    all.append(parameter)
    byName[name] = parameter
    return parameter
  }

  package subscript(name: String) -> Parameter? { byName[name] }

  /// Bytewise order of names, in which gradient norms are summed and files are written.
  package var sorted: [Parameter] {
    all.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
  }

  package var elementCount: Int { all.reduce(0) { $0 + $1.value.count } }

  private func values(_ name: String, _ shape: [Int], _ start: Initialization) -> Tensor {
    guard isInitializing else { return Tensor(uninitialized: shape, type: type, on: device) }
    let count = shape.reduce(1, *)
    let b = crc32(Array(name.utf8))
    func tensor(_ values: [Double]) -> Tensor { Tensor(values, shape, type: type, on: device) }
    switch start {
    case .zero: return Tensor(repeating: 0, shape, type: type, on: device)
    case .one: return Tensor(repeating: 1, shape, type: type, on: device)
    case .openGate:
      return tensor((0..<count).map { $0 >= count / 3 * 2 ? 1 : 0 })
    case .smallNormal:
      return tensor(random.normals(count, a: b, b: 0, stream: Self.stream).map { 0.02 * $0 })
    case .xavierUniform:
      precondition(shape.count == 2, "xavierUniform: \(name) of shape \(shape)")
      let bound = (6 / Double(shape[0] + shape[1])).squareRoot()
      return tensor(
        random.uniforms(count, a: b, b: 0, stream: Self.stream).map { bound * (2 * $0 - 1) })
    }
  }
}

/// CRC-32 of ISO 3309 (as in PNG and gzip), bit by bit: names are short.
package func crc32(_ bytes: [UInt8]) -> UInt32 {
  var crc: UInt32 = 0xFFFF_FFFF
  for byte in bytes {
    crc ^= UInt32(byte)
    for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
  }
  return ~crc
}
