// The names of a state dictionary without what wrappers of a model add to them.

import Files

/// Names of tensors as the model itself gives them, with the names in the file.
///
/// Wrappers of PyTorch add a word for each module that they hold, in any order and number, around the whole model
/// or a part of it: torch.compile `_orig_mod.`, DataParallel, DistributedDataParallel and AveragedModel `module.`,
/// FullyShardedDataParallel `_fsdp_wrapped_module.`, recomputed activations `_checkpoint_wrapped_module.`. A program
/// that keeps the network as a part of its own class, as Lightning does, adds `model.` or `net.` in front of all.
struct StateNames {
  /// Names in the file by the models' own.
  let stored: [String: String]

  private static let wrappers = [
    "_orig_mod.", "module.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.",
  ]
  /// Names of the part of a class that is the network.
  private static let parts = ["model.", "net."]
  /// The number of states of which AveragedModel is the mean, beside their names.
  private static let averagedCount = "n_averaged"

  /// - Throws: `FileError` if two names become one
  init(_ names: some Sequence<String>, path: String) throws {
    var stored: [String: String] = [:]
    for (name, plain) in Self.plain(Array(names)) {
      guard stored.updateValue(name, forKey: plain) == nil else {
        throw FileError("\(path): tensor '\(plain)' is given twice")
      }
    }
    self.stored = stored
  }

  /// The names of one state as the file and as the model gives them.
  static func plain(_ names: [String]) -> [(stored: String, plain: String)] {
    let isAveraged = names.contains { $0.hasPrefix("module.") || $0.contains(".module.") }
    let kept = isAveraged ? names.filter(isNoCount) : names
    var plain = kept.map(unwrapped)
    while let part = parts.first(where: { part in
      !plain.isEmpty && plain.allSatisfy { $0.utf8.count > part.utf8.count && $0.hasPrefix(part) }
    }) {
      plain = plain.map { unwrapped(String($0.dropFirst(part.count))) }
    }
    return Array(zip(kept, plain))
  }

  private static func isNoCount(_ name: String) -> Bool {
    name != averagedCount && !name.hasSuffix(".\(averagedCount)")
  }

  /// The name without the words of wrappers, which are whole components of it.
  private static func unwrapped(_ name: String) -> String {
    guard wrappers.contains(where: { name.contains($0) }) else { return name }
    let words = Set(wrappers.map { String($0.dropLast()) })
    let components = name.split(separator: ".", omittingEmptySubsequences: false)
    let last = components.count - 1
    return components.enumerated()
      .filter { $0.offset == last || !words.contains(String($0.element)) }
      .map(\.element).joined(separator: ".")
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
