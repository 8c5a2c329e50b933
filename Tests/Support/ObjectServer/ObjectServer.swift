// An S3-compatible server in the test's own process, whose answers the test may replace.

import Foundation
import Synchronization

/// Objects in memory behind HTTP on a free port of 127.0.0.1. It checks no signatures.
package final class ObjectServer: Sendable {
  package struct Request: Sendable {
    package let method: String
    /// Without the query, such as `/bucket/prefix/sha256/ab/abcd...`.
    package let path: String
    package let query: [String: String]
    /// Names in lower case.
    package let headers: [String: String]
    package let body: [UInt8]

    /// The access key that signed it.
    package var accessKey: String? {
      headers["authorization"]?.firstMatch(of: /Credential=([^\/]*)\//).map { String($0.1) }
    }
    package var region: String? {
      headers["authorization"]?.firstMatch(of: /Credential=[^\/]*\/[0-9]*\/([^\/]*)\//)
        .map { String($0.1) }
    }
  }

  package struct Answer: Sendable {
    package var status: Int
    package var headers: [String: String]
    package var body: [UInt8]
    /// Whether the length of the body is told; else the end of the connection is its end.
    package var hasLength = true
    /// Bytes of the body after which the connection breaks off.
    package var breaksOffAfter: Int?
    /// Bytes of the body that are sent in a tenth of a second.
    package var pace: Int?

    /// An object, with the ETag that S3 gives it; a text has none.
    package init(_ status: Int, headers: [String: String] = [:], body: [UInt8] = []) {
      (self.status, self.headers, self.body) = (status, headers, body)
      if !body.isEmpty, self.headers["ETag"] == nil { self.headers["ETag"] = "\"object\"" }
    }

    package init(_ status: Int, headers: [String: String] = [:], text: String) {
      self.init(status, headers: headers)
      body = Array(text.utf8)
    }

    /// An error as S3 words it.
    package static func error(_ status: Int, _ code: String, more: String = "") -> Answer {
      Answer(
        status, text: "<Error><Code>\(code)</Code><Message>told by a test</Message>\(more)</Error>")
    }
  }

  private struct State {
    var objects: [String: [UInt8]] = [:]
    var uploads: [String: [Int: [UInt8]]] = [:]
    var requests: [Request] = []
    var rule: @Sendable (Request, Int) -> Answer? = { _, _ in nil }
    var isOver = false
  }

  private let state = Mutex(State())
  private let listener: Int32
  package let port: UInt16

  package init() throws {
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let listener = listener
    let isBound = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, size) == 0 && listen(listener, 64) == 0
          && getsockname(listener, $0, &size) == 0
      }
    }
    guard isBound else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
    port = UInt16(bigEndian: address.sin_port)
    Thread.detachNewThread { [weak self] in
      while true {
        let client = accept(listener, nil, nil)
        guard client >= 0 else { return }
        guard let self else {
          close(client)
          return
        }
        Thread.detachNewThread { self.serve(client) }
      }
    }
  }

  deinit {
    shutdown(listener, Int32(SHUT_RDWR))
    close(listener)
  }

  package var endpoint: String { "http://127.0.0.1:\(port)" }

  /// Replaces answers.
  /// - Parameter rule: gets a request and its number, from 0, since the rule was set; nil answers as
  ///   S3 does
  package func answer(_ rule: @escaping @Sendable (Request, Int) -> Answer?) {
    state.withLock {
      $0.rule = rule
      $0.requests = []
    }
  }

  /// The requests since the rule was set.
  package var requests: [Request] { state.withLock { $0.requests } }

  /// Objects by the last component of their path.
  package var objects: [String: [UInt8]] {
    state.withLock { state in
      Dictionary(
        state.objects.map { (String($0.key.split(separator: "/").last ?? ""), $0.value) },
        uniquingKeysWith: { $1 })
    }
  }

  /// Puts an object where a store of this prefix keeps it.
  package func put(_ bytes: [UInt8], sha256: String, prefix: String = "bucket") {
    state.withLock { $0.objects["/\(prefix)/sha256/\(sha256.prefix(2))/\(sha256)"] = bytes }
  }

  /// Takes an object away.
  package func remove(sha256: String, prefix: String = "bucket") {
    state.withLock { $0.objects["/\(prefix)/sha256/\(sha256.prefix(2))/\(sha256)"] = nil }
  }

  package var openUploads: Int { state.withLock { $0.uploads.count } }

  // MARK: connections

  private func serve(_ client: Int32) {
    defer { close(client) }
    var input: [UInt8] = []
    while let request = read(client, &input) {
      let (number, rule) = state.withLock { state in
        state.requests.append(request)
        return (state.requests.count - 1, state.rule)
      }
      let answer = rule(request, number) ?? usual(request)
      guard send(answer, to: request, client) else { return }
    }
  }

  private func read(_ client: Int32, _ input: inout [UInt8]) -> Request? {
    func more() -> Bool {
      var buffer = [UInt8](repeating: 0, count: 1 << 16)
      let count = recv(client, &buffer, buffer.count, 0)
      guard count > 0 else { return false }
      input += buffer[..<count]
      return true
    }
    let blank = Array("\r\n\r\n".utf8)
    var end: Int?
    while end == nil {
      end = input.firstRange(of: blank)?.upperBound
      if end == nil && !more() { return nil }
    }
    let lines = String(decoding: input[..<end!], as: UTF8.self).components(separatedBy: "\r\n")
    input.removeFirst(end!)
    let words = lines[0].split(separator: " ")
    guard words.count == 3 else { return nil }
    var headers: [String: String] = [:]
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":") else { continue }
      headers[line[..<colon].lowercased()] = line[line.index(after: colon)...]
        .trimmingCharacters(in: .whitespaces)
    }
    if headers["expect"] != nil { write("HTTP/1.1 100 Continue\r\n\r\n".utf8, client) }
    let length = Int(headers["content-length"] ?? "0")!
    while input.count < length { if !more() { return nil } }
    let body = Array(input[..<length])
    input.removeFirst(length)
    let target = words[1].split(separator: "?", maxSplits: 1)
    var query: [String: String] = [:]
    for setting in target.dropFirst().first?.split(separator: "&") ?? [] {
      let parts = setting.split(separator: "=", maxSplits: 1)
      query[String(parts[0])] = parts.count > 1 ? String(parts[1]) : ""
    }
    return Request(
      method: String(words[0]), path: String(target[0]), query: query, headers: headers, body: body)
  }

  /// - Returns: whether the connection goes on
  private func send(_ answer: Answer, to request: Request, _ client: Int32) -> Bool {
    guard answer.status > 0 else { return false }
    var head = "HTTP/1.1 \(answer.status) Told\r\n"
    for (name, value) in answer.headers { head += "\(name): \(value)\r\n" }
    if answer.headers["Content-Length"] == nil && answer.hasLength {
      head += "Content-Length: \(answer.body.count)\r\n"
    }
    if !answer.hasLength { head += "Connection: close\r\n" }
    guard write("\(head)\r\n".utf8, client) else { return false }
    guard request.method != "HEAD" else { return answer.hasLength }
    let body = answer.body.prefix(answer.breaksOffAfter ?? .max)
    if let pace = answer.pace {
      var rest = body[...]
      while !rest.isEmpty {
        guard write(rest.prefix(pace), client) else { return false }
        rest = rest.dropFirst(pace)
        usleep(100_000)
      }
    } else if !write(body, client) {
      return false
    }
    return answer.hasLength && answer.breaksOffAfter == nil
  }

  @discardableResult
  private func write(_ bytes: some Sequence<UInt8>, _ client: Int32) -> Bool {
    let bytes = Array(bytes)
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes {
        Foundation.send(client, $0.baseAddress! + done, $0.count - done, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return false }
      done += count
    }
    return true
  }

  // MARK: S3

  /// The answer of S3.
  package func usual(_ request: Request) -> Answer {
    state.withLock { state in
      let object = state.objects[request.path]
      switch request.method {
      case "PUT":
        if let id = request.query["uploadId"] {
          guard state.uploads[id] != nil else { return .error(404, "NoSuchUpload") }
          let number = Int(request.query["partNumber"]!)!
          state.uploads[id]![number] = request.body
          return Answer(200, headers: ["ETag": "\"part-\(number)\""])
        }
        if request.headers["if-none-match"] != nil && object != nil {
          return .error(412, "PreconditionFailed")
        }
        state.objects[request.path] = request.body
        return Answer(200, headers: ["ETag": "\"whole\""])
      case "POST" where request.query["uploads"] != nil:
        let id = UUID().uuidString
        state.uploads[id] = [:]
        return Answer(200, text: "<R><UploadId>\(id)</UploadId></R>")
      case "POST":
        guard let parts = state.uploads.removeValue(forKey: request.query["uploadId"] ?? "") else {
          return .error(404, "NoSuchUpload")
        }
        state.objects[request.path] = parts.sorted { $0.key < $1.key }.flatMap(\.value)
        return Answer(
          200, text: "<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>"
        )
      case "DELETE":
        if let id = request.query["uploadId"] {
          state.uploads[id] = nil
        } else {
          state.objects[request.path] = nil
        }
        return Answer(204)
      case "GET" where request.query["list-type"] != nil:
        let prefix = (request.query["prefix"] ?? "").removingPercentEncoding ?? ""
        let after = (request.query["start-after"] ?? "").removingPercentEncoding ?? ""
        let names = state.objects.keys.filter {
          $0.hasPrefix("\(request.path)/\(prefix)") && $0 > "\(request.path)/\(after)"
        }.sorted()
        // Few on a page, so that there are pages.
        let keys = names.prefix(min(2, request.query["max-keys"].flatMap { Int($0) } ?? 2)).map {
          "<Contents><Key>\($0.dropFirst(request.path.count + 1))</Key><ETag>e</ETag>"
            + "<Size>\(state.objects[$0]?.count ?? 0)</Size></Contents>"
        }
        return Answer(
          200, text: "<ListBucketResult>\(keys.joined())</ListBucketResult>")
      default:
        guard let object else { return .error(404, "NoSuchKey") }
        guard let match = request.headers["range"]?.firstMatch(of: /bytes=([0-9]+)-([0-9]*)/),
          let start = Int(match.1)
        else { return Answer(200, body: object) }
        guard start < object.count else { return .error(416, "InvalidRange") }
        let end = min(object.count, (Int(match.2) ?? object.count) + 1)
        return Answer(206, body: Array(object[start..<end]))
      }
    }
  }
}
