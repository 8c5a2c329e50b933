// Removes secrets from the output of stages.

import Postgres

/// Replaces secrets by `[redacted]` in a stream of bytes, also if one is split between two pieces.
///
/// Secrets are the values of environment variables with a telling name, and the database's
/// password. Bytes that could begin a secret are held back until the next piece.
struct Redactor: Sendable {
  private static let mark = Array("[redacted]".utf8)
  /// Shorter values would also match parts of ordinary words.
  private static let leastLength = 6

  /// Longest first, as one secret may contain another.
  private let secrets: [[UInt8]]
  private var waiting: [UInt8] = []

  init(environment: [String: String]) {
    var values: [String] = []
    for (name, value) in environment where Self.isSecret(name) { values.append(value) }
    if let text = environment["PRA_DATABASE_URL"], let url = try? DatabaseURL(text),
      let password = url["password"]
    {
      values.append(password)
    }
    secrets = Set(values.map { Array($0.utf8) }).filter { $0.count >= Self.leastLength }
      .sorted { $0.count > $1.count }
  }

  /// PGPASSWORD, AWS_SECRET_ACCESS_KEY, HF_TOKEN, WANDB_API_KEY ...
  private static func isSecret(_ name: String) -> Bool {
    let name = name.uppercased()
    return ["PASSWORD", "PASSPHRASE", "SECRET", "TOKEN", "CREDENTIAL"].contains {
      name.contains($0)
    } || name.hasSuffix("_KEY")
  }

  /// - Returns: the bytes that may be shown so far
  mutating func append(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
    guard !secrets.isEmpty else { return Array(bytes) }
    let all = waiting + bytes
    var out: [UInt8] = []
    out.reserveCapacity(all.count)
    var place = 0
    while place < all.count {
      let rest = all[place...]
      if let secret = secrets.first(where: { rest.starts(with: $0) }) {
        out += Self.mark
        place += secret.count
      } else if secrets.contains(where: { rest.count < $0.count && $0.starts(with: rest) }) {
        break
      } else {
        out.append(all[place])
        place += 1
      }
    }
    waiting = Array(all[place...])
    return out
  }

  /// - Returns: the bytes held back; the stream has ended, so they begin no secret
  mutating func end() -> [UInt8] {
    defer { waiting = [] }
    return waiting
  }
}
