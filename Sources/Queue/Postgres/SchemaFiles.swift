// The SQL of migrations/, as it was when the program was built.

import CMigrations
import Digest

/// A numbered file of structure: tables, types, indexes, roles, data. A released one never changes.
package struct Migration: Sendable {
  package let version: Int
  package let name: String
  package let sql: String
  /// Hexadecimal.
  package let sha256: String

  /// In order of version.
  package static let known: [Migration] = {
    var count = 0
    let files = UnsafeBufferPointer(start: pra_migrations(&count), count: count)
    return files.map { file in
      let text = UnsafeBufferPointer(start: file.sql, count: file.length)
      return Migration(
        version: Int(file.version), name: String(cString: file.name),
        sql: String(decoding: text, as: UTF8.self), sha256: SHA256.hexadecimal(of: Array(text)))
    }
  }()
}

/// A current file, edited in place: functions with their triggers, or a view; grants and comments beside
/// each. It may be executed again at any time.
package struct CurrentFile: Sendable {
  /// Path below `migrations/`.
  package let path: String
  package let sql: String
  /// Hexadecimal.
  package let sha256: String

  /// In the order in which they are executed.
  package static let known: [CurrentFile] = {
    var count = 0
    let files = UnsafeBufferPointer(start: pra_current_files(&count), count: count)
    return files.map { file in
      let text = UnsafeBufferPointer(start: file.sql, count: file.length)
      return CurrentFile(
        path: String(cString: file.path), sql: String(decoding: text, as: UTF8.self),
        sha256: SHA256.hexadecimal(of: Array(text)))
    }
  }()
}
