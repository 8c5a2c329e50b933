// The state dictionary within what a program has saved with torch.save.

import Files

/// The tensors of the model among everything that a file holds.
struct TorchState {
  /// Names and nodes of the tensors.
  let tensors: [(String, Int)]

  /// Keys under which programs keep a state, the first of which counts where several hold one.
  private static let keys = ["model", "state_dict", "module", "ema"]
  /// Further keys, which count where there is one state alone.
  private static let otherKeys = [
    "model_state_dict", "net", "network", "params", "params_ema", "model_ema", "ema_model",
    "ema_state_dict", "state_dict_ema",
  ]
  /// Dictionaries within dictionaries, as {"model": {"state_dict": ...}}.
  private static let mostDepth = 4

  /// - Throws: `FileError` if there is no state, or if it is not clear which of several is meant
  init(_ pickle: RestrictedPickle, path: String) throws {
    guard Self.entries(pickle.root, pickle) != nil else {
      throw FileError("\(path): holds no dictionary of tensors; save model.state_dict()")
    }
    tensors = try Self.state(pickle.root, pickle, path, depth: 0)
    guard !tensors.isEmpty else {
      throw FileError(
        "\(path): holds no tensors at its top nor under "
          + (Self.keys + Self.otherKeys).joined(separator: ", "))
    }
  }

  private static func entries(_ node: Int, _ pickle: RestrictedPickle) -> [(String, Int)]? {
    guard case .dictionary(let parts) = pickle.nodes[node] else { return nil }
    return stride(from: 0, to: parts.count - 1, by: 2).compactMap { i in
      guard case .text(let key) = pickle.nodes[parts[i]] else { return nil }
      return (key, parts[i + 1])
    }
  }

  /// The tensors of a dictionary. A state under a known key wins over tensors beside it, such as a step
  /// or an accuracy, unless they are a state with the same names.
  private static func state(
    _ node: Int, _ pickle: RestrictedPickle, _ path: String, depth: Int
  ) throws -> [(String, Int)] {
    guard depth < mostDepth, let entries = entries(node, pickle) else { return [] }
    let own = entries.filter { if case .tensor = pickle.nodes[$0.1] { true } else { false } }
    func nested(_ key: String) throws -> [(String, Int)]? {
      guard let inner = entries.last(where: { $0.0 == key }) else { return nil }
      let found = try state(inner.1, pickle, path, depth: depth + 1)
      return found.isEmpty ? nil : found
    }
    var found: [(String, Int)]?
    for key in keys where found == nil { found = try nested(key) }
    if found == nil {
      let others = try otherKeys.compactMap { key in try nested(key).map { (key, $0) } }
      guard others.count < 2 else {
        throw FileError(
          "\(path): holds states under \(others.map(\.0).joined(separator: ", ")); save the one that "
            + "is meant")
      }
      found = others.first?.1
    }
    guard let found else { return own }
    let names = Set(StateNames.plain(own.map(\.0)).map(\.plain))
    return StateNames.plain(found.map(\.0)).allSatisfy { names.contains($0.plain) } ? own : found
  }
}
