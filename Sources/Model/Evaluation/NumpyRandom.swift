// NumPy's RandomState, with which torch-fidelity's figures shuffle and draw.

/// MT19937 (Matsumoto & Nishimura 1998) with the legacy functions of numpy.random.RandomState, whose
/// streams NumPy promises never to change: numpy/random/mtrand.pyx, src/distributions/distributions.c.
package struct NumpyRandom {
  private var state = [UInt32](repeating: 0, count: 624)
  private var position = 624

  /// RandomState(seed)
  package init(seed: UInt32) {
    var seed = seed
    for i in 0..<624 {
      state[i] = seed
      seed = 1_812_433_253 &* (seed ^ seed >> 30) &+ UInt32(i + 1)
    }
  }

  package mutating func next() -> UInt32 {
    if position == 624 { renew() }
    var y = state[position]
    position += 1
    y ^= y >> 11
    y ^= y << 7 & 0x9D2C_5680
    y ^= y << 15 & 0xEFC6_0000
    return y ^ y >> 18
  }

  private mutating func renew() {
    for i in 0..<624 {
      let y = state[i] & 0x8000_0000 | state[(i + 1) % 624] & 0x7FFF_FFFF
      state[i] = state[(i + 397) % 624] ^ y >> 1 ^ (y & 1 == 0 ? 0 : 0x9908_B0DF)
    }
    position = 0
  }

  /// random_interval: uniform on 0...most, by masking and rejection.
  private mutating func interval(_ most: UInt32) -> Int {
    guard most > 0 else { return 0 }
    let mask = UInt32.max >> most.leadingZeroBitCount
    while true {
      let value = next() & mask
      if value <= most { return Int(value) }
    }
  }

  /// permutation(n)
  /// - Parameter n: below 2^32
  package mutating func permutation(_ n: Int) -> [Int] {
    var order = Array(0..<n)
    for i in stride(from: n - 1, to: 0, by: -1) {
      order.swapAt(i, interval(UInt32(i)))
    }
    return order
  }

  /// choice(n, count, replace=False)
  package mutating func choice(_ n: Int, _ count: Int) -> [Int] {
    precondition(count <= n, "choice: \(count) of \(n)")
    return Array(permutation(n).prefix(count))
  }
}
