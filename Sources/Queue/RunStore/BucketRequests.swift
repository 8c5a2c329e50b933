// Requests to a bucket: signed, and repeated as S3 says that they are to be.

import Digest
import FoundationEssentials
import Threads

/// The requests of one store to its bucket, over one connection.
final class BucketRequests {
  let location: BucketLocation
  let patience: StorePatience
  private let variables: AWSVariables
  private let session: HTTPSession
  private var keys: Credentials?
  /// Whether the keys were read again since the last success: each time they may be others.
  private var hasRenewed = false

  /// Number of tries of a request whose answer is odd rather than a sign of an outage.
  private static let oddTries = 8

  init(_ location: BucketLocation, environment: [String: String], patience: StorePatience) {
    (self.location, self.patience) = (location, patience)
    variables = AWSVariables(environment)
    session = HTTPSession(authorities: location.authorities)
  }

  /// An answer that is no failure.
  struct Reply {
    let status: Int
    let etag: String
    let size: Int64?
    let body: String
  }

  /// Sends a request, and repeats it while the store is away.
  /// - Parameters:
  ///   - besides: status codes that are no failure, in addition to those below 300
  ///   - codes: error codes that are none either
  ///   - silence: seconds after which a connection without progress has failed, if not the usual ones
  ///   - isPart: whether the answer is looked at by a check of another, and says nothing by itself
  ///   - check: whether the answer is one of S3: other servers on the way answer 200, too
  /// - Throws: `StoreAway` when the patience is over; `StoreError` when a repetition would not help
  @discardableResult
  func send(
    _ method: String, _ url: String, headers: [String] = [], body: [UInt8]? = nil,
    besides: [Int] = [], codes: [String] = [], silence: Int? = nil, isPart: Bool = false,
    check: (Reply) throws -> Bool = { _ in true }
  ) throws -> Reply {
    var odd = 0
    while true {
      var text: [UInt8] = []
      let answer = try once(method, url, headers: headers, body: body, silence: silence) {
        text += $1
        return text.count < 1 << 20
      }
      let code = Self.element("Code", in: answer.text)
      let isDone = (1..<300).contains(answer.status) || code.map(codes.contains) == true
      // A bucket says with a code what is not there; a proxy without a server behind it says 404 as well.
      let isAbsence = method == "HEAD" || code != nil || answer.status != 404
      if isDone || besides.contains(answer.status) && isAbsence && code != "NoSuchBucket" {
        let reply = Reply(
          status: answer.status, etag: answer.etag, size: answer.size,
          body: String(decoding: text, as: UTF8.self))
        if try check(reply) {
          if !isPart { succeeded() }
          return reply
        }
        try patience.pause(after: stranger(method, answer.status))
        continue
      }
      try afterFailure(method, answer, odd: &odd)
    }
  }

  /// Another server than the bucket's has answered.
  func stranger(_ method: String, _ status: Int) -> StoreAway {
    StoreAway(
      "bucket \(location.bucket): \(method) was answered \(status), but not as S3 does, by "
        + location.endpoint)
  }

  /// Sends a request once, with keys that are not about to expire.
  /// - Throws: `StoreAway` when this host has no keys
  func once(
    _ method: String, _ url: String, headers: [String] = [], body: [UInt8]? = nil,
    silence: Int? = nil, sink: (Int, UnsafeRawBufferPointer) -> Bool = { _, _ in true }
  ) throws -> HTTPSession.Answer {
    if keys?.isExpiring ?? true {
      keys = try patience.run { try Credentials.read(variables, location: location) }
    }
    let keys = keys!
    let patience = patience
    // Bytes on their way out may be all but there; those that came stay in the cache of the machine.
    let grace = method == "GET" ? 0.0 : 1.0
    var end: Double?
    return session.send(
      method, url,
      headers: (keys.token.map { ["x-amz-security-token: \($0)"] } ?? [])
        + ["x-amz-content-sha256: \(SHA256.hexadecimal(of: body ?? []))"] + headers,
      body: body,
      signature: .init(
        region: location.region, accessKey: keys.accessKey, secretKey: keys.secretKey),
      patience: silence ?? patience.silence,
      sink: sink,
      isStopped: {
        guard patience.givesUp else { return false }
        let now = monotonicSeconds()
        end = end ?? now + grace
        return now >= end!
      })
  }

  /// The meaning of a failure for a repetition.
  private enum Verdict {
    /// The store is away: it may be asked again for as long as the patience lasts.
    case away
    /// The request went wrong on its way; a few repetitions show whether that was chance.
    case odd
    /// The store refuses this host.
    case refused
    case final
  }

  /// Waits until a request that failed may be repeated.
  /// - Parameter odd: number of odd answers to this request so far
  /// - Throws: `StoreAway` or `StoreError` when it may not
  func afterFailure(_ method: String, _ answer: HTTPSession.Answer, odd: inout Int) throws {
    let words = describe(method, answer)
    switch verdict(method, answer) {
    case .away: break
    case .odd:
      odd += 1
      guard odd < Self.oddTries else { throw StoreError(words) }
    case .refused:
      let before = keys
      if Self.concernsKeys(answer) {
        keys = try patience.run { try Credentials.read(variables, location: location) }
        if keys != before && !hasRenewed {
          hasRenewed = true
          return
        }
      }
      var error = StoreAway(words, isRefusal: true)
      error.mayBeRenewed = Self.concernsKeys(answer) && before?.mayBeRenewed == true
      try patience.pause(after: error)
      return
    case .final: throw StoreError(words)
    }
    var error = StoreAway(words)
    error.retryAfter = answer.retryAfter
    try patience.pause(after: error)
  }

  /// Notes that the store has done something.
  func succeeded() {
    hasRenewed = false
    patience.succeeded()
  }

  /// The table of the S3 API reference, "Error responses", and what other servers answer.
  private func verdict(_ method: String, _ answer: HTTPSession.Answer) -> Verdict {
    if answer.isHopeless { return .refused }
    let code = Self.element("Code", in: answer.text)
    switch code {
    case "RequestTimeout", "SlowDown", "OperationAborted", "ConditionalRequestConflict",
      "InternalError", "ServiceUnavailable", "Throttling", "ThrottlingException",
      "RequestLimitExceeded":
      return .away
    case "BadDigest", "IncompleteBody", "InvalidDigest", "XAmzContentSHA256Mismatch": return .odd
    case "NoSuchBucket", "AuthorizationHeaderMalformed": return .refused
    default: break
    }
    switch answer.status {
    case 0, 408, 409, 425, 429: return .away
    case 501, 505: return .final
    case 500...: return .away
    case 300..<400, 401, 403: return .refused
    // Without a code it is none of S3: a proxy answers while the server behind it is away.
    case 400..<500 where code == nil && method != "HEAD": return .away
    default: return Self.concernsKeys(answer) ? .refused : .final
    }
  }

  /// Whether other keys may be the remedy. The answer to a HEAD says no more than its status.
  private static func concernsKeys(_ answer: HTTPSession.Answer) -> Bool {
    let codes = [
      "ExpiredToken", "ExpiredTokenException", "InvalidAccessKeyId", "InvalidToken",
      "TokenRefreshRequired", "SignatureDoesNotMatch", "AccessDenied",
    ]
    return element("Code", in: answer.text).map(codes.contains)
      ?? [401, 403].contains(answer.status)
  }

  // MARK: texts

  private func describe(_ method: String, _ answer: HTTPSession.Answer) -> String {
    let message =
      Self.element("Message", in: answer.text) ?? String(answer.text.prefix(200))
    let said = [Self.element("Code", in: answer.text), message].compactMap { $0 }
      .filter { !$0.isEmpty }
    var words = "bucket \(location.bucket): \(method) "
    words += answer.status == 0 ? "failed" : "was answered \(answer.status)"
    if !said.isEmpty { words += ": \(said.joined(separator: ": "))" }
    if answer.status == 0 { words += " (\(location.endpoint))" }
    if answer.isHopeless && location.endpoint.hasPrefix("https://") {
      words +=
        "; a server with a certificate of its own needs ca=/path/of/authority.pem in the location, or "
        + "AWS_CA_BUNDLE"
    }
    return words + redirection(answer)
  }

  /// The place where the bucket is, if the answer names one.
  private func redirection(_ answer: HTTPSession.Answer) -> String {
    let region =
      answer.region.isEmpty ? Self.element("Region", in: answer.text) : answer.region
    var host = Self.element("Endpoint", in: answer.text)
    if host == nil, (300..<400).contains(answer.status), !answer.location.isEmpty {
      host = answer.location.split(separator: "/", omittingEmptySubsequences: false).prefix(3)
        .joined(separator: "/")
    }
    guard (300..<400).contains(answer.status) || Self.element("Region", in: answer.text) != nil
    else { return "" }
    var settings: [String] = []
    if let region, region != location.region { settings.append("region=\(region)") }
    if let host {
      let scheme = host.contains("://") ? "" : "https://"
      settings.append("endpoint=\(scheme)\(host.replacing("\(location.bucket).", with: ""))")
    }
    return settings.isEmpty
      ? ""
      : "; the bucket is elsewhere: set \(settings.joined(separator: "&")) in the location"
  }

  /// The text of the first element with this name; in S3's XML no element contains another of its
  /// name.
  static func element(_ name: String, in xml: String) -> String? {
    guard let start = xml.firstRange(of: "<\(name)>")?.upperBound,
      let end = xml[start...].firstRange(of: "</\(name)>")?.lowerBound
    else { return nil }
    return String(xml[start..<end])
  }

  /// Escapes all but the unreserved characters, as the signature demands (RFC 3986 section 2.3).
  static func escaped(_ text: String) -> String {
    var out = ""
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "_"), UInt8(ascii: "~"):
        out.append(Character(UnicodeScalar(byte)))
      default:
        let digits = String(byte, radix: 16, uppercase: true)
        out += "%" + (digits.count < 2 ? "0" : "") + digits
      }
    }
    return out
  }
}
