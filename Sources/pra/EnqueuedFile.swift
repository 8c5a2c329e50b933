// `--file key=path` of `pra enqueue`.

import Configuration
import Files
import Foundation
import RunStore
import TensorFiles

/// `--file key=path` of `pra enqueue`: an argument that is a stored file.
final class EnqueuedFile {
  let key: String
  private let source: Archive?
  private let path: String
  private let digest: FileDigest

  init(_ text: String) throws {
    guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
      throw ConfigurationError("--file \(text): expected key=path, as in weights=inception.pth")
    }
    key = String(text[..<equals])
    path = String(text[text.index(after: equals)...])
    var isFolder: ObjCBool = false
    if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
      let folder = try Archive(path, key: "--file \(key)", isShard: false)
      if key == "source" { try folder.refuseUnread("--file source") }
      (source, digest) = (folder, try folder.hashed())
    } else {
      // Another file is refused here as `pra run` refuses it, not when a worker reads it.
      let (key, given) = (key, path)
      try refusing("--file \(key)") {
        switch key {
        case "weights": _ = try WeightFiles.open(given)
        case "source", "archive", "folder", "statistics": try Self.refuseCompressed(given)
        default: break
        }
      }
      (source, digest) = (nil, try pra.digest(of: path, "--file \(key)"))
    }
  }

  private static func refuseCompressed(_ path: String) throws {
    let file = try MappedFile(path)
    let isZip = file.bytes.starts(with: [0x50, 0x4B])
    if !isZip, let remark = Compression.remark(on: file.bytes) {
      throw FileError("\(path): \(remark)")
    }
  }

  /// Sets the key to the digest, and its `_name` to the file's name.
  var overrides: [Override] {
    [
      Override(path: [key], value: .string(digest.sha256)),
      Override(path: ["\(key)_name"], value: .string(source?.name ?? lastComponent(path))),
    ]
  }

  func store(in store: inout ArtifactStore) throws {
    if let source {
      try source.store(in: &store)
    } else {
      _ = try store.store(
        file: path, known: digest, name: Artifact.logicalName(ofFile: lastComponent(path)),
        mediaType: "application/octet-stream", owner: .submitter)
    }
  }
}
