import Foundation
import JobQueue
import Testing

@Suite struct RedactorTests {
  private func shown(_ pieces: [String], _ environment: [String: String]) -> String {
    var redactor = Redactor(environment: environment)
    var out: [UInt8] = []
    for piece in pieces { out += redactor.append(Array(piece.utf8)[...]) }
    out += redactor.end()
    return String(decoding: out, as: UTF8.self)
  }

  @Test(arguments: [
    "PGPASSWORD", "AWS_SECRET_ACCESS_KEY", "HF_TOKEN", "wandb_api_key", "MY_CREDENTIALS", "KEY",
    "APIKEY", "MY_PASS", "SMTPPASS", "DB_PWD", "HTTP_AUTHORIZATION", "PRA_SECRET_X",
    "API_KEY2", "API_KEY_2", "KEY1", "SIGNING_KEYS", "DB_PASS_PROD", "SMTP_PW", "GITHUB_PAT",
    "AUTH", "BASIC_AUTH", "CREDS", "CREDENTIALS", "COOKIE", "MYPIN", "pin", "DB_PWDS",
  ]) func aSecretIsNotShown(name: String) {
    #expect(
      shown(["key s3cr3t-value, again s3cr3t-value\n"], [name: "s3cr3t-value"])
        == "key [redacted], again [redacted]\n")
  }

  @Test(arguments: [
    "PATH", "KEYBOARD", "AUTHOR", "GIT_AUTHOR_NAME", "PATTERN", "COOKIECUTTER", "PINNED",
    "COMPASSES", "KEY_FILE", "SSH_AUTH_SOCK", "OS_AUTH_TYPE", "XAUTHORITY", "XDG_SESSION_ID",
  ]) func aNameThatIsLikeASecretsIsNone(name: String) {
    #expect(shown(["it is plain-value"], [name: "plain-value"]) == "it is plain-value")
  }

  @Test func aCookieOfASessionIsASecretAndItsNumberIsNone() {
    let environment = ["SESSION_ID": "0123456789abcdef0", "XDG_SESSION_ID": "12"]
    #expect(shown(["0123456789abcdef0 at step 12"], environment) == "[redacted] at step 12")
  }

  @Test func thePasswordOfTheDatabaseIsASecret() {
    let url = ["PRA_DATABASE_URL": "postgresql://me:hunter2hunter2@db/pra"]
    #expect(shown(["me:hunter2hunter2@db"], url) == "me:[redacted]@db")
  }

  @Test(
    "passwords inside values are secrets, whatever the variable is called",
    arguments: [
      ("DATABASE", "postgres://me:hunter2@db/x", "hunter2"),
      ("A", "redis://:pw%40rd@h:1/0", "pw@rd"),
      ("B", "amqp://a:pw%40rd@h, amqp://b:other1@h", "other1"),
      ("C", "host=db user=me password='two words'", "two words"),
      ("D", "https://ghp_0123456789abcdef@github.com/x", "ghp_0123456789abcdef"),
      ("E", "https://bucket/x?sig=abc%2Fdef&x=1", "abc/def"),
      ("F", "Server=h;User Id=u;Password=two words;Database=d", "two words"),
      ("G", "Driver={x};Server=h;UID=u;PWD=hunter2;", "hunter2"),
      ("H", "PWD={hunter;2};Server=h", "hunter;2"),
      ("I", "AccountName=a;AccountKey=c2VjcmV0c2VjcmV0==;EndpointSuffix=e", "c2VjcmV0c2VjcmV0=="),
      ("J", "host=db sslkey=k sslpassword=hunter2", "hunter2"),
      ("K", "host=db PASSWORD=hunter2 user=me", "hunter2"),
      ("L", "machine h login l password hunter2", "hunter2"),
      ("M", "machine h\n  login l\n  password \"hunter2\"\ndefault login x\n", "hunter2"),
      ("N", "Authorization: Bearer abc.def-123", "abc.def-123"),
      ("O", "{\"authorization\": \"Basic dXNlcjpwYXNz\"}", "dXNlcjpwYXNz"),
      ("P", "Bearer 0123456789abcdef", "0123456789abcdef"),
      ("Q", "https://hooks.slack.com/services/T0000/B0000/abcdefgh", "abcdefgh"),
      ("R", "https://hooks.slack.com/services/T0000/B0000/abcdefgh", "T0000/B0000/abcdefgh"),
    ])
  func passwordsInValues(name: String, value: String, password: String) {
    #expect(shown(["say \(password)!"], [name: value]) == "say [redacted]!")
    #expect(shown(["it is \(value)"], [name: value]).contains("[redacted]"))
  }

  @Test func eachLineOfASecretIsOne() {
    let key = "-----BEGIN KEY-----\nMIIEvQIBADANBg\r\nkqhkiG9w0BAQ\n-----END KEY-----\n"
    let environment = ["X_KEY": key]
    #expect(shown(["a MIIEvQIBADANBg b kqhkiG9w0BAQ"], environment) == "a [redacted] b [redacted]")
    // As a message, in which line ends are blanks, and as JSON.
    let joined = key.split(whereSeparator: \.isNewline).joined(separator: " ")
    #expect(!shown([joined], environment).contains("kqhk"))
    #expect(!shown([key.replacing("\n", with: "\\n")], environment).contains("kqhk"))
  }

  @Test func aShortSecretIsAWordOfItsOwn() {
    for cut in 0...11 {
      let bytes = Array("abc xabc a1c".utf8)
      let pieces = [bytes[..<cut], bytes[cut...]].map { String(decoding: $0, as: UTF8.self) }
      #expect(
        shown(pieces, ["A_TOKEN": "abc", "B_PASS": "a1c"]) == "[redacted] xabc [redacted]", "\(cut)"
      )
    }
  }

  @Test func theBase64OfASecretIsNotShown() {
    for before in ["", "a", "ab", "abc"] {
      let text = Data("\(before)s3cr3t-value and more".utf8).base64EncodedString()
      let out = shown([text], ["X_TOKEN": "s3cr3t-value"])
      #expect(out.contains("[redacted]"), "\(before)")
    }
  }

  @Test(
    "a secret is not shown as a part of a URL either",
    arguments: [
      "p%40ss%20w%2Ford", "p%40ss+w%2Ford", "p%40ss%20w/ord", "p%40ss%20w%2ford", "p@ss%20w/ord",
    ])
  func percentEncoding(encoded: String) {
    #expect(
      shown(["to ?x=\(encoded)&y=1"], ["X_TOKEN": "p@ss w/ord"]) == "to ?x=[redacted]&y=1")
  }

  @Test func aFolderIsNoSecretAndASwitchIsNone() {
    let environment = [
      "PWD": "/srv/work", "OLDPWD": "/srv/before", "SSH_ASKPASS": "/usr/bin/ask", "USE_TOKEN": "1",
      "WITH_KEY": "true", "BASIC_AUTH": "on", "KEY1": "0", "KEY_DIM": "64", "PIN_MEMORY": "1",
      "CONNECTION": "Server=h;Password=1;Token=none", "SHOWN": "PWD=/srv/work",
    ]
    let text = "/srv/work /srv/before /usr/bin/ask 1 true on 0 64 none"
    #expect(shown([text], environment) == text)
  }

  /// The shorter one is complete while the longer one may still come.
  @Test func theLongerOfTwoSecretsIsReplacedWholeWhenItIsCut() {
    let environment = ["A_TOKEN": "abcdefgh", "B_TOKEN": "abcdefgh-extra"]
    for cut in 0...14 {
      let bytes = Array("abcdefgh-extra".utf8)
      let pieces = [bytes[..<cut], bytes[cut...]].map { String(decoding: $0, as: UTF8.self) }
      #expect(shown(pieces, environment) == "[redacted]", "\(cut)")
    }
    #expect(shown(["abcdefgh-e"], environment) == "[redacted]-e")
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
    let environment = ["HOME": "/home/someone", "PATH": "/usr/bin", "A_TOKEN": "abc"]
    #expect(
      shown(["/home/someone /usr/bin abcd"], environment) == "/home/someone /usr/bin abcd")
  }
}
