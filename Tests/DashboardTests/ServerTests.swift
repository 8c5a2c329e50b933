// The server as its clients meet it: who is let in, what every reply says, what a hostile client achieves.

import DatabaseTesting
import Foundation
import JobQueue
import Postgres
import Testing

@Suite struct ServerTests {
  let world: DashboardWorld
  let server: Server

  init() throws {
    world = try DashboardWorld()
    server = try Server(world.database.url)
  }

  @Test func aTokenIsExchangedForACookieAndLeavesTheAddress() throws {
    let reply = try server.get("/?token=\(server.token)", headers: [])
    #expect(reply.status == 303 && reply.header("Location") == "runs")
    let cookie = try #require(reply.header("Set-Cookie"))
    #expect(
      cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict")
        && !cookie.contains(server.token))
    #expect(try server.page("/runs").status == 200)
    #expect(try server.get("/runs", headers: []).status == 401)
    #expect(try server.get("/runs", headers: ["Cookie: pra-\(server.port)=no"]).status == 401)
    #expect(try server.get("/?token=no", headers: []).status == 401)
    #expect(try server.get("/runs?token=\(server.token)", headers: []).status == 401)
  }

  @Test func behindTLSTheCookieIsSecure() throws {
    let reply = try server.get(
      "/?token=\(server.token)", headers: ["X-Forwarded-Proto: https"])
    #expect(reply.header("Set-Cookie")?.hasSuffix("; Secure") ?? false)
    let plain = try server.get("/?token=\(server.token)", headers: [])
    #expect(plain.header("Set-Cookie")?.contains("Secure") == false)
  }

  @Test func aUserIsBelievedOfTheTrustedProxyAlone() throws {
    let proxied = try Server(
      world.database.url, "--user-header", "X-Remote-User", "--trusted-proxy", "192.0.2.1")
    let reply = try proxied.get("/runs", headers: ["X-Remote-User: ann"])
    #expect(reply.status == 403 && reply.body.contains("trusted proxy alone"))
  }

  /// Its open files are sockets and pipes: nothing that a page asks for reaches a disk.
  @Test func itWritesNothingToDisk() throws {
    let cookie = try server.cookie()
    for path in ["/runs", "/queue", "/workers"] {
      _ = try server.get(path, headers: ["Cookie: \(cookie)"])
    }
    let folder = "/proc/\(server.process)/fd"
    for name in try FileManager.default.contentsOfDirectory(atPath: folder) where Int(name)! > 2 {
      // A session may end while it is looked at.
      guard
        let file = try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\(name)")
      else { continue }
      guard file.hasPrefix("/"), !file.hasPrefix("/dev/"), !file.hasPrefix("/proc/") else {
        continue
      }
      // proc(5): the last digit of the flags is 1 or 2 where it may be written.
      let flags = try String(
        contentsOfFile: "/proc/\(server.process)/fdinfo/\(name)", encoding: .utf8)
      #expect(!flags.contains(/flags:\s+0\d*[12]\n/), "\(file)")
    }
  }

  @Test func anotherHostIsRefused() throws {
    let cookie = try server.cookie()
    func status(_ host: String) throws -> Int {
      try server.send("GET /runs HTTP/1.1\r\n\(host)Cookie: \(cookie)\r\n\r\n").status
    }
    #expect(try status("Host: localhost:1234\r\n") == 200)
    #expect(try status("Host: evil.example\r\n") == 421)
    #expect(try status("") == 400)
    #expect(try status("Host: localhost\r\nHost: evil.example\r\n") == 400)
  }

  @Test func everyReplyForbidsInlineScripts() throws {
    for path in ["/runs", "/queue", "/workers", "/nothing", "/chart.svg?runs=1", "/healthz"] {
      let reply = try server.page(path)
      let policy = try #require(reply.header("Content-Security-Policy"), "\(path)")
      #expect(
        policy.hasPrefix("default-src 'none'; script-src 'self'; style-src 'self'")
          && !policy.contains("unsafe"))
      #expect(reply.header("X-Content-Type-Options") == "nosniff")
      #expect(reply.header("Referrer-Policy") == "no-referrer")
      #expect(!reply.body.contains("onclick") && !reply.body.contains("style="), "\(path)")
    }
  }

  @Test(
    "an address that is none gets one page that names the term",
    arguments: [
      ("/runs/7", 404, "there is no run 7"), ("/runs/x", 404, "expected the number of a run"),
      ("/runs?find=lr%3E", 200, "lr&gt;: expected a value after &gt;"),
      ("/runs?find=state%3Dnone", 200, "state=none: expected empty, pending"),
      ("/runs?find=lrr%3D1", 200, "there is no setting and no figure &#39;lrr&#39;"),
      ("/compare?runs=1,b", 400, "runs=b: expected numbers of runs"),
      ("/jobs/9", 404, "there is no job 9"),
      ("/chart.svg?runs=1&metric=loss", 404, "no series"),
      ("/series.json?runs=1&smooth=2", 400, "smooth=2"),
      ("/queue?panel=none&form=csv", 400, "panel=none: expected one of counts, waiting"),
      ("/images?by=x", 400, "by=x"), ("/sheet.png?count=1000", 400, "count=1000: expected 1 to 64"),
      (
        "/compare?runs=\((1...201).map(String.init).joined(separator: ","))", 400,
        "201 are named; at most 200"
      ),
      ("/series.json?runs=1&x=years", 400, "x=years: expected step, since, images, hours"),
      ("/series.json?runs=1&after=x", 400, "after=x"), ("/images?runs=1&image=-1", 400, "image=-1"),
      ("/nearest.png?sampling=1", 400, "nearest.png?sampling=N&amp;image=N"),
      ("/files/abc?job=1", 404, "no such file"),
      ("/assets/../../etc/passwd", 404, "no such"), ("/jobs/%2e%2e%2fx", 404, "no such page"),
    ])
  func wrongAddresses(path: String, status: Int, message: String) throws {
    let reply = try server.page(path)
    #expect(reply.status == status)
    #expect(reply.body.contains(message), "\(reply.body.suffix(600))")
  }

  @Test func aCopyOfAPageIsNotSentTwice() throws {
    let cookie = try server.cookie()
    let first = try server.get("/workers", headers: ["Cookie: \(cookie)"])
    let mark = try #require(first.header("ETag"))
    let second = try server.get(
      "/workers", headers: ["Cookie: \(cookie)", "If-None-Match: \(mark)"])
    #expect(second.status == 304 && second.body.isEmpty)
  }

  @Test func slowAndHostileClientsDelayNobody() throws {
    let cookie = try server.cookie()
    let idle = try (0..<200).map { _ in try server.connect() }
    defer { for descriptor in idle { close(descriptor) } }
    for descriptor in idle.prefix(100) { _ = write(descriptor, "GET /ru", 7) }
    let flood = try server.connect()
    defer { close(flood) }
    _ = write(flood, "GET / HTTP/1.1\r\nX: ", 19)
    let line = [UInt8](repeating: UInt8(ascii: "a"), count: 1 << 16)
    // The server ends it after 32 KiB of headers.
    for _ in 0..<800 where Glibc.send(flood, line, line.count, Int32(MSG_NOSIGNAL)) < 0 { break }
    let began = ContinuousClock.now
    #expect(try server.get("/workers", headers: ["Cookie: \(cookie)"]).status == 200)
    #expect(ContinuousClock.now - began < .seconds(2))
  }

  @Test func aLongBodyAndOtherMethodsAreRefused() throws {
    let cookie = try server.cookie()
    let body = String(repeating: "a", count: 70_000)
    let long = try server.send(
      "POST /act HTTP/1.1\r\nHost: localhost\r\nCookie: \(cookie)\r\nContent-Length: \(body.count)\r\n\r\n\(body)"
    )
    #expect(long.status == 413)
    let act = try server.send(
      "POST /act HTTP/1.1\r\nHost: localhost\r\nCookie: \(cookie)\r\nContent-Length: 0\r\n\r\n")
    #expect(act.status == 405, "the server was started to read")
    #expect(
      try server.send("DELETE /runs HTTP/1.1\r\nHost: localhost\r\nCookie: \(cookie)\r\n\r\n")
        .status == 405)
  }

  @Test func itReadsAsOneWhoCanOnlyRead() throws {
    _ = try server.page("/queue")
    let sessions = try world.admin.query(
      """
      select count(*) as sessions, bool_and(usename is not null) as known from pg_stat_activity
      where application_name = 'pra dashboard' and datname = current_database()
      """
    ).single()
    #expect((1...4).contains(try sessions.integer("sessions")))
  }
}

@Suite struct StartTests {
  /// The error line of a server that does not start.
  private func refusal(_ options: String...) throws -> String {
    let process = Process()
    process.executableURL = URL(filePath: Server.program)
    process.arguments = options
    process.environment = ["PRA_DATABASE_URL": "postgresql:///none"]
    let errors = Pipe()
    process.standardError = errors
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    let text = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 2)
    return text
  }

  @Test func anAddressThatOthersReachNeedsToKnowWhoAsks() throws {
    #expect(
      try refusal("--listen", "0.0.0.0:0").contains("it needs --token-file, or --user-header"))
    #expect(
      try refusal("--listen", "127.0.0.1:0", "--user-header", "X-User").contains("--trusted-proxy"))
    #expect(try refusal("--listen", "here").contains("expected unix:PATH or an IPv4 address"))
    #expect(try refusal("--colour", "red").contains("--colour: expected"))
  }
}
