// Keeps secrets out of what a stage records: outputs, results, names of metrics and classes.

import Files
import FoundationEssentials
import Glibc
import JobQueue

/// The secrets that a stage must not record. Texts are redacted; another file that holds a secret of its
/// job's arguments is refused, since bytes that are no text cannot be changed.
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

  static func isText(_ mediaType: String) -> Bool {
    mediaType.hasPrefix("text/") || ["json", "yaml", "xml"].contains { mediaType.hasSuffix($0) }
  }

  /// The bytes of an output as they may be stored.
  /// - Throws: `PermanentFailure` if they are no text and hold a secret of the arguments
  func redacted(_ bytes: [UInt8], of name: String, mediaType: String) throws -> [UInt8] {
    if Self.isText(mediaType) {
      var stream = redactor
      return stream.append(bytes[...]) + stream.end()
    }
    try check(bytes, of: name)
    return bytes
  }

  /// The redacted text of a file, or nil where the file may be stored as it is.
  /// - Throws: `PermanentFailure`; `FileError`
  func replacement(forFile path: String, of name: String, mediaType: String) throws -> [UInt8]? {
    guard Self.isText(mediaType) || !resolved.isEmpty else { return nil }
    let file = try MappedFile(path)
    return try withExtendedLifetime(file) {
      guard Self.isText(mediaType) else {
        try check(file.bytes, of: name)
        return nil
      }
      let bytes = Array(file.bytes)
      let shown = try redacted(bytes, of: name, mediaType: mediaType)
      return shown == bytes ? nil : shown
    }
  }

  private func check(_ bytes: [UInt8], of name: String) throws {
    try bytes.withUnsafeBytes { try check($0, of: name) }
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
