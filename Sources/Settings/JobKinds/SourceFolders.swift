// The folders from which a worker reads sources in place: labels that the claim compares, and a variable for
// its stages.

/// Folders that a worker sees, as `pra worker --sees` names them.
package struct SourceFolders: Sendable, Equatable {
  /// Absolute paths.
  package let all: [String]

  package init(_ all: [String]) { self.all = all }

  /// - Parameter text: the value of `variable` in a stage, nil without any
  package init(text: String?) {
    all = (text ?? "").split(separator: "\n").map(String.init)
  }

  package static let variable = "PRA_SEES"
  /// The beginning of the labels' names.
  package static let prefix = "sees."

  /// The value of `variable`.
  package var text: String { all.joined(separator: "\n") }

  /// The label of a folder: `sees.shared.images` and `/shared/images`.
  package static func label(_ folder: String) -> (key: String, value: String) {
    let name = folder.split(separator: "/").joined(separator: ".")
    let plain = name.map {
      $0.isASCII && ($0.isLetter || $0.isNumber || "_.-".contains($0)) ? $0 : "_"
    }
    return (String((prefix + String(plain)).prefix(100)), folder)
  }

  /// The requirement that a job has which reads below a folder.
  package static func requirement(_ folder: String) -> String {
    let (key, value) = label(folder)
    return "\(key)=\(value)"
  }
}
