// Requests and replies. The only file that imports CMicrohttpd.

import CMicrohttpd
import Digest
import Glibc
import Threads

/// A request, as its first line and headers say it.
struct Request {
  let method: String
  /// Parts of the path between its slashes, as they were sent.
  let path: [Substring]
  let queryText: Substring
  let body: [UInt8]
  let isTooLong: Bool
  /// The client's address; empty on a Unix socket.
  let peer: String
  private let headers: [String: [String]]

  /// Headers that are looked at.
  fileprivate static let known = [
    "Host", "Cookie", "If-None-Match", "Origin", "Sec-Fetch-Site", "Content-Type",
    "X-Forwarded-Proto", "X-Poll",
  ]

  fileprivate init(_ request: OpaquePointer, userHeader: String?) {
    method = String(cString: http_request_method(request))
    let address = String(cString: http_request_address(request))
    let sides = address.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    path = sides[0].split(separator: "/", omittingEmptySubsequences: false).dropFirst().map { $0 }
    queryText = sides.count > 1 ? sides[1] : ""
    var size = 0
    let bytes = http_request_body(request, &size)
    body = bytes.map { Array(UnsafeBufferPointer(start: $0, count: size)) } ?? []
    isTooLong = http_request_is_too_long(request) != 0
    var text = [CChar](repeating: 0, count: 64)
    http_request_peer(request, &text, text.count)
    peer = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    var headers: [String: [String]] = [:]
    for name in Self.known + (userHeader.map { [$0] } ?? []) {
      var value: UnsafePointer<CChar>?
      let count = http_request_header(request, name, &value)
      headers[name.lowercased()] =
        value.map { Array(repeating: String(cString: $0), count: Int(max(0, count))) } ?? []
    }
    self.headers = headers
  }

  /// The value of a header that occurs once.
  func header(_ name: String) -> String? {
    guard let values = headers[name.lowercased()] else {
      assertionFailure("no request is asked for its header \(name)")
      return nil
    }
    return values.count == 1 ? values[0] : nil
  }
}

/// Bytes that are read in their order while they are sent.
final class ByteStream {
  let size: Int64
  /// The most bytes of a piece.
  static let piece = 256 << 10
  private let read: (Int64, Int) throws -> [UInt8]

  /// - Parameter read: the bytes from a place, as many as are asked for; called for one piece after another
  init(size: Int64, read: @escaping (Int64, Int) throws -> [UInt8]) {
    (self.size, self.read) = (size, read)
  }

  /// Nil where they cannot be read: a client sees a body that breaks off.
  fileprivate func bytes(from place: Int64, atMost count: Int) -> [UInt8]? {
    try? read(place, min(count, Int(min(Int64(Self.piece), size - place))))
  }
}

struct Reply {
  var status: UInt32 = 200
  var headers: [(String, String)] = []
  var body: [UInt8] = []
  /// A body that is read as it is sent, instead of one that is there.
  var stream: ByteStream?

  init(_ status: UInt32 = 200, type: String, _ body: [UInt8]) {
    (self.status, self.body) = (status, body)
    headers = [("Content-Type", type)]
  }

  /// To another page of this server, relative to the one that was asked for.
  init(seeOther address: String) {
    self.init(303, type: "text/plain; charset=utf-8", Array("see \(address)\n".utf8))
    headers.append(("Location", address))
  }

  /// A mark of the contents, by which a client asks whether they have changed.
  var mark: String {
    let digits = String(UInt64(bitPattern: SHA256.leading64(of: body)), radix: 16)
    return "\"\(digits)\""
  }
}

/// A server on a socket that listens already.
final class HTTPServer {
  private let server: UnsafeMutableRawPointer
  private let context: Unmanaged<Context>

  private final class Context: Sendable {
    let userHeader: String?
    let answer: @Sendable (Request) -> Reply

    init(_ userHeader: String?, _ answer: @escaping @Sendable (Request) -> Reply) {
      (self.userHeader, self.answer) = (userHeader, answer)
    }
  }

  /// - Parameters:
  ///   - socket: is closed with the server
  ///   - userHeader: the name of a header that is looked at besides the known ones
  ///   - answer: called on one of four threads
  init?(socket: Int32, userHeader: String?, answer: @escaping @Sendable (Request) -> Reply) {
    context = Unmanaged.passRetained(Context(userHeader, answer))
    var options = HTTPServerOptions()
    options.socket = socket
    options.threads = 4
    options.connections = 256
    options.header_bytes = 32 << 10
    options.body_bytes = 64 << 10
    options.patience = 15
    options.answer = { request, context in
      let context = Unmanaged<Context>.fromOpaque(context!).takeUnretainedValue()
      HTTPServer.send(
        context.answer(Request(request!, userHeader: context.userHeader)), to: request!)
    }
    options.context = context.toOpaque()
    guard let server = http_server_start(&options) else {
      context.release()
      return nil
    }
    self.server = server
  }

  func stop() {
    http_server_stop(server)
    context.release()
  }

  private static func send(_ reply: Reply, to request: OpaquePointer) {
    let names = reply.headers.map { strdup($0.0) }
    let values = reply.headers.map { strdup($0.1) }
    defer { for text in names + values { free(text) } }
    let (given, their) = (names.map { UnsafePointer($0) }, values.map { UnsafePointer($0) })
    guard let stream = reply.stream else {
      reply.body.withUnsafeBufferPointer { body in
        http_request_answer(
          request, reply.status, body.baseAddress, body.count, given, their, names.count)
      }
      return
    }
    http_request_stream(
      request, reply.status, UInt64(stream.size),
      { context, place, bytes, size in
        let stream = Unmanaged<ByteStream>.fromOpaque(context!).takeUnretainedValue()
        guard let piece = stream.bytes(from: Int64(place), atMost: size) else { return -1 }
        memcpy(bytes!, piece, piece.count)
        return piece.count
      }, { Unmanaged<ByteStream>.fromOpaque($0!).release() },
      Unmanaged.passRetained(stream).toOpaque(), given, their, names.count)
  }
}
