// HTTP requests through libcurl, signed for S3 if wanted.

import CCurl
import Glibc

/// A persistent connection to a server, used by one thread at a time. The only file that imports
/// CCurl.
final class HTTPSession {
  struct Signature {
    let region: String
    let accessKey: String
    let secretKey: String
  }

  struct Answer {
    /// 0 if no answer came.
    let status: Int
    let etag: String
    /// The size that the server names; of an answer to HEAD, the object's.
    let size: Int64?
    /// The explanation of a failure, by the server or by libcurl.
    let text: String

    /// Whether the error is transient: no answer, too many requests, a fault of the server.
    var mayPass: Bool { status == 0 || status == 429 || status >= 500 }
  }

  private let session: UnsafeMutableRawPointer

  init() {
    guard let session = curl_session_open() else { fatalError("libcurl gives no session") }
    self.session = session
  }

  deinit { curl_session_close(session) }

  /// Sends a request and waits for the answer.
  /// - Parameters:
  ///   - headers: `Name: value`
  ///   - sink: takes the body of an answer with a status below 300; returns false to end the
  ///     request
  func send(
    _ method: String, _ url: String, headers: [String] = [], body: [UInt8]? = nil,
    signature: Signature?, sink: (UnsafeRawBufferPointer) -> Bool = { _ in true }
  ) -> Answer {
    withoutActuallyEscaping(sink) { sink in
      var box = Sink(take: sink)
      return withUnsafeMutablePointer(to: &box) { box in
        send(method, url, headers, body, signature, UnsafeMutableRawPointer(box))
      }
    }
  }

  private struct Sink {
    let take: (UnsafeRawBufferPointer) -> Bool
  }

  private func send(
    _ method: String, _ url: String, _ headers: [String], _ body: [UInt8]?,
    _ signature: Signature?, _ sink: UnsafeMutableRawPointer
  ) -> Answer {
    let lines = headers.map { strdup($0) }
    defer { for line in lines { free(line) } }
    let kind = signature.map { "aws:amz:\($0.region):s3" }
    let credentials = signature.map { "\($0.accessKey):\($0.secretKey)" }
    let texts = [method, url, kind, credentials].map { $0.map { strdup($0)! } }
    defer { for text in texts { free(text) } }
    var answer = CurlAnswer()
    defer { curl_answer_free(&answer) }
    lines.map { UnsafePointer($0) }.withUnsafeBufferPointer { lines in
      (body ?? []).withUnsafeBytes { bytes in
        var request = CurlRequest(
          method: texts[0], url: texts[1], headers: lines.baseAddress, header_count: lines.count,
          signature: texts[2], credentials: texts[3],
          body: body == nil ? nil : bytes.baseAddress, body_size: bytes.count,
          sink: { bytes, size, context in
            let sink = context!.assumingMemoryBound(to: Sink.self).pointee
            return sink.take(UnsafeRawBufferPointer(start: bytes, count: size)) ? size : 0
          }, context: sink)
        curl_session_send(session, &request, &answer)
      }
    }
    let text =
      answer.error == 0
      ? String(
        decoding: UnsafeRawBufferPointer(start: answer.text, count: answer.text_size), as: UTF8.self
      ) : Self.string(&answer.message)
    // An answer that broke off counts as none, whatever its status line said.
    return Answer(
      status: answer.error == 0 ? answer.status : 0, etag: Self.string(&answer.etag),
      size: answer.size < 0 ? nil : answer.size, text: text)
  }

  private static func string<Tuple>(_ tuple: inout Tuple) -> String {
    withUnsafeBytes(of: &tuple) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}
