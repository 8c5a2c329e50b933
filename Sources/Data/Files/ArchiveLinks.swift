// Links in archives, followed as long as they stay inside.

/// The names of an archive that holds links, each with the place of its bytes.
struct ArchiveLinks<Place> {
  private enum Node {
    case file(Place)
    case folder
    case link(target: String, isHard: Bool)
  }
  /// Name of the archive in messages.
  private let archive: String
  private var nodes: [String: Node] = [:]
  private var children: [String: [String]] = [:]
  private var links: [String] = []

  /// Number of links that one name may lead through, as in Linux (MAXSYMLINKS).
  private static var mostHops: Int { 40 }

  init(archive: String) { self.archive = archive }

  mutating func add(file name: String, _ place: Place) { add(name, .file(place)) }

  mutating func add(folder name: String) { add(name, .folder) }

  /// - Parameter isHard: whether the target is a name of the archive, not one seen from the link
  mutating func add(link name: String, to target: String, isHard: Bool) {
    links.append(name)
    add(name, .link(target: target, isHard: isHard))
  }

  private mutating func add(_ name: String, _ node: Node) {
    guard nodes.updateValue(node, forKey: name) == nil, !name.isEmpty else { return }
    let parent = Self.parent(of: name)
    children[parent, default: []].append(name)
    if !parent.isEmpty, nodes[parent] == nil { add(parent, .folder) }
  }

  private static func parent(of name: String) -> String {
    name.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(name[..<$0]) } ?? ""
  }

  /// Calls `found` with every file that a link gives a further name.
  /// - Throws: `FileError` on links out of the archive, to nothing, and in circles
  func follow(_ found: (String, Place?) throws -> Void) throws {
    var nested = 0
    for link in links {
      try visit(link, at: try target(of: link), within: [], &nested, found)
    }
  }

  private func visit(
    _ name: String, at path: String, within chain: [String], _ nested: inout Int,
    _ found: (String, Place?) throws -> Void
  ) throws {
    switch nodes[path] {
    case .file(let place): try found(name, place)
    case .link:
      nested += 1
      guard nested <= FolderListing.mostNestedLinks else {
        throw FileError(
          "\(archive): more than \(FolderListing.mostNestedLinks) links lie in folders that are links"
        )
      }
      try visit(name, at: try target(of: path), within: chain, &nested, found)
    case .folder, nil:
      guard !chain.contains(path), !path.isEmpty, !name.hasPrefix("\(path)/") else {
        throw FileError("\(archive): '\(name)' is a link to a folder that holds it: a circle")
      }
      try found(name, nil)
      for child in children[path] ?? [] {
        let last = child.dropFirst(path.count)
        try visit(name + last, at: child, within: chain + [path], &nested, found)
      }
    }
  }

  /// The name, without links in it, of the file or folder to which a link leads.
  private func target(of link: String) throws -> String {
    var rest = link.split(separator: "/").map(String.init)
    var path: [String] = []
    var hops = 0
    while !rest.isEmpty {
      let part = rest.removeFirst()
      if part == "." { continue }
      if part == ".." {
        guard path.popLast() != nil else { throw leaves(link) }
        continue
      }
      path.append(part)
      guard case .link(let target, let isHard) = nodes[path.joined(separator: "/")] else {
        continue
      }
      hops += 1
      guard hops <= Self.mostHops else {
        throw FileError("\(archive): '\(link)' is a link that leads in a circle")
      }
      guard !target.hasPrefix("/") else { throw leaves(link) }
      path = isHard ? [] : path.dropLast()
      rest = target.split(separator: "/").map(String.init) + rest
    }
    let name = path.joined(separator: "/")
    guard nodes[name] != nil || name.isEmpty else {
      throw FileError("\(archive): '\(link)' is a link to '\(name)', which is not in the archive")
    }
    return name
  }

  private func leaves(_ link: String) -> FileError {
    guard case .link(let target, _) = nodes[link] else {
      return FileError("\(archive): '\(link)' is a link out of the archive")
    }
    return FileError(
      "\(archive): '\(link)' is a link out of the archive, to '\(target)'; put the file itself into "
        + "it (tar -h)")
  }
}
