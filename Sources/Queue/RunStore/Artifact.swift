// Content-addressed bytes: the SHA-256 is the name under which the store keeps them.

import Files

/// Bytes in the store, under the name that a job or a checkpoint gives them.
package struct Artifact: Sendable, Equatable {
  /// 64 lower-case hexadecimal digits.
  package let sha256: String
  /// Bytes.
  package let size: Int64
  /// Logical name, such as `weights.safetensors`; never a path.
  package let name: String
  package let mediaType: String

  package init(sha256: String, size: Int64, name: String, mediaType: String) {
    self.sha256 = sha256
    self.size = size
    self.name = name
    self.mediaType = mediaType
  }

  /// Size of a stored chunk in bytes (`pra_store.artifact_chunks`). The database keeps what is no larger in one row.
  package static let chunkSize = 1 << 20
  /// Largest size in bytes of an artifact that lies in the database whatever store is chosen: a row is then cheaper
  /// than an object with its own row.
  package static let inlineSize = 1 << 16

  /// Refuses a logical name that the store would refuse, before anything is uploaded.
  package static func check(name: String) throws(StoreError) {
    let further = Array("_.@+-".utf8)
    func isAlphanumeric(_ byte: UInt8) -> Bool {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "a")...UInt8(ascii: "z"):
        true
      default: false
      }
    }
    let bytes = Array(name.utf8)
    guard let first = bytes.first, isAlphanumeric(first), bytes.count <= 200,
      bytes.allSatisfy({ isAlphanumeric($0) || further.contains($0) }),
      !zip(bytes, bytes.dropFirst()).contains(where: { $0 == 0x2E && $1 == 0x2E })
    else {
      throw StoreError(
        "name \"\(name)\": a name has 1 to 200 letters, digits and _ . @ + -, starts with a letter or "
          + "digit and holds no \"..\"")
    }
  }

  /// The media type that belongs to a file name's extension.
  package static func mediaType(ofName name: String) -> String {
    switch name.split(separator: ".").last {
    case "json": "application/json"
    case "png": "image/png"
    case "txt", "csv": "text/plain"
    case "yaml", "yml": "application/yaml"
    case "tar": "application/x-tar"
    default: "application/octet-stream"
    }
  }
}

/// The store cannot go on because of something that a person or a disk did; one sentence.
package struct StoreError: SystemFailure, Equatable, CustomStringConvertible {
  package let description: String
  package let code: Int32?
  /// The file that a failed system call was about.
  let path: String?

  /// - Parameter code: the `errno` of a system call that failed
  package init(_ description: String, code: Int32? = nil, path: String? = nil) {
    (self.description, self.code, self.path) = (description, code, path)
  }
}

/// The stored bytes are not those that were written: reading again would not help.
package struct DamagedArtifact: Error, Sendable, Equatable, CustomStringConvertible {
  package let description: String
  /// Whether there is nothing to read.
  var isMissing = false
}
