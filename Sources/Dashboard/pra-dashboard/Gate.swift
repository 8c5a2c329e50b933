// The rules of who may ask: the host, the token, the user.

import Digest

/// The rules by which a request is let in.
struct Gate: Sendable {
  /// Names under which the server may be asked for, in lower case and without a port: a page of another site whose name
  /// was pointed here is refused.
  let hosts: Set<String>
  let token: String
  /// A header in which a proxy names the user; it takes the place of the token.
  let userHeader: String?
  /// The address of the proxy that is believed; nil for a Unix socket, which its mode protects.
  let trustedProxy: String?
  /// The name of the cookie, in which the port stands: browsers keep one jar for all ports of a host.
  let cookieName: String

  enum Verdict {
    case enter(user: String?)
    case exchange
    case refused(UInt32, String)
  }

  /// - Parameter isRoot: whether the root page is asked for, where a token is exchanged for a cookie
  func verdict(_ request: Request, token given: String?, isRoot: Bool) -> Verdict {
    guard let host = request.header("Host").map(Self.name) else {
      return .refused(400, "the request has no Host header, or several")
    }
    guard hosts.contains(host) else {
      return .refused(
        421, "this server was not started for the host \(host); pra dashboard --host NAME adds one")
    }
    if let userHeader {
      guard let user = request.header(userHeader), !user.isEmpty, user.utf8.count <= 200 else {
        return .refused(401, "the proxy gave no user in \(userHeader)")
      }
      guard trustedProxy.map({ $0 == request.peer }) ?? request.peer.isEmpty else {
        return .refused(403, "\(userHeader) is believed of the trusted proxy alone")
      }
      return .enter(user: user)
    }
    if isRoot, let given { return isEqual(given, token) ? .exchange : refusal }
    let cookies = (request.header("Cookie") ?? "").split(separator: ";")
    let own = cookies.first { $0.drop { $0 == " " }.hasPrefix("\(cookieName)=") }
    guard let own, isEqual(String(own.drop { $0 == " " }.dropFirst(cookieName.count + 1)), session)
    else { return refusal }
    return .enter(user: nil)
  }

  private var refusal: Verdict {
    .refused(401, "open the address that pra dashboard has printed: it holds a token")
  }

  /// The value of the cookie: it lets its holder in and does not tell the token.
  var session: String { SHA256.hexadecimal(of: Array("session \(token)".utf8)) }

  /// The token that a form for acting must carry, other than the cookie, which a browser adds by itself.
  func actingToken(of user: String?) -> String {
    SHA256.hexadecimal(of: Array("act \(token) \(user ?? "")".utf8))
  }

  func cookie(isSecure: Bool) -> String {
    "\(cookieName)=\(session); HttpOnly; SameSite=Strict" + (isSecure ? "; Secure" : "")
  }

  /// The host without its port.
  private static func name(_ text: String) -> String {
    let lower = text.lowercased()
    if lower.hasPrefix("[") { return String(lower.prefix { $0 != "]" }) + "]" }
    return String(lower.prefix { $0 != ":" })
  }

  /// A hexadecimal token of 32 bytes that nobody can guess: the system's generator is getrandom(2).
  static func freshToken() -> String {
    var generator = SystemRandomNumberGenerator()
    return (0..<64).map { _ in String(Int.random(in: 0..<16, using: &generator), radix: 16) }
      .joined()
  }
}

/// Compares texts in a time that does not tell how far they agree.
func isEqual(_ left: String, _ right: String) -> Bool {
  let (left, right) = (Array(left.utf8), Array(right.utf8))
  guard left.count == right.count else { return false }
  return zip(left, right).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
}
