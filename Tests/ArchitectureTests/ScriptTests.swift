// Scripts without a suffix, which their first line tells, and the length of functions in Python.

import Foundation
import Testing

extension Repository {
  /// Files under a folder that have no suffix and begin with `#!`, by path from the root.
  static func scripts(under folder: String) throws -> [SourceFile] {
    let base = root.appending(path: folder)
    let names = FileManager.default.enumerator(atPath: base.path())?.compactMap { $0 as? String }
    return try (names ?? []).sorted().compactMap { name in
      let path = base.appending(path: name)
      // A folder has no bytes to read.
      guard path.pathExtension.isEmpty, let bytes = try? Data(contentsOf: path),
        bytes.starts(with: Data("#!".utf8))
      else { return nil }
      return SourceFile(
        path: "\(folder)/\(name)", text: try String(contentsOf: path, encoding: .utf8))
    }
  }
}

@Suite struct ScriptTests {
  /// A script's first line names one of these; another one would be another language to know.
  @Test func scriptsAreShellOrPython() throws {
    let scripts = try Repository.scripts(under: "ops")
    #expect(scripts.count > 15)
    for script in scripts {
      #expect(
        ["#!/usr/bin/env bash", "#!/usr/bin/env python3"].contains(script.lines[0]),
        "\(script.path)")
    }
  }

  @Test func noPythonFunctionIsLongerThan60Lines() throws {
    let python =
      try Repository.files(under: "ops", suffixes: [".py"])
      + Repository.scripts(under: "ops").filter { $0.lines[0].hasSuffix("python3") }
    let functions = python.flatMap { file in functionLengths(of: file).map { (file.path, $0) } }
    #expect(functions.count > 100)
    for (path, function) in functions {
      #expect(function.lines <= 60, "\(path): \(function.name) has \(function.lines) lines")
    }
  }

  @Test func aFunctionEndsWhereItsIndentationEnds() {
    let text = """
      class A:
          def first(self):
              if True:

                  return 1

          def second(
              self,
          ):
              return 2


      print(A())
      """
    let lengths = functionLengths(of: SourceFile(path: "a.py", text: text))
    #expect(lengths.map(\.name) == ["first", "second"])
    #expect(lengths.map(\.lines) == [4, 4])
  }

  /// Names and lines of a Python file's functions, blank lines at the end left out.
  private func functionLengths(of file: SourceFile) -> [(name: String, lines: Int)] {
    let lines = file.lines
    return lines.indices.compactMap { start in
      guard let match = lines[start].firstMatch(of: /^( *)(?:async )?def (\w+)\(/) else {
        return nil
      }
      let indentation = match.output.1.count
      var end = start + 1
      for line in lines[end...] {
        let depth = line.prefix { $0 == " " }.count
        // A closing bracket of the parameters stands where the function does.
        if depth < line.count && depth <= indentation && !line.dropFirst(depth).hasPrefix(")") {
          break
        }
        end += 1
      }
      while lines[end - 1].allSatisfy(\.isWhitespace) { end -= 1 }
      return (String(match.output.2), end - start)
    }
  }
}
