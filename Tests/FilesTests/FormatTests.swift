// Checks and records, compared with the examples of their specifications.

import Files
import Foundation
import Testing

@Suite struct FormatTests {
  /// The check values of the catalogue of parametrised CRC algorithms.
  @Test func checksAreThoseOfTheCatalogue() {
    let digits = Array("123456789".utf8)
    #expect(CRC32.zip.value(of: digits) == 0xCBF4_3926)
    #expect(CRC32.castagnoli.value(of: digits) == 0xE306_9283)
    // RFC 3720, appendix B.4.
    #expect(CRC32.castagnoli.value(of: [UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
  }

  @Test func aCheckDoesNotDependOnThePieces() {
    let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 * 7) }
    for cut in [0, 1, 7, 8, 9, 500, 999] {
      var check = CRC32.zip
      check.update(Array(bytes[..<cut]))
      check.update(Array(bytes[cut...]))
      #expect(check.value == CRC32.zip.value(of: bytes))
    }
  }

  /// One record as written by TensorFlow 2: the beginning of `events.out` of a `FileWriter`, except
  /// for the time.
  @Test func theFirstRecordSaysTheVersion() throws {
    let folder = try Scratch()
    let path = "\(folder.path)/events"
    let file = try EventFile(path, time: 0)
    try file.add("loss", step: 300, value: 0.5, time: 1)
    try file.commit()
    let bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
    #expect(bytes[0..<8] == [24, 0, 0, 0, 0, 0, 0, 0])
    #expect(Array(bytes[12..<21]) == [9, 0, 0, 0, 0, 0, 0, 0, 0])
    #expect(Array(bytes[21..<36]) == [26, 13] + Array("brain.Event:2".utf8))
    // The second: time, step 300 as a varint, summary { value { tag, simple_value } }.
    let second = Array(bytes[40...])
    #expect(second[0] == 27)
    #expect(
      Array(second[12..<39])
        == [9, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F, 16, 0xAC, 2, 42, 13, 10, 11, 10, 4]
        + Array("loss".utf8) + [21, 0, 0, 0, 0x3F])
  }
}
