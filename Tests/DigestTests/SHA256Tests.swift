// SHA-256 against the examples of FIPS 180-4.

import Digest
import Testing

@Suite struct SHA256Tests {
  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
  ])
  func theStandardsExamplesComeOut(text: String, digest: String) {
    #expect(SHA256.hexadecimal(of: Array(text.utf8)) == digest)
  }

  @Test func piecesGiveTheDigestOfTheWhole() {
    let bytes = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    var digest = SHA256()
    for start in stride(from: 0, to: bytes.count, by: 997) {
      digest.update(Array(bytes[start..<min(start + 997, bytes.count)]))
    }
    #expect(digest.hexadecimal() == SHA256.hexadecimal(of: bytes))
  }
}
