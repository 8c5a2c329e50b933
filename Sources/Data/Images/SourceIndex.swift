// The images of a source in the order of their numbers, for any layout.
//
// About 70 bytes and the name are kept per image; pixels are read when needed.

import Files

/// The way in which a source gives the class of an image.
package enum SourceLayout: String, Sendable {
  /// The first folder is the class; a tar within the tar counts as a folder (ILSVRC).
  case folders
  /// A `.cls` or `.json` file beside each image holds the number of its class (WebDataset).
  case webdataset
  /// A file `dataset.json` holds the number of every image's class (EDM).
  case edm
}

/// Use of an archive, or of a folder in it, for training or validation.
struct SplitRule {
  let archives: Range<Int>
  /// Names below this folder belong to it; empty for all.
  let folder: [String]
  let isValidation: Bool

  /// The components below the folder; nil for a name outside it.
  func below(_ parts: [String], archive: Int) -> [String]? {
    guard archives.contains(archive), parts.starts(with: folder) else { return nil }
    return Array(parts[folder.count...])
  }
}

/// Every image of a source.
struct SourceIndex {
  struct Image {
    fileprivate(set) var name: Range<Int>
    /// Negative if the source does not say.
    fileprivate(set) var label: Int32
    fileprivate(set) var isValidation: Bool
    fileprivate let file: StoredFile
    /// Whether a file beside it gives its label.
    fileprivate var isLabelled = false
    /// Whether the name's first dot begins its extension: WebDataset's other pictures, such as
    /// `1.mask.png`, have more dots.
    fileprivate let isPlain: Bool
  }

  private(set) var images: [Image] = []
  private(set) var classes: [String] = []
  private(set) var layout = SourceLayout.folders
  /// Files that are no images of a class, with the names of the first ones.
  private(set) var ignored = CappedNames()
  private var names: [UInt8] = []
  private let archives: OpenArchives

  /// Class numbers must be below this: each is a name in the data set.
  static let mostClasses = 100_000

  /// - Throws: `FileError`
  init(of sources: [SourceArchive], rules: [SplitRule]) throws {
    archives = try OpenArchives(sources)
    var lister = Lister(archives, rules)
    try lister.list()
    ignored = lister.ignored
    names = lister.names
    images = lister.images
    let title = sources[0].name
    if let labels = lister.labelFile {
      layout = .edm
      try takeLabels(from: labels, title)
    } else if lister.hasLabels {
      layout = .webdataset
      drop { !$0.isPlain }
      for i in images.indices where !images[i].isLabelled { images[i].label = -1 }
      try nameClassesByNumber(title)
    } else {
      drop { $0.label < 0 }
      numberFolders(lister.folders)
    }
    guard !images.isEmpty else {
      throw FileError(
        "\(title): holds no images; expected a folder for each class with JPEG or PNG files in it, "
          + "files .cls or .json beside them, or a dataset.json")
    }
    try sort()
  }

  func name(of image: Image) -> String { String(decoding: names[image.name], as: UTF8.self) }

  /// - Throws: `FileError`
  func withBytes<T>(of image: Image, _ body: (UnsafeRawBufferPointer) throws -> T) throws -> T {
    try archives.withBytes(image.file, called: name(of: image), body)
  }

  // MARK: details

  private mutating func drop(_ isOther: (Image) -> Bool) {
    for image in images where isOther(image) { ignored.add(name(of: image)) }
    images.removeAll(where: isOther)
  }

  private mutating func numberFolders(_ folders: [String]) {
    let sorted = folders.enumerated().sorted {
      $0.element.utf8.lexicographicallyPrecedes($1.element.utf8)
    }
    classes = sorted.map(\.element)
    var numbers = [Int32](repeating: 0, count: folders.count)
    for (number, folder) in sorted.enumerated() { numbers[folder.offset] = Int32(number) }
    for i in images.indices { images[i].label = numbers[Int(images[i].label)] }
  }

  private mutating func nameClassesByNumber(_ title: String) throws {
    let most = images.reduce(-1) { max($0, Int($1.label)) }
    guard most >= 0 else { throw FileError("\(title): no image has a label") }
    classes = (0...most).map(String.init)
  }

  private mutating func takeLabels(from file: StoredFile, _ title: String) throws {
    sortByName()
    for i in images.indices { images[i].label = -1 }
    let isLabelled = try archives.withBytes(file, called: "dataset.json") { bytes in
      try EDMLabels.read(bytes, path: "\(title): dataset.json") { name, label in
        guard label < Self.mostClasses else {
          throw FileError("\(title): dataset.json: class \(label) of '\(name)' is too large")
        }
        // A name without an image may belong to a folder that was not asked for.
        var i = place(of: name)
        while i < images.count, names[images[i].name].elementsEqual(name.utf8) {
          images[i].label = Int32(label)
          i += 1
        }
      }
    }
    if isLabelled {
      try nameClassesByNumber(title)
    } else {
      for i in images.indices { images[i].label = 0 }
      classes = ["images"]
    }
  }

  private mutating func sortByName() {
    names.withUnsafeBufferPointer { names in
      images.sort { names[$0.name].lexicographicallyPrecedes(names[$1.name]) }
    }
  }

  /// Index of the first image whose name is not below a given one, among images sorted by name.
  private func place(of name: String) -> Int {
    var (low, high) = (0, images.count)
    while low < high {
      let middle = (low + high) / 2
      if names[images[middle].name].lexicographicallyPrecedes(name.utf8) {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return low
  }

  /// Sorts by class, then bytewise by path: model.md section 6.
  private mutating func sort() throws {
    let twice = names.withUnsafeBufferPointer { names -> Image? in
      func isBefore(_ a: Image, _ b: Image) -> Bool {
        if a.isValidation != b.isValidation { return b.isValidation }
        if a.label != b.label { return a.label < b.label }
        return names[a.name].lexicographicallyPrecedes(names[b.name])
      }
      images.sort(by: isBefore)
      return zip(images, images.dropFirst()).first { !isBefore($0, $1) }?.0
    }
    if let twice {
      throw FileError(
        "\(archives.names[twice.file.archive]): holds '\(name(of: twice))' twice; keep one")
    }
  }

  /// Lists the archives in one pass.
  private struct Lister {
    let archives: OpenArchives
    let rules: [SplitRule]
    var images: [Image] = []
    var names: [UInt8] = []
    var folders: [String] = []
    var ignored = CappedNames()
    var labelFile: StoredFile?
    var hasLabels = false
    private var numbers: [String: Int32] = [:]
    private var sample = Sample()

    /// Adjacent files whose names are equal up to the first dot.
    private struct Sample {
      var archive = 0
      var key = ""
      var images: Range<Int> = 0..<0
      var label: Int32?
    }

    init(_ archives: OpenArchives, _ rules: [SplitRule]) {
      (self.archives, self.rules) = (archives, rules)
    }

    mutating func list() throws {
      var nested: [(name: String, parts: [String], file: StoredFile)] = []
      try archives.visit { item in
        let parts = archives.folders[item.archive] + split(item.name)
        if let file = item.file, file.method == .plain, item.name.lowercased().hasSuffix(".tar") {
          var folder = parts
          folder[folder.count - 1].removeLast(4)
          nested.append((item.name, folder, file))
        } else {
          try take(parts, item)
        }
      }
      endSample()
      for tar in nested {
        try archives.visit(inTar: tar.file, called: tar.name) {
          try take(tar.parts + split($0.name), $0)
        }
        endSample()
      }
    }

    private func split(_ name: String) -> [String] {
      name.utf8.split(separator: UInt8(ascii: "/")).map { String($0)! }
    }

    private mutating func take(_ all: [String], _ item: Item) throws {
      let isHidden = all.contains { $0.hasPrefix(".") } || all.first == "__MACOSX"
      var found: (parts: [String], isValidation: Bool)?
      for rule in rules where found == nil {
        found = rule.below(all, archive: item.archive).map { ($0, rule.isValidation) }
      }
      guard let file = item.file else {
        if !isHidden, let first = found?.parts.first { _ = number(ofFolder: first) }
        return
      }
      guard !isHidden, let (parts, isValidation) = found, let last = parts.last else {
        ignored.add(all.joined(separator: "/"))
        return
      }
      let name = parts.joined(separator: "/")
      if parts == ["dataset.json"] {
        labelFile = file
        return
      }
      let dot = last.utf8.firstIndex(of: UInt8(ascii: ".")) ?? last.endIndex
      let ending = last[dot...].lowercased()
      let key = String(decoding: name.utf8.dropLast(last.utf8[dot...].count), as: UTF8.self)
      if key != sample.key || item.archive != sample.archive {
        endSample()
        sample = Sample(
          archive: item.archive, key: key, images: images.count..<images.count)
      }
      switch ending {
      case ".cls", ".json":
        let label = try archives.withBytes(file, called: name) {
          try SampleLabel.read(
            $0, isJSON: ending == ".json", path: "\(archives.names[file.archive]): \(name)")
        }
        if sample.label == nil { sample.label = label }
        if label != nil { hasLabels = true }
      case _ where [".png", ".jpg", ".jpeg"].contains(where: ending.hasSuffix):
        let start = names.count
        names += name.utf8
        images.append(
          Image(
            name: start..<names.count, label: parts.count > 1 ? number(ofFolder: parts[0]) : -1,
            isValidation: isValidation, file: file,
            isPlain: !ending.dropFirst().contains(".")))
        sample.images = sample.images.lowerBound..<images.count
      default: ignored.add(name)
      }
    }

    private mutating func number(ofFolder name: String) -> Int32 {
      if let known = numbers[name] { return known }
      numbers[name] = Int32(folders.count)
      folders.append(name)
      return Int32(folders.count - 1)
    }

    private mutating func endSample() {
      defer { sample = Sample() }
      guard let label = sample.label else { return }
      for i in sample.images { (images[i].label, images[i].isLabelled) = (label, true) }
    }
  }

  private typealias Item = OpenArchives.Item
}

/// A list of names, of which there may be millions; only the first are kept.
package struct CappedNames: Sendable, Equatable {
  /// Number of names that are kept.
  static let most = 1000
  package private(set) var first: [String] = []
  package private(set) var count = 0

  mutating func add(_ name: String) {
    count += 1
    if first.count < Self.most { first.append(name) }
  }
}
