// The layout of a source, and the class of every image in it.

import Files

/// Images with their classes; `decide` finds these.
struct SourceClasses {
  var images: [SourceIndex.Image]
  private(set) var classes: [String] = []
  private(set) var layout = SourceLayout.folders
  private(set) var ignored: IgnoredFiles
  private(set) var remarks: [String]
  /// Reasons why images have no label, by the ends of their names.
  private(set) var wrongLabels: [Int: String] = [:]
  private let names: [UInt8]
  private let archives: OpenArchives
  private let title: String
  /// Bytes that names have lost at their start, by whether they are for validation.
  private var lengths: [Bool: Int] = [:]

  /// A dataset.json, and what the names in it lack.
  private typealias LabelFile = (prefix: String, file: StoredFile)

  init(_ lister: SourceLister, _ title: String) {
    (images, ignored, names) = (lister.images, lister.ignored, lister.names)
    (archives, self.title, remarks) = (lister.archives, title, lister.remarks)
    for (i, reason) in lister.wrongLabels { wrongLabels[images[i].name.upperBound] = reason }
  }

  /// - Throws: `FileError`
  mutating func decide(_ lister: SourceLister) throws {
    let plain = images.count { $0.isPlain }
    let labelFiles = takeTopFolders(lister)
    let hasFolders = images.contains { firstFolder(of: $0) != nil }
    if !labelFiles.isEmpty {
      layout = .edm
      try takeLabels(from: labelFiles)
    } else if lister.labelled > 0, lister.labelled * 2 >= plain || !hasFolders {
      layout = .webdataset
      drop("further picture of a sample") { !$0.isPlain }
      nameClassesByNumber()
    } else {
      try refuseUnreadLabels(lister, plain: plain, hasFolders: hasFolders)
      if lister.labelled > 0 {
        remarks.append(
          "labels beside \(lister.labelled) of \(plain) images are not used: folders are the classes"
        )
      }
      for i in images.indices { images[i].label = -1 }
      try numberFolders(lister)
    }
  }

  /// Refuses label files that cannot be followed where folders would silently become the classes.
  private func refuseUnreadLabels(
    _ lister: SourceLister, plain: Int, hasFolders: Bool
  ) throws {
    if let wrong = lister.firstWrong, !hasFolders || wrongLabels.count * 2 >= plain {
      throw FileError(wrong)
    }
    if let unread = lister.firstUnread, !hasFolders { throw FileError(unread) }
    if let dotted = lister.dotted, !hasFolders {
      throw FileError(
        "\(title): '\(dotted.first)': WebDataset's key of a sample ends at the first dot of the name; "
          + "rename the files so that keys have no dots")
    }
  }

  /// Leaves off a folder that holds everything, as unpacking into it would, while most pictures lie in
  /// folders below it, or a dataset.json directly in it.
  /// - Returns: the label files at the top of what is left, by the prefix of the names in them
  private mutating func takeTopFolders(_ lister: SourceLister) -> [LabelFile] {
    var labelFiles: [LabelFile] = []
    var training: Set<String> = []
    for isValidation in [false, true] {
      var top = TopFolder(
        folders: lister.folders[isValidation] ?? [],
        labelFolders: Set(
          lister.labelFiles.filter { $0.isValidation == isValidation }.map(\.folder)))
      for image in images where image.isValidation == isValidation {
        top.count(names[image.name])
      }
      top.strip(unlessIn: training)
      if !isValidation { training = top.classes }
      lengths[isValidation] = top.length
      for i in images.indices where images[i].isValidation == isValidation {
        images[i].name = images[i].name.lowerBound + top.length..<images[i].name.upperBound
      }
      if !top.left.isEmpty {
        remarks.append(
          "the folder '\(top.left.joined(separator: "/"))' around everything is left off")
      }
      for found in lister.labelFiles where found.isValidation == isValidation {
        let own = lister.archives.folders[found.file.archive].joined(separator: "/")
        let folder = String(decoding: found.folder.utf8.dropFirst(top.length), as: UTF8.self)
        if folder.isEmpty || folder == own {
          labelFiles.append((folder.isEmpty ? "" : folder + "/", found.file))
        } else {
          ignored.add("\(found.folder)/dataset.json", "dataset.json below a folder")
        }
      }
    }
    return labelFiles
  }

  private mutating func drop(_ reason: String, _ isOther: (SourceIndex.Image) -> Bool) {
    for image in images where isOther(image) {
      ignored.add(String(decoding: names[image.name], as: UTF8.self), reason)
    }
    images.removeAll(where: isOther)
  }

  private func firstFolder(of image: SourceIndex.Image) -> String? {
    let name = names[image.name]
    return name.firstIndex(of: UInt8(ascii: "/")).map {
      String(decoding: name[..<$0], as: UTF8.self)
    }
  }

  private mutating func numberFolders(_ lister: SourceLister) throws {
    guard images.contains(where: { firstFolder(of: $0) != nil }) else {
      layout = .flat
      classes = ["images"]
      for i in images.indices { images[i].label = 0 }
      remarks.append("no image lies in a folder of a class: all are of one class, 'images'")
      return
    }
    let names = names
    drop("in no class folder") { !names[$0.name].contains(UInt8(ascii: "/")) }
    var found = Set(images.map { firstFolder(of: $0)! })
    var below: [String: Set<String>] = [:]
    for (isValidation, folders) in lister.folders {
      let length = lengths[isValidation] ?? 0
      for folder in folders where folder.utf8.count > length {
        let parts = folder.utf8.dropFirst(length).split(separator: UInt8(ascii: "/"))
        let first = String(decoding: parts[0], as: UTF8.self)
        found.insert(first)
        if parts.count > 1 {
          below[String(decoding: parts[1], as: UTF8.self), default: []].insert(first)
        }
      }
    }
    classes = found.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    try remarkOnSplits(below)
    let numbers = Dictionary(uniqueKeysWithValues: classes.enumerated().map { ($1, Int32($0)) })
    for i in images.indices {
      images[i].label = numbers[firstFolder(of: images[i])!]!
    }
  }

  /// Refuses folders of splits as classes, and remarks on folders that are alike in every class.
  private mutating func remarkOnSplits(_ below: [String: Set<String>]) throws {
    let splits: Set = [
      "train", "training", "val", "valid", "validation", "dev", "test", "testing", "eval",
    ]
    guard classes.count > 1 else { return }
    if classes.allSatisfy({ splits.contains($0.lowercased()) }) {
      throw FileError(
        "\(title): its folders \(classes.joined(separator: ", ")) are splits and no classes; name one "
          + "with data.folder, and another with data.validation.folder")
    }
    let common = below.filter { $0.value.count == classes.count }.map(\.key).sorted()
    if !common.isEmpty {
      remarks.append(
        "every class folder holds a folder \(common.prefix(5).joined(separator: ", ")): the folders at "
          + "the top are the classes (\(classes.prefix(5).joined(separator: ", "))); data.folder "
          + "chooses one of them")
    }
  }

  private mutating func nameClassesByNumber() {
    let most = images.reduce(-1) { max($0, Int($1.label)) }
    classes = most < 0 ? [] : (0...most).map(String.init)
  }

  private mutating func takeLabels(from files: [LabelFile]) throws {
    sortByName()
    for i in images.indices { images[i].label = -1 }
    var hasLabels = false
    for (prefix, file) in files {
      hasLabels = try takeLabels(prefix, file) || hasLabels
    }
    if hasLabels {
      guard images.contains(where: { $0.label >= 0 }) else {
        throw FileError("\(title): dataset.json: none of its names is that of an image")
      }
      nameClassesByNumber()
    } else {
      for i in images.indices { images[i].label = 0 }
      classes = ["images"]
    }
  }

  /// - Returns: whether the file has labels
  private mutating func takeLabels(_ prefix: String, _ file: StoredFile) throws -> Bool {
    try archives.withBytes(file, called: "dataset.json") { bytes in
      try EDMLabels.read(bytes, path: "\(archives.names[file.archive]): dataset.json") {
        name, label in
        guard label < SourceIndex.mostClasses else {
          throw FileError(
            "\(archives.names[file.archive]): dataset.json: class \(label) of '\(name)' is too large"
          )
        }
        // A name without an image may belong to a folder that was not asked for.
        let name = Array((prefix + name).utf8)
        var i = place(of: name)
        while i < images.count, names[images[i].name].elementsEqual(name) {
          if images[i].file.archive == file.archive { images[i].label = Int32(label) }
          i += 1
        }
      }
    }
  }

  private mutating func sortByName() {
    names.withUnsafeBufferPointer { names in
      images.sort { names[$0.name].lexicographicallyPrecedes(names[$1.name]) }
    }
  }

  /// Index of the first image whose name is not below a given one, among images sorted by name.
  private func place(of name: [UInt8]) -> Int {
    var (low, high) = (0, images.count)
    while low < high {
      let middle = (low + high) / 2
      if names[images[middle].name].lexicographicallyPrecedes(name) {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return low
  }
}
