// Known answers of Philox4x32-10 and the distributions made of it (model.md section 6).

import Tensor
import Testing

@Suite struct PhiloxTests {
  /// Salmon et al. 2011, the known-answer file of Random123.
  static let answers: [(UInt64, [UInt32], [UInt32])] = [
    (0, [0, 0, 0, 0], [0x6627_E8D5, 0xE169_C58D, 0xBC57_AC4C, 0x9B00_DBD8]),
    (.max, [.max, .max, .max, .max], [0x408F_276D, 0x41C8_3B0E, 0xA20B_C7C6, 0x6D54_51FD]),
    (
      0x299F_31D0_A409_3822, [0x243F_6A88, 0x85A3_08D3, 0x1319_8A2E, 0x0370_7344],
      [0xD16C_FE09, 0x94FD_CCEB, 0x5001_E420, 0x2412_6EA1]
    ),
  ]

  @Test(arguments: answers)
  func knownAnswers(_ key: UInt64, _ counter: [UInt32], _ expected: [UInt32]) {
    let words = Philox(seed: key).words(
      block: counter[0], a: counter[1], b: counter[2], stream: counter[3])
    #expect(words == expected)
  }

  @Test func uniformsAreWordsInOrder() {
    let random = Philox(seed: 0xDEAD_BEEF_0123_4567)
    let uniforms = random.uniforms(10, a: 3, b: 4, stream: 5)
    for e in 0..<10 {
      let word = random.words(block: UInt32(e / 4), a: 3, b: 4, stream: 5)[e % 4]
      let expected = Double(word >> 8) / 16_777_216 + 1 / 33_554_432
      #expect(uniforms[e] == expected)
    }
    #expect(random.uniforms(3, first: 5, a: 3, b: 4, stream: 5) == Array(uniforms[5..<8]))
  }

  @Test func normalsAreTheSameFromAnyFirst() {
    let random = Philox(seed: 42)
    let all = random.normals(23, a: 1, b: 2, stream: 3)
    for first in 0..<20 {
      #expect(
        random.normals(3, first: first, a: 1, b: 2, stream: 3) == Array(all[first..<first + 3]))
    }
    let many = random.normals(100_000, a: 9, b: 9, stream: 9)
    let mean = many.reduce(0, +) / 100_000
    let variance = many.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 100_000
    #expect(abs(mean) < 0.02 && abs(variance - 1) < 0.02)
  }
}
