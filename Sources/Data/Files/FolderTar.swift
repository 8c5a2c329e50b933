// A folder as the tar of its files, which is made as it is read and lies nowhere.

import Digest

/// The tar of a folder: the empty folders, then the files, both sorted bytewise by path, without names that
/// begin with a dot.
package struct FolderTar: Sendable {
  /// A file of the folder.
  package struct File: Sendable {
    let name: String
    let path: String
    let identity: FileIdentity
  }

  let emptyFolders: [String]
  package let files: [File]
  /// Size of the tar in bytes.
  package let size: Int64
  /// A text that is equal as long as names and files are.
  package let identity: String
  /// Whether all files have been as they are for some seconds (`FileIdentity`).
  package let isSettled: Bool

  /// - Throws: `FileError`, as `FolderListing`
  package init(_ folder: String) throws {
    let listing = try FolderListing(folder)
    guard !listing.files.isEmpty else { throw FileError("\(folder): holds no files") }
    emptyFolders = listing.emptyFolders
    files = try listing.files.map { file in
      _ = try ArchiveName.checked(file.name, in: folder)
      return File(name: file.name, path: file.path, identity: try FileIdentity(file.path))
    }
    var size = TarHeader.endMark.count
    var digest = SHA256()
    for name in emptyFolders {
      size += try TarHeader.entry(name, type: "5", size: 0).count
      digest.update(Array(name.utf8) + [0])
    }
    for file in files {
      let bytes = Int(file.identity.size)
      size += try TarHeader.entry(file.name, type: "0", size: bytes).count + bytes
      size += TarHeader.padding(bytes).count
      digest.update(Array("\(file.name)\0\(file.identity.text)\0".utf8))
    }
    self.size = Int64(size)
    identity = "folder \(digest.hexadecimal())"
    isSettled = files.allSatisfy(\.identity.isSettled)
  }

  /// Reads the tar once.
  /// - Returns: a function that returns pieces of this size, the last one smaller, then empty ones; it throws
  ///   `FileError` on a file that has changed since it was listed
  package func pieces(of length: Int) -> () throws -> [UInt8] {
    var reader = Reader(tar: self)
    return { try reader.next(length) }
  }

  private struct Reader {
    let tar: FolderTar
    /// Bytes of headers and padding that come next.
    private var pending: ArraySlice<UInt8> = []
    /// Number of the entry that comes next; folders come first.
    private var entry = 0
    private var open: (file: File, bytes: MappedFile, done: Int)?

    init(tar: FolderTar) { self.tar = tar }

    mutating func next(_ length: Int) throws -> [UInt8] {
      var piece: [UInt8] = []
      piece.reserveCapacity(length)
      while piece.count < length {
        let room = length - piece.count
        if !pending.isEmpty {
          piece += pending.prefix(room)
          pending = pending.dropFirst(room)
        } else if let (file, bytes, done) = open {
          let end = min(bytes.bytes.count, done + room)
          withExtendedLifetime(bytes) {
            piece += UnsafeRawBufferPointer(rebasing: bytes.bytes[done..<end])
          }
          open?.done = end
          if end == bytes.bytes.count {
            try check(file)
            pending = TarHeader.padding(end)[...]
            open = nil
          }
        } else if try !begin() {
          break
        }
      }
      return piece
    }

    /// Begins the next entry.
    /// - Returns: false behind the end mark
    private mutating func begin() throws -> Bool {
      let (folders, files) = (tar.emptyFolders, tar.files)
      defer { entry += 1 }
      if entry < folders.count {
        pending = try TarHeader.entry(folders[entry], type: "5", size: 0)[...]
      } else if entry < folders.count + files.count {
        let file = files[entry - folders.count]
        let bytes = try MappedFile(file.path)
        guard bytes.bytes.count == Int(file.identity.size) else { throw changed(file) }
        pending = try TarHeader.entry(file.name, type: "0", size: bytes.bytes.count)[...]
        open = (file, bytes, 0)
      } else if entry == folders.count + files.count {
        pending = TarHeader.endMark[...]
      } else {
        return false
      }
      return true
    }

    private func check(_ file: File) throws {
      guard try FileIdentity(file.path) == file.identity else { throw changed(file) }
    }

    private func changed(_ file: File) -> FileError {
      FileError("\(file.path): changed while it was read; try again when nobody writes to it")
    }
  }
}
