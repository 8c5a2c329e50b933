// Counter-based random numbers: model.md section 6.

import CKernels

/// Philox4x32-10 under one key. Every number is a function of its counter alone, so nothing has to
/// be drawn in order and a resumed run needs no saved state. Salmon et al. 2011.
package struct Philox: Sendable {
  package let key: UInt64

  /// - Parameter seed: the 64-bit key, low word first
  package init(seed: UInt64) { key = seed }

  /// The four words of counter (block, a, b, stream).
  package func words(block: UInt32, a: UInt32, b: UInt32, stream: UInt32) -> [UInt32] {
    var words: [UInt32] = [0, 0, 0, 0]
    philox4x32_10(&words, [block, a, b, stream], key)
    return words
  }

  /// Uniforms in (0, 1) for elements first..<first + count of a stream.
  package func uniforms(
    _ count: Int, first: Int = 0, a: UInt32, b: UInt32, stream: UInt32
  ) -> [Double] {
    [Double](unsafeUninitializedCapacity: count) { buffer, initialized in
      if count > 0 {
        philox_uniform(buffer.baseAddress!, Int64(first), Int64(count), key, a, b, stream)
      }
      initialized = count
    }
  }

  /// Standard normals (Box-Muller in float64) for elements first..<first + count of a stream.
  package func normals(
    _ count: Int, first: Int = 0, a: UInt32, b: UInt32, stream: UInt32
  ) -> [Double] {
    [Double](unsafeUninitializedCapacity: count) { buffer, initialized in
      if count > 0 {
        philox_normal(buffer.baseAddress!, Int64(first), Int64(count), key, a, b, stream)
      }
      initialized = count
    }
  }
}

extension Philox {
  /// Writes elements 0..<count of a stream of standard normals, rounded to the element type.
  package func writeNormals(
    to target: UnsafeMutableRawPointer, _ count: Int, type: ElementType, a: UInt32, b: UInt32,
    stream: UInt32
  ) {
    withUnsafeTemporaryAllocation(of: Double.self, capacity: max(count, 1)) { exact in
      philox_normal(exact.baseAddress!, 0, Int64(count), key, a, b, stream)
      switch type {
      case .float32:
        let out = target.assumingMemoryBound(to: Float.self)
        for i in 0..<count { out[i] = Float(exact[i]) }
      case .float64:
        let out = target.assumingMemoryBound(to: Double.self)
        for i in 0..<count { out[i] = exact[i] }
      }
    }
  }
}

extension Tensor {
  /// Standard normals for rows of `width` elements; row r uses elements first..<first + width of
  /// counter (.., a(r), b(r), stream).
  package static func normals(
    _ shape: [Int], random: Philox, stream: UInt32, type: ElementType = .float32,
    on device: Device, counter: (_ row: Int) -> (a: UInt32, b: UInt32)
  ) -> Tensor {
    let tensor = Tensor(uninitialized: shape, type: type, on: device)
    let rows = shape[0]
    let width = rows == 0 ? 0 : tensor.count / rows
    let counters = (0..<rows).map(counter)
    device.parallel(rows, cost: width * 40) { begin, end, _ in
      for r in Int(begin)..<Int(end) {
        let (a, b) = counters[r]
        random.writeNormals(
          to: tensor.pointer(at: r * width), width, type: type, a: a, b: b, stream: stream)
      }
    }
    return tensor
  }
}
