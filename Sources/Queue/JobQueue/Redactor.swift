// Removes secrets from what a stage prints and records.

/// Replaces secrets by `[redacted]` in a stream of bytes, also if one is split between two pieces.
///
/// Secrets are the values that `SecretValues` finds in an environment. Bytes that could begin a secret
/// are held back until the next piece.
package struct Redactor: Sendable {
  private static let mark = Array("[redacted]".utf8)
  /// Shorter values are also parts of ordinary words, so they count only as words of their own.
  private static let leastLength = 4

  /// By their first byte; the longest first, as one secret may contain another.
  private let secrets: [[[UInt8]]]
  private let isEmpty: Bool
  private var waiting: [UInt8] = []
  /// The byte before those that wait.
  private var last: UInt8 = 0

  package init(environment: [String: String]) {
    self.init(values: SecretValues.all(in: environment))
  }

  /// - Parameter values: secrets in every form in which they may appear
  package init(values: Set<[UInt8]>) {
    var secrets = [[[UInt8]]](repeating: [], count: 256)
    for value in values where !value.isEmpty { secrets[Int(value[0])].append(value) }
    self.secrets = secrets.map { $0.sorted { $0.count > $1.count } }
    isEmpty = values.isEmpty
  }

  /// - Returns: the bytes that may be shown so far
  package mutating func append(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
    isEmpty ? Array(bytes) : take(bytes, isEnd: false)
  }

  /// - Returns: the bytes held back; the stream has ended
  package mutating func end() -> [UInt8] { isEmpty ? [] : take([], isEnd: true) }

  /// The text without secrets.
  package func redacted(_ text: String) -> String {
    guard !isEmpty else { return text }
    var stream = Redactor(secrets: secrets)
    let bytes = Array(text.utf8)
    let shown = stream.append(bytes[...]) + stream.end()
    return shown == bytes ? text : String(decoding: shown, as: UTF8.self)
  }

  private init(secrets: [[[UInt8]]]) { (self.secrets, isEmpty) = (secrets, false) }

  private mutating func take(_ bytes: ArraySlice<UInt8>, isEnd: Bool) -> [UInt8] {
    let all = waiting + bytes
    var out: [UInt8] = []
    out.reserveCapacity(all.count)
    var place = 0
    search: while place < all.count {
      let rest = all[place...]
      for secret in secrets[Int(all[place])] {
        // Whether it is this one, or a longer one than those that fit, the next piece tells.
        if rest.count < secret.count {
          if !isEnd && secret.starts(with: rest) { break search }
        } else if rest.starts(with: secret) {
          if secret.count < Self.leastLength {
            guard !isWord(last) else { continue }
            let behind = place + secret.count
            if behind == all.count && !isEnd { break search }
            if behind < all.count && isWord(all[behind]) { continue }
          }
          out += Self.mark
          place += secret.count
          last = Self.mark.last!
          continue search
        }
      }
      out.append(all[place])
      last = all[place]
      place += 1
    }
    waiting = Array(all[place...])
    return out
  }

  private func isWord(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "_"), 0x80...:
      true
    default: false
    }
  }
}
