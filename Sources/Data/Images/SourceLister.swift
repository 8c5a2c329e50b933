// The files of a source in one pass over its archives.

import Files
import Raster

/// The result of listing a source: its pictures with their names below the chosen folders.
struct SourceLister {
  let archives: OpenArchives
  let rules: [SplitRule]
  var images: [SourceIndex.Image] = []
  var names: [UInt8] = []
  /// Folders that hold anything visible, by whether they are for validation.
  var folders: [Bool: Set<String>] = [:]
  /// First folders of all visible names, before any rule.
  private(set) var tops: Set<String> = []
  var ignored = IgnoredFiles()
  private(set) var remarks: [String] = []
  /// Files named dataset.json, by their folder.
  private(set) var labelFiles: [(folder: String, isValidation: Bool, file: StoredFile)] = []
  /// Number of pictures with a label beside them.
  private(set) var labelled = 0
  /// Reasons why label files give no class, by the numbers of the pictures beside them.
  private(set) var wrongLabels: [Int: String] = [:]
  private(set) var firstWrong: String?
  /// A `.json` beside a picture that could not be read.
  private(set) var firstUnread: String?
  /// A label file with dots in its key, which is none of WebDataset's.
  private(set) var dotted: (first: String, count: Int)?
  private var sample = Sample()
  private var lastFolder: ArraySlice<String> = []
  private var lastArchive = 0
  /// Labels of samples whose pictures are not beside them.
  private var orphans: [Sample.Key: Int32] = [:]
  /// Archives within archives, which count as folders; one may hold further ones.
  private var nested: [(name: String, parts: [String], file: StoredFile)] = []

  /// Adjacent files whose names are equal up to the first dot.
  private struct Sample {
    struct Key: Hashable {
      var archive = 0
      var name = ""
    }
    var key = Key()
    var images: Range<Int> = 0..<0
    var label = SampleLabel.none
  }

  init(_ archives: OpenArchives, _ rules: [SplitRule]) {
    (self.archives, self.rules) = (archives, rules)
  }

  mutating func list() throws {
    var remarks: [String] = []
    try archives.visit { item in
      try take(archives.folders[item.archive] + split(item.name), item)
    } remark: {
      remarks.append($0)
    }
    self.remarks = remarks
    endSample()
    var next = 0
    while next < nested.count {
      let inner = nested[next]
      try archives.visit(within: inner.file, called: inner.name) {
        try take(inner.parts + split($0.name), $0)
      }
      endSample()
      next += 1
    }
    giveOrphans()
  }

  private func split(_ name: String) -> [String] {
    name.utf8.split(separator: UInt8(ascii: "/")).map { String($0)! }
  }

  private func rule(_ all: [String], _ archive: Int) -> (parts: [String], isValidation: Bool)? {
    for rule in rules {
      if let parts = rule.below(all, archive: archive) { return (parts, rule.isValidation) }
    }
    return nil
  }

  private mutating func take(_ all: [String], _ item: OpenArchives.Item) throws {
    let visible = all.first == "__MACOSX" ? 0 : all.prefix { !$0.hasPrefix(".") }.count
    let isHidden = visible < all.count
    if let file = item.file, !isHidden, let folder = Self.folder(ofArchive: all) {
      nested.append((all.joined(separator: "/"), folder, file))
      return
    }
    // The folders around a hidden file are there all the same.
    let folder = isHidden || item.file == nil ? all[..<visible] : all.dropLast()
    if folder != lastFolder || item.archive != lastArchive {
      (lastFolder, lastArchive) = (folder, item.archive)
      if let first = folder.first { tops.insert(first) }
      if let (parts, isValidation) = rule(Array(folder), item.archive), !parts.isEmpty {
        folders[isValidation, default: []].insert(parts.joined(separator: "/"))
      }
    }
    guard let file = item.file else { return }
    guard !isHidden, let (parts, isValidation) = rule(all, item.archive), let last = parts.last
    else {
      if !isHidden { try refuseUnread(file, all) }
      ignored.add(all.joined(separator: "/"), isHidden ? "hidden" : "outside the chosen folders")
      return
    }
    let name = parts.joined(separator: "/")
    if last == "dataset.json" {
      labelFiles.append((parts.dropLast().joined(separator: "/"), isValidation, file))
      return
    }
    let dot = last.utf8.firstIndex(of: UInt8(ascii: ".")) ?? last.endIndex
    let ending = last[dot...].lowercased()
    begin(
      Sample.Key(
        archive: item.archive,
        name: String(decoding: name.utf8.dropLast(last.utf8[dot...].count), as: UTF8.self)))
    switch ending {
    case ".cls", ".json": try takeLabel(file, name, isJSON: ending == ".json")
    default:
      guard try isPicture(file, name, ending) else { return }
      let start = names.count
      names += name.utf8
      images.append(
        SourceIndex.Image(
          name: start..<names.count, isValidation: isValidation, file: file,
          isPlain: !ending.dropFirst().contains("."), isNamed: Self.isNamed(ending)))
      sample.images = sample.images.lowerBound..<images.count
    }
  }

  /// The folder for which a tar or zip within an archive stands: its name without the ending.
  private static func folder(ofArchive all: [String]) -> [String]? {
    guard let last = all.last, last.utf8.count > 4,
      [".tar", ".zip"].contains(where: last.lowercased().hasSuffix)
    else { return nil }
    return all.dropLast() + [String(last.dropLast(4))]
  }

  private mutating func begin(_ key: Sample.Key) {
    guard key != sample.key else { return }
    endSample()
    sample = Sample(key: key, images: images.count..<images.count)
  }

  private mutating func takeLabel(_ file: StoredFile, _ name: String, isJSON: Bool) throws {
    guard file.size <= SampleLabel.mostBytes else {
      ignored.add(name, "label file of more than \(SampleLabel.mostBytes >> 20) MiB")
      return
    }
    let label = try archives.withBytes(file, called: name) {
      SampleLabel.read($0, isJSON: isJSON, name: "\(archives.names[file.archive]): \(name)")
    }
    switch (sample.label, label) {
    case (_, .none): ignored.add(name, "JSON without a label")
    case (_, .unread(let reason)):
      ignored.add(name, "a .json that is none")
      firstUnread = firstUnread ?? reason
      if sample.label == .none { sample.label = label }
    case (.none, _), (.unread, _), (.wrong, .number): sample.label = label
    default: break
    }
  }

  private static func isNamed(_ ending: String) -> Bool {
    [".png", ".jpg", ".jpeg", ".jpe", ".jfif"].contains(where: ending.hasSuffix)
  }

  /// Whether a file is a picture that can be read: by its name, or by its first bytes.
  private mutating func isPicture(
    _ file: StoredFile, _ name: String, _ ending: String
  ) throws -> Bool {
    if Self.isNamed(ending) { return true }
    let reason = try archives.start(of: file, called: name).withUnsafeBytes { start -> String? in
      switch Picture.Format(of: start) {
      case .png, .jpeg: nil
      case .other("a text or a web page"), nil:
        if let remark = Compression.remark(onArchive: name, start) {
          throw unread(file, name, remark)
        } else {
          Compression.remark(on: start) == nil ? "no picture" : "compressed"
        }
      case .other(let format): String(format.drop { $0 != " " }.dropFirst())
      }
    }
    guard let reason else { return true }
    if ending.hasSuffix(".cls") || ending.hasSuffix(".json") {
      dotted = (dotted?.first ?? name, (dotted?.count ?? 0) + 1)
    }
    ignored.add(name, reason)
    return false
  }

  private func unread(_ file: StoredFile, _ name: String, _ remark: String) -> FileError {
    FileError("\(archives.names[file.archive]): '\(name)' \(remark)")
  }

  /// Refuses an archive that is not read and stands, by its name, for a chosen folder.
  private func refuseUnread(_ file: StoredFile, _ all: [String]) throws {
    guard let last = all.last, Compression.isArchive(named: last) else { return }
    let folder = all.dropLast() + [String(last.prefix { $0 != "." })]
    guard
      rules.contains(where: { $0.archives.contains(file.archive) && $0.folder.starts(with: folder) }
      )
    else { return }
    let name = all.joined(separator: "/")
    let remark = try archives.start(of: file, called: name).withUnsafeBytes {
      Compression.remark(onArchive: last, $0)
    }
    if let remark { throw unread(file, name, remark) }
  }

  private mutating func endSample() {
    defer { sample = Sample() }
    // A file of any ending is no second picture beside one that is named so.
    if sample.images.contains(where: { images[$0].isNamed && images[$0].isPlain }) {
      for i in sample.images where !images[i].isNamed { images[i].isPlain = false }
    }
    switch sample.label {
    case .none: return
    case .unread(let reason):
      for i in sample.images { wrongLabels[i] = reason }
    case .wrong(let reason):
      firstWrong = firstWrong ?? reason
      for i in sample.images { wrongLabels[i] = reason }
    case .number(let label):
      if sample.images.isEmpty { orphans[sample.key] = label }
      for i in sample.images { give(label, to: i) }
    }
  }

  private mutating func give(_ label: Int32, to i: Int) {
    (images[i].label, images[i].isLabelled) = (label, true)
    if images[i].isPlain { labelled += 1 }
  }

  /// Labels the pictures of samples whose files are not adjacent.
  private mutating func giveOrphans() {
    guard !orphans.isEmpty else { return }
    for i in images.indices where !images[i].isLabelled {
      let name = names[images[i].name]
      let last = name.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? name.startIndex
      let dot = name[last...].firstIndex(of: UInt8(ascii: ".")) ?? name.endIndex
      let key = Sample.Key(
        archive: images[i].file.archive, name: String(decoding: name[..<dot], as: UTF8.self))
      if let label = orphans[key] { give(label, to: i) }
    }
  }
}
