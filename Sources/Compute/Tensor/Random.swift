// Counter-based random numbers: model.md section 6.

import CKernels

/// Philox4x32-10 with one key. Every number is a function of its counter alone, so numbers can be
/// drawn in any order and a resumed run needs no saved state. Salmon et al. 2011.
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

  /// The first uniform of a counter.
  package func uniform(a: UInt32, b: UInt32, stream: UInt32) -> Double {
    var value = 0.0
    philox_uniform(&value, 0, 1, key, a, b, stream)
    return value
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
    guard type == .float32 else {
      let out = target.assumingMemoryBound(to: Double.self)
      return philox_normal(out, 0, Int64(count), key, a, b, stream)
    }
    let out = target.assumingMemoryBound(to: Float.self)
    // On the stack, so that nothing is allocated.
    let most = 128
    withUnsafeTemporaryAllocation(of: Double.self, capacity: most) { exact in
      for first in stride(from: 0, to: count, by: most) {
        let part = min(most, count - first)
        philox_normal(exact.baseAddress!, Int64(first), Int64(part), key, a, b, stream)
        for i in 0..<part { out[first + i] = Float(exact[i]) }
      }
    }
  }
}

extension Tensor {
  /// Standard normals for rows of `width` elements; row r uses elements first..<first + width of
  /// counter (.., a(r), b(r), stream).
  /// - Parameter counter: asked again whenever the program being recorded is run
  package static func normals(
    _ shape: [Int], random: Philox, stream: UInt32, type: ElementType = .float32,
    on device: Device, counter: @escaping (_ row: Int) -> (a: UInt32, b: UInt32)
  ) -> Tensor {
    let tensor = Tensor(uninitialized: shape, type: type, on: device)
    let rows = shape[0]
    let width = rows == 0 ? 0 : tensor.count / rows
    let target = tensor.pointer
    device.parallel(rows, cost: width * 40) { begin, end, _ in
      for r in Int(begin)..<Int(end) {
        let (a, b) = counter(r)
        random.writeNormals(
          to: target + r * width * type.size, width, type: type, a: a, b: b, stream: stream)
      }
    }
    return tensor
  }

  /// Numbers in float64 for rows of `width` elements, with counters as in `normals`.
  /// - Parameters:
  ///   - kind: their distribution
  ///   - map: applied to each number
  package static func exact(
    _ kind: Distribution, _ shape: [Int], random: Philox, stream: UInt32, on device: Device,
    counter: @escaping (_ row: Int) -> (a: UInt32, b: UInt32),
    map: @escaping (Double) -> Double = { $0 }
  ) -> Tensor {
    let tensor = Tensor(uninitialized: shape, type: .float64, on: device)
    let rows = shape[0]
    let width = rows == 0 ? 0 : tensor.count / rows
    let target = tensor.pointer.assumingMemoryBound(to: Double.self)
    device.parallel(rows, cost: width * 40) { begin, end, _ in
      for r in Int(begin)..<Int(end) {
        let ((a, b), row) = (counter(r), target + r * width)
        switch kind {
        case .uniform: philox_uniform(row, 0, Int64(width), random.key, a, b, stream)
        case .normal: philox_normal(row, 0, Int64(width), random.key, a, b, stream)
        }
        for i in 0..<width { row[i] = map(row[i]) }
      }
    }
    return tensor
  }

  /// A float64 tensor rounded to another type.
  package func rounded(to type: ElementType) -> Tensor {
    precondition(self.type == .float64, "rounded: \(self.type)")
    guard type == .float32 else { return self }
    let out = Tensor(uninitialized: shape, type: type, on: device)
    let from = pointer.assumingMemoryBound(to: Double.self)
    let to = out.pointer.assumingMemoryBound(to: Float.self)
    device.parallel(count, cost: 2) { begin, end, _ in
      for i in Int(begin)..<Int(end) { to[i] = Float(from[i]) }
    }
    return out
  }
}

extension Tensor {
  /// Each number of a float64 tensor n times: [count, n].
  package func repeated(_ n: Int) -> Tensor {
    precondition(type == .float64, "repeated: \(type)")
    let out = Tensor(uninitialized: [count, n], type: type, on: device)
    let from = pointer.assumingMemoryBound(to: Double.self)
    let to = out.pointer.assumingMemoryBound(to: Double.self)
    device.parallel(count, cost: n) { begin, end, _ in
      for i in Int(begin)..<Int(end) {
        for j in 0..<n { to[i * n + j] = from[i] }
      }
    }
    return out
  }

  /// A float64 tensor with each number mapped.
  package func mapped(_ map: @escaping (Double) -> Double) -> Tensor {
    precondition(type == .float64, "mapped: \(type)")
    let out = Tensor(like: self)
    let from = pointer.assumingMemoryBound(to: Double.self)
    let to = out.pointer.assumingMemoryBound(to: Double.self)
    device.parallel(count, cost: 8) { begin, end, _ in
      for i in Int(begin)..<Int(end) { to[i] = map(from[i]) }
    }
    return out
  }

  /// A tensor of the same shape and type, whose elements are not set.
  package init(like other: Tensor) {
    self.init(uninitialized: other.shape, type: other.type, on: other.device)
  }
}

/// Distributions of random numbers.
package enum Distribution: Sendable {
  /// Uniform in (0, 1).
  case uniform
  /// Normal with mean 0 and variance 1.
  case normal
}
