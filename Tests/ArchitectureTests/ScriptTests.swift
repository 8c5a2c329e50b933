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

extension Repository {
  /// Runs a program in the root: its exit status, and what it says on standard error.
  static func run(_ program: String, _ arguments: [String]) throws -> (status: Int32, text: String)
  {
    let process = Process()
    process.executableURL = URL(filePath: program)
    process.arguments = arguments
    process.currentDirectoryURL = root
    let said = Pipe()
    process.standardError = said
    try process.run()
    let text = String(decoding: said.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return (process.terminationStatus, text)
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
      try ["ops", "python"].flatMap { try Repository.files(under: $0, suffixes: [".py"]) }
      + Repository.scripts(under: "ops").filter { $0.lines[0].hasSuffix("python3") }
    let functions = python.flatMap { file in functionLengths(of: file).map { (file.path, $0) } }
    #expect(functions.count > 100)
    for (path, function) in functions {
      #expect(function.lines <= 60, "\(path): \(function.name) has \(function.lines) lines")
    }
  }

  /// The checker of ops/chaos/queue finds each violation; rows and page of results are as they say.
  @Test(arguments: [
    ("ops/chaos", "queue_chaos"), ("ops/chaos", "soak_parts"), ("ops/bench", "rig"),
    ("ops/bench", "queue_bench"),
  ])
  func pythonTestsPass(folder: String, package: String) throws {
    let (status, text) = try Repository.run(
      "/usr/bin/env",
      [
        "PYTHONDONTWRITEBYTECODE=1", "python3", "-m", "unittest", "discover", "--buffer",
        "--start-directory", "\(folder)/\(package)", "--top-level-directory", folder,
      ])
    #expect(status == 0, "\(text)")
    #expect(text.contains(/Ran [1-9]/), "\(text)")
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
