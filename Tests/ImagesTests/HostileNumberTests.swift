import Files
import Testing

@testable import Images

/// Manifests, records and digests of blocks whose numbers overflow or do not fit: each is refused in a sentence.
@Suite struct HostileNumberTests {
  private static let large = [
    "-1", "4611686018427387904", "9223372036854775807", "-9223372036854775808",
  ]
  private let digest = String(repeating: "ab", count: 32)

  private func refusal(_ read: () throws -> Void) -> String {
    (#expect(throws: FileError.self) { try read() })?.description ?? ""
  }

  private func manifest(classImages: String, images: String, bytes: String) -> String {
    #"""
    {"channels": 3, "classes": [{"images": \#(classImages), "name": "a"}], "fingerprint": "\#(digest)",
     "format": "PRADATA2", "size": 4096,
     "ranges": [{"bytes": \#(bytes), "images": \#(images), "sha256": "\#(digest)"}]}
    """#
  }

  @Test func theManifestOfTheseTestsIsRead() throws {
    let text = manifest(classImages: "1", images: "1", bytes: "\(128 + 4096 * 4096 * 3)")
    let count = try Array(text.utf8).withUnsafeBytes {
      try DataSetManifest(parsing: $0, path: "m").count
    }
    #expect(count == 1)
  }

  @Test(arguments: large + ["1099511627775"])
  func aManifestIsRefused(number: String) {
    for text in [
      manifest(classImages: number, images: "1", bytes: "50331776"),
      manifest(classImages: number, images: number, bytes: "50331776"),
      manifest(classImages: "1", images: "1", bytes: number),
    ] {
      let said = refusal {
        _ = try Array(text.utf8).withUnsafeBytes { try DataSetManifest(parsing: $0, path: "m") }
      }
      #expect(said == "m: damaged: its classes and ranges do not fit together", "\(text)")
    }
  }

  private func record(
    images: String, label: String, first: String, end: String, skipped: String
  ) -> String {
    #"""
    {"end": \#(end), "first": \#(first), "number": 0, "of": 1, "skipped": [], "skippedCount": \#(skipped),
     "training": {"labels": [{"images": \#(label), "label": 0}, {"images": \#(label), "label": 1}], "leaves": "",
      "range": {"bytes": 1, "images": \#(images), "sha256": "\#(digest)"}}}
    """#
  }

  @Test(arguments: large)
  func aRecordIsRefused(number: String) {
    for text in [
      record(images: number, label: "1", first: "0", end: "1", skipped: "0"),
      record(images: "0", label: number, first: "0", end: "1", skipped: "0"),
      record(images: "0", label: "1", first: number, end: "1", skipped: "0"),
      record(images: "2", label: "1", first: "-9223372036854775808", end: number, skipped: "0"),
      record(images: "2", label: "1", first: "0", end: "1", skipped: number),
    ] {
      let said = refusal { _ = try RangeRecord(parsing: Array(text.utf8), path: "r") }
      #expect(said == "r: damaged: its numbers do not fit together", "\(text)")
    }
  }

  @Test(arguments: [UInt64.max, UInt64(Int.max), UInt64(Int.max) - 5, 1 << 40, 0])
  func digestsOfBlocksAreRefused(size: UInt64) {
    var bytes = Array("PRABLOK1".utf8)
    for value in [size, 1 << 20] { bytes += withUnsafeBytes(of: value.littleEndian) { Array($0) } }
    bytes += [UInt8](repeating: 7, count: 32)
    let said = refusal {
      _ = try bytes.withUnsafeBytes { try BlockDigests(parsing: $0, path: "b") }
    }
    #expect(said.hasPrefix("b: damaged: "), "\(said)")
  }
}
