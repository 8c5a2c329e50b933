// Secrets that a stage prints by mistake do not reach the database.

/// Replaces secrets in a stream of bytes, wherever the pieces of the stream end.
///
/// Secrets are what the agent hands to its stages and nobody shall read: the password of the database,
/// and the variables whose names begin with `PRA_SECRET_`.
struct Redaction: Sendable {
  /// Longest first, so that one that contains another is replaced whole.
  private let secrets: [[UInt8]]
  /// The end of what came so far, as long as it may be the beginning of a secret.
  private var held: [UInt8] = []

  /// Shorter ones would make holes in ordinary words.
  private static let shortest = 6
  private static let mark = Array("[secret]".utf8)

  init(_ secrets: [String]) {
    self.secrets = Set(secrets.map { Array($0.utf8) }).filter { $0.count >= Self.shortest }
      .sorted { $0.count > $1.count }
  }

  /// - Parameter environment: what stages inherit
  init(environment: [String: String], password: String?) {
    self.init(
      environment.filter { $0.key.hasPrefix("PRA_SECRET_") }.map(\.value)
        + (password.map { [$0] } ?? []))
  }

  /// What may be passed on now that `bytes` came.
  mutating func take(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
    guard !secrets.isEmpty else { return Array(bytes) }
    held += bytes
    return pass(isEnd: false)
  }

  /// What was held back; nothing more comes.
  mutating func end() -> [UInt8] { pass(isEnd: true) }

  private mutating func pass(isEnd: Bool) -> [UInt8] {
    var passed: [UInt8] = []
    var position = 0
    scan: while position < held.count {
      for secret in secrets {
        let part = held[position...].prefix(secret.count)
        guard secret.starts(with: part) else { continue }
        if part.count == secret.count {
          passed += Self.mark
          position += secret.count
          continue scan
        }
        if !isEnd { break scan }
      }
      passed.append(held[position])
      position += 1
    }
    held.removeFirst(position)
    return passed
  }
}
