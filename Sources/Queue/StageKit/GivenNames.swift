// Names of fetched files in messages: those that the user gave, never paths of a worker.

/// Names of files and folders in the scratch folder of an attempt.
struct GivenNames {
  private let scratch: String
  /// Paths as the stage knows them, and digests of artifacts.
  private var names: [(place: String, name: String)] = []

  init(scratch: String) { self.scratch = scratch }

  /// - Parameters:
  ///   - path: a file, or a folder of which the name is that of what it holds
  ///   - name: such as `weights: inception.pth` or `data.packed of job 12`
  mutating func call(_ path: String, _ name: String) {
    names.removeAll { $0.place == path }
    names.append((path, name))
    // A longer path may begin with a shorter one.
    names.sort { $0.place.utf8.count > $1.place.utf8.count }
  }

  /// The message with names in the place of paths. A file that the stage itself writes keeps its name
  /// alone.
  func words(_ message: String) -> String {
    guard message.contains(scratch) || message.contains("artifact ") else { return message }
    var words = message
    for (place, name) in names {
      words = words.replacing("\(place)/", with: "\(name): ")
      words = words.replacing(place, with: name)
    }
    let own = words.split(separator: "\(scratch)/", omittingEmptySubsequences: false)
    guard own.count > 1 else {
      return words.replacing(scratch, with: "the worker's scratch folder")
    }
    return own.dropFirst().reduce(String(own[0])) { before, rest in
      let name = rest.prefix { !" :'\",".contains($0) }
      return before + name + " in the worker's scratch folder" + rest.dropFirst(name.count)
    }
  }
}
