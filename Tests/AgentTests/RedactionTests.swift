import Testing

@testable import Agent

@Suite struct RedactionTests {
  @Test("a secret is replaced wherever the pieces end", arguments: 1...40)
  func pieces(size: Int) {
    var redaction = Redaction(["hunter22", "hunter22-long", "short"])
    let text = Array("a hunter22 b hunter22-long c hunter2 d short hunter22".utf8)
    var out: [UInt8] = []
    var start = 0
    while start < text.count {
      let end = min(start + size, text.count)
      out += redaction.take(text[start..<end])
      start = end
    }
    out += redaction.end()
    #expect(
      String(decoding: out, as: UTF8.self) == "a [secret] b [secret] c hunter2 d short [secret]")
  }

  @Test func whatIsASecret() {
    var redaction = Redaction(
      environment: ["PRA_SECRET_TOKEN": "abcdefgh", "PATH": "/usr/bin:/bin"], password: "pass-word")
    let text = "abcdefgh /usr/bin:/bin pass-word"
    let out = redaction.take(Array(text.utf8)[...]) + redaction.end()
    #expect(String(decoding: out, as: UTF8.self) == "[secret] /usr/bin:/bin [secret]")
  }

  @Test func withoutSecretsNothingIsHeldBack() {
    var redaction = Redaction([])
    #expect(redaction.take([1, 2, 3]) == [1, 2, 3])
    #expect(redaction.end() == [])
  }
}
