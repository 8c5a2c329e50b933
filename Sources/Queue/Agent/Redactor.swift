// Secrets out of what stages print.

import Postgres

/// Replaces secrets by `[redacted]` in a stream of bytes, however it is cut.
///
/// A secret is the value of an environment variable whose name says so, and the password of the database.
/// What could be the beginning of one waits for the next bytes.
struct Redactor: Sendable {
  private static let mark = Array("[redacted]".utf8)
  /// Shorter values would be found in words that mean something else.
  private static let leastLength = 6

  /// The longest first: one may contain another.
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

  /// - Returns: what may be shown of the bytes so far
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

  /// - Returns: what had waited: no secret follows any more
  mutating func end() -> [UInt8] {
    defer { waiting = [] }
    return waiting
  }
}
