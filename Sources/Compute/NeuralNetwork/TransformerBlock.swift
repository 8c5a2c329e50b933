// The transformer block of trunk, decoder and image encoder (model.md section 3.1).

import Autodiff
import Tensor

#if canImport(Glibc)
  import Glibc
#endif

/// Sizes of a stack of blocks.
package struct TransformerShape: Sendable {
  package let width: Int
  package let layers: Int
  package let heads: Int
  /// Hidden width of the feed-forward part: m * ceil(8 width / (3 m)).
  package let hidden: Int

  package init(width: Int, layers: Int, heads: Int, mlpMultiple m: Int) {
    self.width = width
    self.layers = layers
    self.heads = heads
    hidden = m * ((8 * width + 3 * m - 1) / (3 * m))
  }

  package var headSize: Int { width / heads }
}

/// x += out(attention(rope(q), rope(k), v)); x += down(SiLU(a) * b), both after an RMSNorm.
package struct TransformerBlock {
  private let attentionNorm: RMSNorm
  private let qkv: Linear
  private let out: Linear
  private let mlpNorm: RMSNorm
  private let up: Linear
  private let down: Linear
  private let heads: Int

  /// - Parameter name: without a final dot, such as `trunk.blocks.0`
  package init(_ name: String, _ shape: TransformerShape, in parameters: Parameters) {
    func matrix(_ part: String, from inputs: Int, to outputs: Int) -> Linear {
      Linear(
        "\(name).\(part)", from: inputs, to: outputs, bias: nil, weight: .smallNormal,
        in: parameters)
    }
    heads = shape.heads
    attentionNorm = RMSNorm("\(name).attn_norm", width: shape.width, in: parameters)
    qkv = matrix("qkv", from: shape.width, to: 3 * shape.width)
    out = matrix("out", from: shape.width, to: shape.width)
    mlpNorm = RMSNorm("\(name).mlp_norm", width: shape.width, in: parameters)
    up = matrix("up", from: shape.width, to: 2 * shape.hidden)
    down = matrix("down", from: shape.hidden, to: shape.width)
  }

  /// - Parameters:
  ///   - x: [batch, tokens, width]
  ///   - cache: keys and values of earlier tokens, for causal inference one token after the other
  package func callAsFunction(
    _ x: Variable, angles: RotaryAngles, causal: Bool, cache: KeyValueCache? = nil
  ) -> Variable {
    let type = x.tape.activations
    let packed = qkv(attentionNorm(x, as: type), as: cache == nil ? type : nil)
    let mixed: Variable
    if let cache {
      precondition(causal && !packed.needsGradient, "a cache serves causal inference only")
      mixed = x.tape.constant(cache.attend(packed.value, angles: angles))
    } else {
      mixed = attention(packed, heads: heads, angles: angles, causal: causal)
    }
    let y = add(x, out(mixed))
    return add(y, down(swiglu(up(mlpNorm(y, as: type), as: type))))
  }
}

/// A stack of blocks over tokens with fixed coordinates.
package struct TransformerStack {
  private let blocks: [TransformerBlock]
  private let shape: TransformerShape
  private let angles: RotaryAngles
  private let causal: Bool

  /// - Parameter name: such as `trunk.blocks`
  package init(
    _ name: String, _ shape: TransformerShape, coordinates: [TokenCoordinate], causal: Bool,
    in parameters: Parameters
  ) {
    self.shape = shape
    self.causal = causal
    blocks = (0..<shape.layers).map { TransformerBlock("\(name).\($0)", shape, in: parameters) }
    angles = rotaryAngles(
      coordinates, headSize: shape.headSize, type: parameters.type, on: parameters.device)
  }

  package func callAsFunction(_ x: Variable, caches: [KeyValueCache]? = nil) -> Variable {
    var x = x
    for (layer, block) in blocks.enumerated() {
      if let cache = caches?[layer] {
        x = block(x, angles: angles, causal: causal, cache: cache)
      } else {
        x = recomputed([x]) { block($0[0], angles: angles, causal: causal) }
      }
    }
    return x
  }

  /// The output of every block, for inference.
  /// - Parameter angles: angles of the sequence, which may be longer or shorter than the stack's
  package func outputs(_ x: Variable, angles: RotaryAngles) -> [Variable] {
    var x = x
    return blocks.map { block in
      x = block(x, angles: angles, causal: causal)
      return x
    }
  }

  /// Empty caches for `batch` sequences of the stack's length.
  package func caches(batch: Int, on tape: Tape) -> [KeyValueCache] {
    blocks.map { _ in
      KeyValueCache(
        batch: batch, heads: shape.heads, capacity: angles.cosine.shape[0], size: shape.headSize,
        on: tape)
    }
  }
}

/// The position of a token: patches count from (1, 1), class tokens are at (0, 0).
package struct TokenCoordinate: Sendable {
  package let row: Int
  package let column: Int

  /// `classTokens` tokens at the origin, then the patches of a square grid in raster order.
  package static func sequence(classTokens: Int, grid: Int) -> [TokenCoordinate] {
    [TokenCoordinate](repeating: TokenCoordinate(row: 0, column: 0), count: classTokens)
      + (0..<grid * grid).map { TokenCoordinate(row: $0 / grid + 1, column: $0 % grid + 1) }
  }
}

/// Two-dimensional rotary angles, base 10000. Of the size / 2 pairs of a head, the first half turns
/// with the row, the other with the column. Heo et al. 2024, arXiv 2403.13298.
package func rotaryAngles(
  _ coordinates: [TokenCoordinate], headSize: Int, type: ElementType, on device: Device
) -> RotaryAngles {
  precondition(headSize % 4 == 0, "rotaryAngles: head size \(headSize) is not divisible by 4")
  let quarter = headSize / 4
  var angles: [Double] = []
  for place in coordinates {
    for coordinate in [place.row, place.column] {
      for j in 0..<quarter {
        angles.append(Double(coordinate) * pow(10000, -Double(j) / Double(quarter)))
      }
    }
  }
  let shape = [coordinates.count, headSize / 2]
  return RotaryAngles(
    cosine: Tensor(angles.map { cos($0) }, shape, type: type, on: device),
    sine: Tensor(angles.map { sin($0) }, shape, type: type, on: device))
}
