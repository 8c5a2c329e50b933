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

/// The counters of rows of random numbers: words a and b of a row's image and place.
///
/// With `together` rows an image, row r is place r % together of image r / together.
package struct RandomCounters {
  /// a of place 0, to which the number in `step` is added where there is one.
  package var firstA: UInt32 = 0
  package var step: DeviceList<UInt32>?
  /// Distance of a between places.
  package var strideA: UInt32 = 0
  /// b of image 0, where `numbers` does not list those of all images.
  package var firstB: UInt32 = 0
  package var numbers: DeviceList<UInt32>?
  package var together = 1

  package init(
    firstA: UInt32 = 0, step: DeviceList<UInt32>? = nil, strideA: UInt32 = 0, firstB: UInt32 = 0,
    numbers: DeviceList<UInt32>? = nil, together: Int = 1
  ) {
    (self.firstA, self.step, self.strideA) = (firstA, step, strideA)
    (self.firstB, self.numbers, self.together) = (firstB, numbers, together)
  }
}

/// Distributions of random numbers.
package enum Distribution: Sendable {
  /// Uniform in (0, 1).
  case uniform
  /// Normal with mean 0 and variance 1.
  case normal
}

/// Functions of a random number u, in float64.
package enum NumberMap: Sendable {
  case plain
  /// offset + factor u
  case affine(offset: Double, factor: Double)
  /// 1 / (1 + e^-u)
  case sigmoid
}

extension Tensor {
  /// Random numbers, computed in float64 and rounded once: each row of `shape`, [rows, ...], holds
  /// the first elements of its counter.
  package static func random(
    _ kind: Distribution, _ shape: [Int], _ random: Philox, stream: UInt32,
    _ counters: RandomCounters, map: NumberMap = .plain, type: ElementType = .float32,
    on device: Device
  ) -> Tensor {
    let tensor = Tensor(uninitialized: shape, type: type, on: device)
    tensor.draw(kind, random, stream: stream, counters, rows: shape[0], map: map)
    return tensor
  }

  /// Replaces all elements by random numbers, as `random` makes them, in `rows` equal rows.
  package func draw(
    _ kind: Distribution, _ random: Philox, stream: UInt32, _ counters: RandomCounters, rows: Int,
    map: NumberMap = .plain
  ) {
    let (code, offset, factor): (Int, Double, Double) =
      switch map {
      case .plain: (PHILOX_PLAIN, 0, 1)
      case .affine(let offset, let factor): (PHILOX_AFFINE, offset, factor)
      case .sigmoid: (PHILOX_SIGMOID, 0, 1)
      }
    run(
      .philox(
        .init(
          out: address, step: counters.step?.address ?? DeviceAddress(),
          numbers: counters.numbers?.address ?? DeviceAddress(), key: random.key, stream: stream,
          first_a: counters.firstA, stride_a: counters.strideA, first_b: counters.firstB,
          together: counters.together, width: rows == 0 ? 0 : count / rows,
          kind: Int32(kind == .uniform ? PHILOX_UNIFORM : PHILOX_NORMAL), map: Int32(code),
          offset: offset, factor: factor)), over: rows)
  }

  /// Each number n times: [count, n].
  package func repeated(_ n: Int) -> Tensor {
    let out = Tensor(uninitialized: [count, n], type: type, on: device)
    out.run(.repeatEach(.init(out: out.address, x: address, times: n)), over: count)
    return out
  }

  /// 1 / max(1 - x, least) of each number x.
  package func reciprocalRest(least: Double) -> Tensor {
    let out = Tensor(like: self)
    out.run(.reciprocalRest(.init(out: out.address, x: address, least: least)), over: count)
    return out
  }
}

extension Indices {
  /// Labels of which some, by the first uniform of counter (.., step, first + row, stream), are
  /// replaced by `null`.
  package func dropped(
    _ share: Double, to null: Int32, _ random: Philox, stream: UInt32, step: DeviceList<UInt32>,
    first: UInt32
  ) -> Indices {
    let out = Indices(uninitialized: count, on: device)
    device.run(
      .dropLabels(
        .init(
          out: out.address, labels: address, step: step.address, key: random.key, stream: stream,
          first_b: first, null_class: null, share: share)), .float32, over: count)
    return out
  }
}
