// The names of a checkpoint's tensors in one file, for programs that train and for those that only look.

import Files

/// A checkpoint's tensors under one roof: weights under their own names, averages as `ema-<decay>.<name>`,
/// moments, if there are any, as `optimizer.<name>.m` and `.v`.
package struct CheckpointTensors {
  package let source: any TensorSource
  /// Decays of the averages that it holds, as their names have them.
  package let averages: Set<String>

  package static let moments = "optimizer."

  package init(_ source: any TensorSource) {
    self.source = source
    averages = Set(
      source.names.compactMap { name in
        name.firstMatch(of: /^ema-([0-9](?:\.[0-9]+)?(?:e-[0-9]+)?)\./).map { String($0.1) }
      })
  }

  package var hasMoments: Bool { source.names.contains { $0.hasPrefix(Self.moments) } }

  /// Checks that it holds every tensor of a model, of each average and of the moments, and no other.
  /// - Throws: `FileError` that names the file, the tensor and both shapes
  package func check(_ model: [(name: String, shape: [Int])]) throws {
    let prefixes = [""] + averages.sorted().map { "ema-\($0)." }
    var wanted = prefixes.flatMap { prefix in
      model.map { (name: prefix + $0.name, shape: $0.shape) }
    }
    if hasMoments {
      wanted += model.flatMap { tensor in
        ["m", "v"].map { (name: "\(Self.moments)\(tensor.name).\($0)", shape: tensor.shape) }
      }
    }
    let held = Set(source.names)
    for (name, shape) in wanted {
      guard held.contains(name) else {
        throw FileError(
          "\(source.path): lacks tensor '\(name)' of shape \(shape), which the configuration needs")
      }
      let found = try source.shape(of: name)
      guard found == shape else {
        throw FileError(
          "\(source.path): tensor '\(name)' has shape \(found), the configuration needs \(shape)")
      }
    }
    if let stranger = held.subtracting(wanted.map(\.name)).min() {
      throw FileError(
        "\(source.path): holds tensor '\(stranger)' of shape \(try source.shape(of: stranger)), which "
          + "the configuration does not have")
    }
  }
}

/// The tensors of several files together, each file's names behind a prefix.
package struct PrefixedTensors: TensorSource {
  package let path: String
  package let names: [String]
  private let places: [String: (file: Int, name: String)]
  private let files: [any TensorSource]

  /// - Parameter path: name of the whole in messages
  package init(_ parts: [(prefix: String, file: any TensorSource)], path: String) {
    self.path = path
    files = parts.map(\.file)
    var places: [String: (file: Int, name: String)] = [:]
    for (number, part) in parts.enumerated() {
      for name in part.file.names { places[part.prefix + name] = (number, name) }
    }
    self.places = places
    names = places.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  private func place(of name: String) throws -> (file: Int, name: String) {
    guard let place = places[name] else { throw FileError("\(path): there is no tensor '\(name)'") }
    return place
  }

  package func shape(of name: String) throws -> [Int] {
    let place = try place(of: name)
    return try files[place.file].shape(of: place.name)
  }

  package func read(_ name: String) throws -> [Float] {
    let place = try place(of: name)
    return try files[place.file].read(place.name)
  }
}
