// The images of a source in the order of their numbers, for any layout.
//
// About 70 bytes and the name are kept per image; pixels are read when needed.

import Digest
import Files

/// The way in which a source gives the class of an image.
package enum SourceLayout: String, Codable, Sendable {
  /// The first folder is the class; a tar within the tar counts as a folder (ILSVRC).
  case folders
  /// A `.cls` or `.json` file beside each image holds the number of its class (WebDataset).
  case webdataset
  /// A file `dataset.json` holds the number of every image's class (EDM).
  case edm
  /// All images lie in one folder, and are one class.
  case flat
}

/// Use of an archive, or of a folder in it, for training or validation.
struct SplitRule {
  let archives: Range<Int>
  /// Names below this folder belong to it; empty for all.
  var folder: [String]
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
    var name: Range<Int>
    /// Negative if the source does not say.
    var label: Int32 = -1
    let isValidation: Bool
    let file: StoredFile
    /// Whether a file beside it gives its label.
    var isLabelled = false
    /// Whether the name's first dot begins its extension: WebDataset's other pictures, such as
    /// `1.mask.png`, have more dots.
    var isPlain: Bool
    /// Whether its ending is one of a picture; others are told by their bytes.
    let isNamed: Bool

    init(name: Range<Int>, isValidation: Bool, file: StoredFile, isPlain: Bool, isNamed: Bool) {
      (self.name, self.isValidation, self.file) = (name, isValidation, file)
      (self.isPlain, self.isNamed) = (isPlain, isNamed)
    }
  }

  private(set) var images: [Image]
  let classes: [String]
  let layout: SourceLayout
  /// Files that are no images of a class.
  let ignored: IgnoredFiles
  /// Sentences about choices that were made.
  let remarks: [String]
  /// Reasons why images have no label, by the ends of their names.
  let wrongLabels: [Int: String]
  /// Names of the images, at the places that these have.
  let names: [UInt8]
  private let archives: OpenArchives

  /// Class numbers must be below this: each is a name in the data set.
  static let mostClasses = 100_000

  /// - Throws: `FileError`
  init(of sources: [SourceArchive], rules: [SplitRule]) throws {
    let title = sources[0].name
    let archives = try OpenArchives(sources)
    let lister = try Self.listed(archives, rules)
    try Self.requireImages(lister, title)
    var found = SourceClasses(lister, title)
    try found.decide(lister)
    self.init(
      images: found.images, classes: found.classes, layout: found.layout, ignored: found.ignored,
      remarks: found.remarks, wrongLabels: found.wrongLabels, names: lister.names,
      archives: archives)
    found.images = []
    try sort()
  }

  init(
    images: [Image], classes: [String], layout: SourceLayout, ignored: IgnoredFiles,
    remarks: [String], wrongLabels: [Int: String], names: [UInt8], archives: OpenArchives
  ) {
    (self.images, self.classes, self.layout, self.ignored) = (images, classes, layout, ignored)
    (self.remarks, self.wrongLabels, self.names) = (remarks, wrongLabels, names)
    self.archives = archives
  }

  func name(of image: Image) -> String { String(decoding: names[image.name], as: UTF8.self) }

  /// SHA-256 over name and class of each image in their order, 64 hexadecimal digits.
  var digest: String {
    var digest = SHA256()
    names.withUnsafeBytes { names in
      for image in images {
        digest.update(UnsafeRawBufferPointer(rebasing: names[image.name]))
        digest.update([0, image.isValidation ? 1 : 0] + littleEndian(image.label))
      }
    }
    return digest.hexadecimal()
  }

  /// The reason why an image has no label.
  func lackOfLabel(of image: Image) -> String {
    if let reason = wrongLabels[image.name.upperBound] { return reason }
    return layout == .edm
      ? "dataset.json has no label for it" : "no file .cls or .json beside it has a label"
  }

  /// - Throws: `FileError`
  func withBytes<T>(of image: Image, _ body: (UnsafeRawBufferPointer) throws -> T) throws -> T {
    try archives.withBytes(image.file, called: name(of: image), body)
  }

  // MARK: details

  /// Lists the archives. A chosen folder may also lie below a single folder at the top.
  private static func listed(
    _ archives: OpenArchives, _ rules: [SplitRule]
  ) throws -> SourceLister {
    var lister = SourceLister(archives, rules)
    try lister.list()
    let isMissing = { (rule: SplitRule) in
      !rule.folder.isEmpty && !lister.images.contains { $0.isValidation == rule.isValidation }
    }
    guard rules.contains(where: isMissing), lister.tops.count == 1, let top = lister.tops.first,
      rules.allSatisfy({ $0.folder.first != top })
    else { return lister }
    var below = SourceLister(
      archives,
      rules.map { rule in
        var rule = rule
        rule.folder = [top] + rule.folder
        return rule
      })
    try below.list()
    return below.images.isEmpty ? lister : below
  }

  private static func requireImages(_ lister: SourceLister, _ title: String) throws {
    for rule in lister.rules where !rule.folder.isEmpty {
      guard !lister.images.contains(where: { $0.isValidation == rule.isValidation }) else {
        continue
      }
      let known = lister.tops.sorted().prefix(10).joined(separator: ", ")
      throw FileError(
        "\(title): data.\(rule.isValidation ? "validation." : "")folder: no image lies below "
          + "'\(rule.folder.joined(separator: "/"))'"
          + (known.isEmpty ? "" : "; the folders at the top are \(known)"))
    }
    guard lister.images.isEmpty else { return }
    throw FileError(
      "\(title): holds no images: \(lister.ignored.summary ?? "it is empty"); expected a folder for "
        + "each class with JPEG or PNG files in it, files .cls or .json beside them, or a "
        + "dataset.json")
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
}
