// The folder that an archive puts around everything in it.

/// The single folder around a data set, as `tar cf data.tar data` makes it.
struct TopFolder {
  /// Folders that hold anything, components joined by `/`.
  private let folders: [[Substring.UTF8View.SubSequence]]
  private let labelFolders: Set<String>
  /// Number of pictures by the number of folders around them, at most `mostDepth`.
  private var byDepth = [Int](repeating: 0, count: Self.mostDepth + 1)
  private static let mostDepth = 64
  /// The folders that are left off, from the outermost.
  private(set) var left: [String] = []

  init(folders: Set<String>, labelFolders: Set<String>) {
    self.folders = folders.map { $0[...].utf8.split(separator: UInt8(ascii: "/")) }
    self.labelFolders = labelFolders
  }

  mutating func count(_ name: ArraySlice<UInt8>) {
    let depth = name.reduce(0) { $1 == UInt8(ascii: "/") ? $0 + 1 : $0 }
    byDepth[min(depth, Self.mostDepth)] += 1
  }

  /// Number of bytes that names lose.
  var length: Int { left.reduce(0) { $0 + $1.utf8.count + 1 } }

  /// The first folders of what is left.
  var classes: Set<String> {
    Set(folders.filter { $0.count > left.count }.map { String($0[left.count])! })
  }

  /// - Parameter known: classes, one of which is never left off
  mutating func strip(unlessIn known: Set<String>) {
    while left.count < Self.mostDepth {
      let firsts = classes
      let path = (left + firsts).joined(separator: "/")
      guard firsts.count == 1, let only = firsts.first, !known.contains(only),
        byDepth[left.count] == 0, !labelFolders.contains(left.joined(separator: "/"))
      else { return }
      let direct = byDepth[left.count + 1]
      let deeper = byDepth[(left.count + 2)...].reduce(0, +)
      guard deeper > direct || labelFolders.contains(path) else { return }
      left.append(only)
    }
  }
}
