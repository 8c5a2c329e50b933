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

  /// Bytes of a logical name beside letters and digits.
  private static let furtherBytes = Array("_.@+-".utf8)
  private static let longestName = 200

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "a")...UInt8(ascii: "z"):
      true
    default: false
    }
  }

  /// The logical name of a file that a person has named in any way: "my data (1).tar" is `my_data_1_.tar`.
  package static func logicalName(ofFile given: String) -> String {
    var name: [UInt8] = []
    for scalar in given.unicodeScalars {
      let byte = scalar.isASCII ? UInt8(scalar.value) : UInt8(ascii: "_")
      let kept =
        isAlphanumeric(byte) || furtherBytes.contains(byte) ? byte : UInt8(ascii: "_")
      let isRepeated = name.last == kept && (kept == UInt8(ascii: ".") || kept == UInt8(ascii: "_"))
      guard !isRepeated, !name.isEmpty || isAlphanumeric(kept) else { continue }
      name.append(kept)
    }
    guard !name.isEmpty else { return "file" }
    if name.count > longestName {
      // The ending says what is in the file.
      let ending = name.lastIndex(of: UInt8(ascii: ".")).map { name[$0...] } ?? []
      let tail = ending.count <= 20 ? Array(ending) : []
      name = name.prefix(longestName - tail.count) + tail
      while let place = zip(name, name.dropFirst()).enumerated().first(where: {
        $0.element.0 == 0x2E && $0.element.1 == 0x2E
      }) {
        name.remove(at: place.offset)
      }
    }
    return String(decoding: name, as: UTF8.self)
  }

  /// Refuses a logical name that the store would refuse, before anything is uploaded.
  package static func check(name: String) throws(StoreError) {
    let bytes = Array(name.utf8)
    guard let first = bytes.first, isAlphanumeric(first), bytes.count <= longestName,
      bytes.allSatisfy({ isAlphanumeric($0) || furtherBytes.contains($0) }),
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
