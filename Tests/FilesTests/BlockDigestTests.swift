// The digests by which a source that is read in place is checked.

import Digest
import Files
import Testing

@Suite struct BlockDigestTests {
  private struct Stopped: Error {}

  private func hexadecimal(_ bytes: ArraySlice<UInt8>) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  /// Two and a half blocks, all different.
  private func file(_ scratch: Scratch) throws -> MappedFile {
    let bytes = (0..<5 << 19).map { UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761) >> 9) }
    return try MappedFile(try scratch.file("source", bytes))
  }

  @Test func theyAreThoseOfTheBlocksForAnyNumberOfThreads() throws {
    let scratch = try Scratch()
    let file = try file(scratch)
    let one = try BlockDigests(of: file)
    #expect(one.blocks == 3 && one.size == file.bytes.count)
    for block in 0..<3 { #expect(one.fits(block, of: file)) }
    #expect(
      hexadecimal(one.encoded.suffix(32))
        == SHA256.hexadecimal(of: Array(file.bytes[2 << 20..<file.bytes.count])))
    for threads in [2, 3, 16] {
      var seen: [Int] = []
      let other = try BlockDigests(of: file, threads: threads) { seen.append($0) }
      #expect(other == one)
      #expect(seen == [1 << 20, 2 << 20, file.bytes.count])
    }
    #expect(throws: Stopped.self) {
      _ = try BlockDigests(of: file, threads: 3) { _ in throw Stopped() }
    }
  }
}
