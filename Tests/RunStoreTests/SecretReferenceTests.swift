import Foundation
import JobQueue
import StageKit
import Testing

@Suite struct SecretReferenceTests {
  private let environment = ["PRA_SECRET_A_B": "x\"y", "PRA_SECRET_C": "z", "PRA_SECRET_D": "d"]

  private func references(
    _ user: String = "ann", _ kind: String = "train"
  ) throws -> SecretReferences {
    let rules = """
      # secret  users    kinds
      a.b       *        *
      c         ann,bob  train,sample   # the team's
      missing   *        *
      """
    return SecretReferences(
      rules: try SecretRules(text: rules, source: "rules"), environment: environment, user: user,
      kind: kind)
  }

  @Test(
    "only a value that is a reference is replaced",
    arguments: [
      (#"{"k": "secret://a.b", "l": ["secret://c"]}"#, #"{"k": "x\"y", "l": ["z"]}"#),
      (#"{"k": "no secret://c"}"#, #"{"k": "no secret://c"}"#),
      (#"{"k": "a\"secret://c"}"#, #"{"k": "a\"secret://c"}"#),
      (#"{"secret://c": "\\"}"#, #"{"secret://c": "\\"}"#),
      (#"{"k": "\\", "l": "secret://c"}"#, #"{"k": "\\", "l": "z"}"#),
    ])
  func resolution(arguments: String, resolved: String) throws {
    #expect(try references().resolve(arguments).json == resolved)
  }

  @Test(
    "a secret is for the users and kinds of its line",
    arguments: [
      ("ann", "train", true), ("bob", "sample", true), ("eve", "train", false),
      ("ann", "ingest", false), ("", "train", false),
    ])
  func rules(user: String, kind: String, isAllowed: Bool) throws {
    let arguments = #"{"k": "secret://c"}"#
    guard !isAllowed else {
      #expect(try references(user, kind).resolve(arguments).secrets == ["c": "z"])
      return
    }
    let error = #expect(throws: PermanentFailure.self) {
      try references(user, kind).resolve(arguments)
    }
    #expect(error?.message.hasPrefix("secret://c: PRA_SECRETS_FILE of the worker") == true)
  }

  @Test func withoutALineOrAFileNothingIsAllowed() throws {
    for text in ["secret://d", "secret://D", "secret://a_c"] {
      #expect(throws: PermanentFailure.self) {
        try references().resolve(#"{"k": "\#(text)"}"#)
      }
    }
    let none = SecretReferences(
      rules: try SecretRules(environment: [:]), environment: environment, user: "ann", kind: "train"
    )
    #expect(throws: PermanentFailure.self) { try none.resolve(#"{"k": "secret://c"}"#) }
  }

  @Test func aReferenceWithoutASecretIsNamed() throws {
    let error = #expect(throws: PermanentFailure.self) {
      try references().resolve(#"{"k": "secret://missing"}"#)
    }
    #expect(
      error?.message == "secret://missing: the worker has no PRA_SECRET_MISSING in its environment")
  }

  @Test(arguments: ["a.b ann", "a/b * *", "a.b ann train more"])
  func aLineThatIsNoneIsNamed(line: String) {
    let error = #expect(throws: SecretFileError.self) {
      try SecretRules(text: "# x\n\(line)\n", source: "f")
    }
    #expect(error?.description.hasPrefix("f, line 2: expected") == true)
  }

  @Test func aFileThatOthersMayWriteIsRefused() throws {
    let path = NSTemporaryDirectory() + "pra-rules-\(UUID().uuidString)"
    defer { unlink(path) }
    try "a * *\n".write(toFile: path, atomically: false, encoding: .utf8)
    #expect(chmod(path, 0o664) == 0)
    let environment = ["PRA_SECRETS_FILE": path]
    let error = #expect(throws: SecretFileError.self) { try SecretRules(environment: environment) }
    #expect(error?.description.contains("chmod go-w") == true)
    #expect(chmod(path, 0o600) == 0)
    #expect(
      try SecretRules(environment: environment).allows("PRA_SECRET_A", user: "x", kind: "y"))
    #expect(throws: SecretFileError.self) {
      try SecretRules(environment: ["PRA_SECRETS_FILE": "\(path)-none"])
    }
  }
}
