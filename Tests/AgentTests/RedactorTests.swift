import Foundation
import Testing

@testable import Agent

@Suite struct RedactorTests {
  private func shown(_ pieces: [String], _ environment: [String: String]) -> String {
    var redactor = Redactor(environment: environment)
    var out: [UInt8] = []
    for piece in pieces { out += redactor.append(Array(piece.utf8)[...]) }
    out += redactor.end()
    return String(decoding: out, as: UTF8.self)
  }

  @Test(arguments: [
    "PGPASSWORD", "AWS_SECRET_ACCESS_KEY", "HF_TOKEN", "wandb_api_key", "MY_CREDENTIALS",
  ]) func aSecretIsNotShown(name: String) {
    #expect(
      shown(["key s3cr3t-value, again s3cr3t-value\n"], [name: "s3cr3t-value"])
        == "key [redacted], again [redacted]\n")
  }

  @Test func thePasswordOfTheDatabaseIsASecret() {
    let url = ["PRA_DATABASE_URL": "postgresql://me:hunter2hunter2@db/pra"]
    #expect(shown(["me:hunter2hunter2@db"], url) == "me:[redacted]@db")
  }

  /// The stream is cut at every position.
  @Test func aSecretInPiecesIsNotShown() {
    let text = "a topsecret b topsecre topsecret"
    for cut in 0...text.utf8.count {
      for second in cut...text.utf8.count {
        let bytes = Array(text.utf8)
        let pieces = [bytes[..<cut], bytes[cut..<second], bytes[second...]].map {
          String(decoding: $0, as: UTF8.self)
        }
        #expect(shown(pieces, ["X_TOKEN": "topsecret"]) == "a [redacted] b topsecre [redacted]")
      }
    }
  }

  @Test func theLongerOfTwoSecretsIsReplacedWhole() {
    #expect(
      shown(["abcdefgh-extra"], ["A_TOKEN": "abcdefgh", "B_TOKEN": "abcdefgh-extra"])
        == "[redacted]")
  }

  @Test func otherTextIsUntouched() {
    let environment = ["HOME": "/home/someone", "PATH": "/usr/bin", "A_TOKEN": "short"]
    #expect(
      shown(["/home/someone /usr/bin short"], environment) == "/home/someone /usr/bin short")
  }
}
