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
    /// The explanation of a failure, by the server or by libcurl.
    let text: String
    /// The size of the object that a HEAD asked for; nil if the server did not say.
    var size: Int64?
    /// Seconds after which the server asks to be asked again; 0 if it did not say.
    var retryAfter = 0.0
    /// The region of the bucket, and the address, that a redirection names.
    var region = ""
    var location = ""
    /// Whether the connection failed in a way that no repetition mends: a certificate that is not
    /// trusted, a name that is no address.
    var isHopeless = false
  }

  private let session: UnsafeMutableRawPointer
  /// A file of certificates to trust; nil for those of the system.
  private let authorities: String?

  init(authorities: String? = nil) {
    guard let session = curl_session_open() else { fatalError("libcurl gives no session") }
    self.session = session
    self.authorities = authorities
  }

  deinit { curl_session_close(session) }

  /// Sends a request and waits for the answer.
  /// - Parameters:
  ///   - headers: `Name: value`
  ///   - patience: seconds of silence, or of less than 4 KiB/s, after which it has failed
  ///   - sink: takes status and body of an answer below 300; returns false to end the request
  ///   - isStopped: asked about once a second; true ends the request
  func send(
    _ method: String, _ url: String, headers: [String] = [], body: [UInt8]? = nil,
    signature: Signature?, patience: Int = 30,
    sink: (Int, UnsafeRawBufferPointer) -> Bool = { _, _ in true },
    isStopped: @escaping () -> Bool = { false }
  ) -> Answer {
    withoutActuallyEscaping(sink) { sink in
      var box = Sink(take: sink, isStopped: isStopped)
      return withUnsafeMutablePointer(to: &box) { box in
        send(method, url, headers, body, signature, patience, UnsafeMutableRawPointer(box))
      }
    }
  }

  private struct Sink {
    let take: (Int, UnsafeRawBufferPointer) -> Bool
    let isStopped: () -> Bool
  }

  private func send(
    _ method: String, _ url: String, _ headers: [String], _ body: [UInt8]?,
    _ signature: Signature?, _ patience: Int, _ sink: UnsafeMutableRawPointer
  ) -> Answer {
    let lines = headers.map { strdup($0) }
    defer { for line in lines { free(line) } }
    let kind = signature.map { "aws:amz:\($0.region):s3" }
    let credentials = signature.map { "\($0.accessKey):\($0.secretKey)" }
    let texts = [method, url, kind, credentials, authorities].map { $0.map { strdup($0)! } }
    defer { for text in texts { free(text) } }
    var answer = CurlAnswer()
    defer { curl_answer_free(&answer) }
    lines.map { UnsafePointer($0) }.withUnsafeBufferPointer { lines in
      (body ?? []).withUnsafeBytes { bytes in
        var request = CurlRequest(
          method: texts[0], url: texts[1], headers: lines.baseAddress, header_count: lines.count,
          signature: texts[2], credentials: texts[3], authorities: texts[4], patience: patience,
          body: body == nil ? nil : bytes.baseAddress, body_size: bytes.count,
          sink: { status, bytes, size, context in
            let sink = context!.assumingMemoryBound(to: Sink.self).pointee
            return sink.take(status, UnsafeRawBufferPointer(start: bytes, count: size)) ? size : 0
          },
          stop: { $0!.assumingMemoryBound(to: Sink.self).pointee.isStopped() ? 1 : 0 },
          context: sink)
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
      status: answer.error == 0 ? answer.status : 0, etag: Self.string(&answer.etag), text: text,
      size: answer.size < 0 ? nil : answer.size, retryAfter: answer.retry_after,
      region: Self.string(&answer.region), location: Self.string(&answer.location),
      isHopeless: Self.hopeless.contains(answer.error))
  }

  /// The CURLcodes of an unknown protocol, an address that is none, and certificates: ours, the
  /// server's, and the file of those to trust.
  private static let hopeless: Set<Int32> = [1, 3, 58, 60, 77, 83]

  private static func string<Tuple>(_ tuple: inout Tuple) -> String {
    withUnsafeBytes(of: &tuple) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}
