// Keys of buckets, and the certificates of their servers.

import Foundation
import ObjectServer
import Testing
import Threads

@testable import RunStore

@Suite struct CredentialTests {
  var world: BucketWorld
  let folder: String
  private let small = storedBytes(1000)

  init() throws {
    world = try BucketWorld()
    world.environment = [:]
    folder = NSTemporaryDirectory() + "pra-keys-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
  }

  private func write(_ name: String, _ text: String) throws -> String {
    try text.write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
    return "\(folder)/\(name)"
  }

  /// Only requests signed with this key are served.
  private func demand(_ key: String, else answer: ObjectServer.Answer) {
    world.server.answer { request, _ in request.accessKey == key ? nil : answer }
  }

  @Test(
    "keys that have expired are read again from the shared file",
    arguments: [
      ObjectServer.Answer.error(403, "ExpiredToken"), .error(400, "ExpiredToken"),
      .error(403, "InvalidAccessKeyId"), ObjectServer.Answer(403),
    ])
  func renewal(refusal: ObjectServer.Answer) throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var world = world
    @Sendable func keys(_ key: String) -> String {
      """
      [default]
      aws_access_key_id = wrong
      [team]
      # renewed every hour
      aws_access_key_id=\(key)
      aws_secret_access_key = secret
      aws_session_token = token-of-\(key)

      """
    }
    world.environment["AWS_SHARED_CREDENTIALS_FILE"] = try write("credentials", keys("old"))
    world.environment["AWS_PROFILE"] = "team"
    var store = try world.store()
    func put(_ bytes: [UInt8]) throws {
      let artifact = BucketWorld.artifact(bytes)
      try store.put(artifact, as: artifact.sha256, next: { bytes }, note: { _ in })
    }
    demand("old", else: refusal)
    try put(small)
    demand("new", else: refusal)
    _ = try write("credentials", keys("new"))
    try put([1, 2, 3])
    #expect(world.holds([1, 2, 3]))
    #expect(world.server.requests.last?.headers["x-amz-security-token"] == "token-of-new")
    // Nobody renews them: a person is told at once.
    demand("newest", else: refusal)
    let error = #expect(throws: StoreAway.self) { try put([4]) }
    #expect(error?.isRefusal == true)
  }

  @Test("one who waits for a store waits for keys that somebody renews")
  func lateRenewal() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var world = world
    @Sendable func keys(_ key: String) -> String {
      "[default]\naws_access_key_id=\(key)\naws_secret_access_key=secret\n"
    }
    let path = try write("credentials", keys("old"))
    world.environment["AWS_SHARED_CREDENTIALS_FILE"] = path
    demand("new", else: .error(403, "ExpiredToken"))
    let server = world.server
    let renewal = try DedicatedThread("renewal") {
      while server.requests.count < 3 { usleep(1000) }
      try! keys("new").write(toFile: path, atomically: true, encoding: .utf8)
    }
    try world.put(small, StorePatience(tries: nil))
    renewal.join()
    #expect(world.holds(small))
  }

  @Test func aWebIdentityIsExchangedForKeys() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var world = world
    world.environment["AWS_WEB_IDENTITY_TOKEN_FILE"] = try write("token", "a.b+c\n")
    world.environment["AWS_ROLE_ARN"] = "arn:aws:iam::1:role/pra"
    world.environment["AWS_ENDPOINT_URL_STS"] = world.server.endpoint
    world.server.answer { request, _ in
      guard request.path == "/" else {
        return request.accessKey == "temporary" ? nil : .error(403, "X")
      }
      let form = String(decoding: request.body, as: UTF8.self)
      guard form.contains("WebIdentityToken=a.b%2Bc"), form.contains("role%2Fpra") else {
        return .error(400, "InvalidIdentityToken")
      }
      return ObjectServer.Answer(
        200,
        text: """
          <R><Credentials><AccessKeyId>temporary</AccessKeyId><SecretAccessKey>s</SecretAccessKey>
          <SessionToken>t</SessionToken><Expiration>2000-01-01T00:00:00Z</Expiration></Credentials></R>
          """)
    }
    try world.put(small)
    #expect(world.holds(small))
    // Keys that are about to expire are renewed before each request.
    try world.put([1])
    #expect(world.server.requests.count { $0.path == "/" } >= 2)
    world.server.answer { _, _ in .error(400, "InvalidIdentityToken") }
    let error = #expect(throws: StoreAway.self) { try world.put(small) }
    #expect(error?.description.contains("role/pra: \(world.server.endpoint) answered 400") == true)
  }

  @Test func aHostWithoutKeysIsTold() throws {
    var world = world
    world.environment["HOME"] = folder
    let error = #expect(throws: StoreAway.self) { try world.put(small) }
    #expect(error?.isRefusal == true)
    #expect(
      error?.description.contains("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set") == true
    )
    #expect(world.server.requests.isEmpty)
  }

  @Test("a server asks for time, and gets it")
  func retryAfter() throws {
    var world = world
    world.environment = ["AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"]
    func elapsed(_ value: String) throws -> Double {
      world.server.answer { _, number in
        var answer = ObjectServer.Answer.error(503, "SlowDown")
        answer.headers["Retry-After"] = value
        return number == 0 ? answer : nil
      }
      let begun = monotonicSeconds()
      try world.put(small)
      return monotonicSeconds() - begun
    }
    #expect(try elapsed("1") >= 1)
    let formatter = DateFormatter()
    formatter.locale = Locale(identifier: "en_US_POSIX")
    formatter.timeZone = TimeZone(identifier: "GMT")
    formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
    #expect(try elapsed(formatter.string(from: Date(timeIntervalSinceNow: 3))) >= 1)
    // A person does not wait for an hour.
    #expect(throws: StoreAway.self) { try elapsed("3600") }
  }

  // MARK: certificates

  @Test func aCertificateOfAPrivateAuthorityIsTrustedWhereItIsNamed() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let server = try SecureServer(folder)
    defer { server.stop() }
    let keys = ["AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"]
    func put(_ setting: String, _ further: [String: String]) throws {
      var store = try BucketStore(
        "s3://bucket?endpoint=https://127.0.0.1:\(server.port)\(setting)",
        environment: keys.merging(further) { $1 }, patience: .person())
      let artifact = BucketWorld.artifact(small)
      try store.put(artifact, as: artifact.sha256, next: { small }, note: { _ in })
    }
    let begun = monotonicSeconds()
    let error = #expect(throws: StoreAway.self) { try put("", [:]) }
    #expect(error?.isRefusal == true)
    #expect(error?.description.contains("ca=/path/of/authority.pem") == true, "\(error!)")
    // No repetition: those take seconds.
    #expect(monotonicSeconds() - begun < 5)
    try put("&ca=\(server.authority)", [:])
    try put("", ["AWS_CA_BUNDLE": server.authority])
    try put("", ["SSL_CERT_FILE": server.authority])
    let missing = #expect(throws: StoreError.self) { try put("&ca=/nowhere.pem", [:]) }
    #expect(missing?.description.contains("ca names /nowhere.pem, which cannot be read") == true)
  }
}

/// A server over TLS, with a certificate of its own, that takes every write.
private final class SecureServer {
  let process = Process()
  let port: Int
  let authority: String

  init(_ folder: String) throws {
    authority = "\(folder)/certificate.pem"
    let openssl = Process()
    openssl.executableURL = URL(filePath: "/usr/bin/env")
    openssl.arguments =
      """
      openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=lab -addext \
      subjectAltName=IP:127.0.0.1 -keyout \(folder)/key.pem -out \(authority)
      """.split(separator: " ").map(String.init)
    openssl.standardError = FileHandle.nullDevice
    try openssl.run()
    openssl.waitUntilExit()
    let program = """
      import http.server, ssl
      class Store(http.server.BaseHTTPRequestHandler):
          protocol_version = "HTTP/1.1"
          def do_PUT(self):
              self.rfile.read(int(self.headers["Content-Length"]))
              self.send_response(200)
              self.send_header("ETag", '"e"')
              self.send_header("Content-Length", "0")
              self.end_headers()
          def log_message(self, *_): pass
      server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Store)
      context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
      context.load_cert_chain("\(authority)", "\(folder)/key.pem")
      server.socket = context.wrap_socket(server.socket, server_side=True)
      print(server.server_port, flush=True)
      server.serve_forever()
      """
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["python3", "-c", program]
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let line = output.fileHandleForReading.availableData
    port = Int(String(decoding: line, as: UTF8.self).trimmingCharacters(in: .newlines)) ?? 0
  }

  func stop() {
    // It inherits the mask of the test's thread, which blocks SIGTERM.
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }
}
