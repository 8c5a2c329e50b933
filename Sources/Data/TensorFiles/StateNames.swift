// The names of a state dictionary without what wrappers of a model add to them.

import Files

/// Names of tensors as the model itself gives them, with the names in the file.
///
/// torch.compile adds `_orig_mod.`, DataParallel and DistributedDataParallel add `module.`, in any order
/// and number at the front; torch.compile of a part adds its word within the name.
struct StateNames {
  /// Names in the file by the models' own.
  let stored: [String: String]

  /// - Throws: `FileError` if two names become one
  init(_ names: some Sequence<String>, path: String) throws {
    var stored: [String: String] = [:]
    for name in names {
      let plain = Self.plain(name)
      guard stored.updateValue(name, forKey: plain) == nil else {
        throw FileError("\(path): tensor '\(plain)' is given twice")
      }
    }
    self.stored = stored
  }

  static func plain(_ name: String) -> String {
    guard name.contains("module.") || name.contains("_orig_mod.") else { return name }
    var rest = name[...]
    while let prefix = ["_orig_mod.", "module."].first(where: rest.hasPrefix) {
      rest = rest.dropFirst(prefix.count)
    }
    return String(rest).replacing("._orig_mod.", with: ".")
  }
}

/// A file of tensors under the names that the model itself gives them.
struct UnwrappedTensors: TensorSource {
  private let source: any TensorSource
  private let stored: [String: String]
  let names: [String]
  var path: String { source.path }
  var metadata: [String: String] { source.metadata }

  /// - Throws: `FileError` if two names become one
  init(_ source: any TensorSource) throws {
    self.source = source
    stored = try StateNames(source.names, path: source.path).stored
    names = stored.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  func shape(of name: String) throws -> [Int] { try source.shape(of: stored[name] ?? name) }

  func read(_ name: String) throws -> [Float] { try source.read(stored[name] ?? name) }
}
