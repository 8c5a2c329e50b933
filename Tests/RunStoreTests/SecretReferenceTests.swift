import StageKit
import Testing

@Suite struct SecretReferenceTests {
  private let environment = ["PRA_SECRET_A_B": "x\"y", "PRA_SECRET_C": "z"]

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
    #expect(try SecretReferences.resolve(arguments, environment: environment) == resolved)
  }

  @Test(arguments: ["secret://missing", "secret://a-c"])
  func aReferenceWithoutASecretIsNamed(reference: String) {
    let error = #expect(throws: PermanentFailure.self) {
      try SecretReferences.resolve(#"{"k": "\#(reference)"}"#, environment: environment)
    }
    #expect(error?.message.hasPrefix("\(reference): the worker has no PRA_SECRET_") == true)
  }
}
