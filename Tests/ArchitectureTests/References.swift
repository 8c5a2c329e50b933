// References of pages and comments, as texts to be looked up.

import Foundation

/// A line of the repository and where it stands.
struct SourceLine {
  let path: String
  let number: Int
  let text: Substring

  var place: String { "\(path):\(number)" }
}

extension Substring {
  /// Whether one of the words stands in it. It comes before regular expressions and splitting, which took most of the
  /// time of these tests over all lines.
  func holds(_ words: String...) -> Bool {
    String(self).withCString { line in words.contains { strstr(line, $0) != nil } }
  }
}

extension Repository {
  /// Every line that people wrote: sources, scripts, pages. Not files that a program or another library
  /// made (golden files, seeds), nor the journal of measurements, which speaks of what was.
  static func lines() throws -> [SourceLine] { try written.get() }

  private static let written = Result { try read() }

  private static func read() throws -> [SourceLine] {
    let folders = ["Sources", "Tests", "workers", "ops", "migrations", "docs", "python", ".ci"]
    let top = try FileManager.default.contentsOfDirectory(atPath: root.path())
    let files = top.filter { !folders.contains($0) && !$0.hasPrefix(".build") }
    let nested = folders.flatMap { folder in
      (FileManager.default.enumerator(atPath: root.appending(path: folder).path())?
        .compactMap { $0 as? String } ?? []).map { "\(folder)/\($0)" }
    }
    return (files + nested).sorted().filter(isWritten).flatMap { path -> [SourceLine] in
      guard let data = FileManager.default.contents(atPath: root.appending(path: path).path()),
        let text = String(data: data, encoding: .utf8)
      else { return [] }
      return text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().map {
        SourceLine(path: path, number: $0.offset + 1, text: $0.element)
      }
    }
  }

  private static func isWritten(_ path: String) -> Bool {
    let made = [
      "Golden/", "ops/fuzz/seeds/", "ops/fuzz/regressions/", "ops/bench/history/", "-venv/",
      "__pycache__",
    ]
    let endings = [".tar", ".zip", ".png", ".jpg", ".npz", ".pth", "Package.resolved", "LICENSE"]
    return !made.contains { path.contains($0) } && !endings.contains { path.hasSuffix($0) }
  }

  static func exists(_ path: String) -> Bool {
    FileManager.default.fileExists(atPath: root.appending(path: path).path())
  }
}

/// A page in Markdown: its headings, its links, and its lines without code.
struct MarkdownPage {
  let path: String
  let lines: [Substring]

  init(path: String, text: String) {
    self.path = path
    var isCode = false
    lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      if line.hasPrefix("```") { isCode.toggle() }
      return isCode || line.hasPrefix("    ") ? "" : line
    }
  }

  static func all() throws -> [MarkdownPage] {
    try Dictionary(grouping: Repository.lines().filter { $0.path.hasSuffix(".md") }, by: \.path)
      .map { path, lines in
        MarkdownPage(path: path, text: lines.map { String($0.text) }.joined(separator: "\n"))
      }
  }

  var headings: [String] {
    lines.filter { $0.hasPrefix("#") }.map { String($0.drop { $0 == "#" || $0 == " " }) }
  }

  /// Names by which a link reaches a heading, as web forges make them.
  var anchors: Set<String> {
    Set(
      headings.map { heading in
        String(
          heading.lowercased().compactMap { character in
            character == " "
              ? "-"
              : character.isLetter || character.isNumber || "-_".contains(character)
                ? character : nil
          })
      })
  }

  /// Targets of links to files of the repository: the path from its root, and the anchor.
  var links: [(path: String, anchor: String?)] {
    lines.flatMap { line in
      line.replacing(/`[^`]*`/, with: "").matches(of: /\]\(([^)\s]+)\)/).map(\.output.1)
        .filter { !$0.contains("://") && !$0.hasPrefix("mailto:") }
        .map { target -> (String, String?) in
          let parts = target.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
          let file = parts[0].isEmpty ? path : resolved(parts[0])
          return (file, parts.count == 2 ? String(parts[1]) : nil)
        }
    }
  }

  private func resolved(_ target: Substring) -> String {
    var parts = path.split(separator: "/").dropLast().map(String.init)
    for part in target.split(separator: "/") {
      if part == ".." { _ = parts.popLast() } else if part != "." { parts.append(String(part)) }
    }
    return parts.joined(separator: "/")
  }
}

/// A reference to a section of the model page, and perhaps to a step within it.
struct SectionReference: Hashable {
  let section: String
  let step: String?

  /// References of a line, as in "model.md sections 3 and 9", "(section 4, step 8)", "model.md 3.2 to 3.4".
  /// Sections of other works (RFC, YAML, the PostgreSQL manual) are left out.
  static func all(in line: Substring) -> [SectionReference] {
    let starts = line.matches(
      of: /(?:model\.md|\b[Ss]ections?|§)(?:,|'s)? (?:sections? )?(\d+(?:\.\d+)*)/)
    return starts.flatMap { start -> [SectionReference] in
      let before = line[..<start.range.lowerBound]
      if before.contains(/(?:RFC [0-9]+|YAML [0-9.]+|manual),?\s*$/) { return [] }
      var found = [SectionReference(section: String(start.output.1), step: nil)]
      var rest = line[start.range.upperBound...]
      while let next = rest.prefixMatch(of: /(, | and | to )(?:step )?(\d+(?:\.\d+)?)/) {
        let number = String(next.output.2)
        if number.contains(".") || next.output.1 == " and " {
          found.append(SectionReference(section: number, step: nil))
        } else {
          found.append(SectionReference(section: found[0].section, step: number))
        }
        rest = rest[next.range.upperBound...]
      }
      return found
    }
  }
}
