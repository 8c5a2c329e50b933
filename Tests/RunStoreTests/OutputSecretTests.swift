import RunStore
import Testing

@testable import StageKit

/// Secrets of a worker are taken out of outputs, whatever these are called.
@Suite struct OutputSecretTests {
  private let secret = "s3cr3tvalue99"

  private func stored(_ bytes: [UInt8], _ name: String, resolved: [String: String] = [:]) throws
    -> [UInt8]
  {
    try OutputSecrets(environment: ["MY_TOKEN": secret], resolved: resolved)
      .redacted(bytes, of: name, mediaType: Artifact.mediaType(ofName: name))
  }

  @Test(arguments: [
    "run.log", "notes.rst", "page.html", "rows.jsonl", "list.TXT", "run.sh", "x.ipynb", "noending",
  ])
  func textsAreRedactedByTheirBytes(name: String) throws {
    // The last byte of the part that is looked at may be one within a character.
    for padding in ["", String(repeating: "a", count: 4074) + "\u{20AC}\u{20AC}"] {
      let text = "\(padding) it is \(secret)\n"
      #expect(
        try stored(Array(text.utf8), name) == Array("\(padding) it is [redacted]\n".utf8))
    }
  }

  @Test func otherBytesStayAndHoldNoSecretOfTheArguments() throws {
    let bytes = [0, 1, 2] + Array(secret.utf8)
    #expect(try stored(bytes, "weights.bin") == bytes)
    #expect(throws: PermanentFailure.self) {
      try stored(bytes, "weights.bin", resolved: ["key": secret])
    }
  }
}
