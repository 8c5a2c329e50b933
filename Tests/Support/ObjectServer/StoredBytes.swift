/// Bytes to store, that differ from place to place and between seeds.
///
/// A closure for each byte takes seconds for an object of 24 MB in a debug build; here a word is written at a time.
package func storedBytes(_ count: Int, _ seed: Int = 0) -> [UInt8] {
  [UInt8](unsafeUninitializedCapacity: count + 7) { buffer, filled in
    let start = UnsafeMutableRawPointer(buffer.baseAddress!)
    var word = UInt64(truncatingIfNeeded: seed) &* 0x2545_F491_4F6C_DD1D
    var place = 0
    while place < count {
      word = word &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      start.storeBytes(of: word ^ (word >> 31), toByteOffset: place, as: UInt64.self)
      place += 8
    }
    filled = count
  }
}
