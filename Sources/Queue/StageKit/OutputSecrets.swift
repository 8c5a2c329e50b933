// Keeps secrets out of what a stage records: outputs, results, names of metrics and classes.

import Files
import FoundationEssentials
import Glibc
import JobQueue

/// The secrets that a stage must not record. Texts are redacted, whatever their name; another file that holds
/// a secret of its job's arguments is refused, since bytes that are no text cannot be changed.
struct OutputSecrets: Sendable {
  private let redactor: Redactor
  /// The secrets that the arguments named, each in its forms, by name.
  private let resolved: [String: Set<[UInt8]>]

  /// - Parameter resolved: the secrets that the arguments named
  init(environment: [String: String], resolved: [String: String]) {
    self.resolved = resolved.mapValues { SecretValues.forms(of: $0) }
    // Also those that are too ordinary to be a secret by the name of their variable.
    redactor = Redactor(
      values: self.resolved.values.reduce(SecretValues.all(in: environment)) { $0.union($1) })
  }

  func redacted(_ text: String) -> String { redactor.redacted(text) }

  /// The name of a series holds no brackets.
  func redacted(_ point: MetricPoint) -> MetricPoint {
    let name = redactor.redacted(point.name)
    guard name != point.name else { return point }
    return MetricPoint(
      name: name.replacing("[redacted]", with: "redacted"), step: point.step, value: point.value)
  }

  /// Whether bytes are a text: by the type that their name has, or by their beginning, which is UTF-8 without
  /// control characters but for those of lines, tabulators and terminals. A table, a script or a log has any
  /// name or none.
  static func isText(_ bytes: UnsafeRawBufferPointer, _ mediaType: String) -> Bool {
    if mediaType.hasPrefix("text/") { return true }
    if ["json", "yaml", "xml"].contains(where: { mediaType.hasSuffix($0) }) { return true }
    var start = Array(bytes.prefix(4096))
    if bytes.count > start.count {
      // The last character may be cut.
      for _ in 0..<3 where start.last.map({ $0 & 0xC0 == 0x80 }) == true { start.removeLast() }
      if let last = start.last, last >= 0xC0 { start.removeLast() }
    }
    return !start.contains { $0 < 0x20 && !(0x08...0x0D).contains($0) && $0 != 0x1B }
      && String(validating: start, as: UTF8.self) != nil
  }

  /// The bytes of an output as they may be stored.
  /// - Throws: `PermanentFailure` if they are no text and hold a secret of the arguments
  func redacted(_ bytes: [UInt8], of name: String, mediaType: String) throws -> [UInt8] {
    guard bytes.withUnsafeBytes({ Self.isText($0, mediaType) }) else {
      try bytes.withUnsafeBytes { try check($0, of: name) }
      return bytes
    }
    var stream = redactor
    return stream.append(bytes[...]) + stream.end()
  }

  /// The redacted text of a file, or nil where the file may be stored as it is.
  /// - Throws: `PermanentFailure`; `FileError`
  func replacement(forFile path: String, of name: String, mediaType: String) throws -> [UInt8]? {
    // A file that cannot be read is named where it is stored.
    guard let file = try? MappedFile(path) else { return nil }
    return try withExtendedLifetime(file) {
      guard Self.isText(file.bytes, mediaType) else {
        try check(file.bytes, of: name)
        return nil
      }
      let bytes = Array(file.bytes)
      let shown = try redacted(bytes, of: name, mediaType: mediaType)
      return shown == bytes ? nil : shown
    }
  }

  private func check(_ bytes: UnsafeRawBufferPointer, of name: String) throws {
    for (secret, forms) in resolved {
      for form in forms where Self.holds(bytes, form) {
        throw PermanentFailure(
          "\(redactor.redacted(name)): holds the value of secret://\(secret) and is not stored")
      }
    }
  }

  private static func holds(_ bytes: UnsafeRawBufferPointer, _ form: [UInt8]) -> Bool {
    guard let start = bytes.baseAddress, let first = form.first else { return false }
    var place = 0
    while bytes.count - place >= form.count {
      let room = bytes.count - place - form.count + 1
      guard let found = memchr(start + place, Int32(first), room) else { return false }
      if memcmp(found, form, form.count) == 0 { return true }
      place = UnsafeRawPointer(found) - start + 1
    }
    return false
  }
}
