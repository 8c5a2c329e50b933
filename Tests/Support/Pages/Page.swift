import Foundation
import Synchronization

/// A page of the repository of which tests write parts: what lies between the lines
/// `<!-- generated: NAME -->` and `<!-- end -->`.
package struct Page {
  private let path: String
  /// The tests of several suites write one page at the same time.
  private static let writing = Mutex(())

  /// - Parameter path: from the root of the repository
  package init(_ path: String) { self.path = path }

  private var url: URL {
    URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../../\(path)")
      .standardized
  }

  package var text: String {
    get throws { try String(contentsOf: url, encoding: .utf8) }
  }

  /// The part of a name, without the lines around it; nil where the page has none of that name.
  package func part(_ name: String) throws -> String? {
    let text = try text
    return Self.range(of: name, in: text).map { String(text[$0]) }
  }

  /// Puts a text into the part of a name, if PRA_UPDATE_GOLDEN=1 asks for it.
  package func updateIfAsked(_ name: String, with part: String) throws {
    guard ProcessInfo.processInfo.environment["PRA_UPDATE_GOLDEN"] == "1" else { return }
    try Self.writing.withLock { _ in
      var text = try text
      guard let range = Self.range(of: name, in: text) else { return }
      text.replaceSubrange(range, with: part)
      try text.write(to: url, atomically: true, encoding: .utf8)
    }
  }

  private static func range(of name: String, in text: String) -> Range<String.Index>? {
    guard let begin = text.range(of: "<!-- generated: \(name) -->\n"),
      let end = text.range(of: "<!-- end -->", range: begin.upperBound..<text.endIndex)
    else { return nil }
    return begin.upperBound..<end.lowerBound
  }
}
