// `pra config`: a stored run as a run file.

import ArgumentParser
import Configuration
import Files
import Foundation
import Postgres

struct Config: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print a run as a run file that pra run reads again.",
    discussion: """
      The file has every key of the configuration. Data are those of the run itself (data.run), and files \
      stand under their SHA-256 in the store, so that nothing depends on the folder from which the run was \
      submitted.
      Example: pra config emoji > again.yaml
      Example: pra config emoji --json
      """)

  @OptionGroup var target: RunTarget
  @OptionGroup var output: OutputOptions

  func run() throws {
    let connection = try Database.connect(.read)
    let run = try connection.run(named: target.name)
    let file = try Self.file(of: run, connection)
    printExactly(output.json ? file.json : file.yaml().trimmingCharacters(in: .newlines))
  }

  /// The run file of a stored run.
  /// - Throws: `NotFound` for a run that was not made from a run file
  static func file(of run: (id: Int64, name: String), _ connection: Connection) throws
    -> SettingValue
  {
    let text = try connection.query(TrainedQueries.runConfiguration, [.integer(run.id)]).single()
      .string("configuration")
    var stored = try SettingValue(parsingJSON: text, source: "configuration")
    guard stored[key: "config"] != nil else {
      throw NotFound(
        message:
          "run \(run.id) (\(run.name)) was not made from a run file; pra jobs --run \(run.id) lists "
          + "its jobs")
    }
    // Files are named by their bytes where the run has kept them.
    if case .mapping(let files)? = stored[key: "files"] {
      let names = Dictionary(uniqueKeysWithValues: files.map { ($0.key, $0.value) })
      stored = stored.renamed(names, at: ["config", "loss", "lpips_file"])
      for key in ["inception", "reference"] {
        stored = stored.renamed(names, at: ["evaluate", key])
      }
    }
    // A program finds its files by their names.
    if case .mapping(let files)? = stored[key: "files"],
      case .mapping(let commands)? = stored[key: "commands"]
    {
      let digests = Dictionary(uniqueKeysWithValues: files.map { ($0.key, $0.value) })
      for command in commands {
        stored = stored.naming(digests, at: ["commands", command.key, "files"])
      }
    }
    let number = SettingValue.mapping([
      SettingValue.Entry(key: "run", value: .integer(String(run.id)))
    ])
    return RunFile.again(
      name: run.name, stored: stored, data: number,
      start: try stored[key: "init"].map { try start($0, connection) })
  }

  /// The key `init` of a stored argument `init`.
  private static func start(_ stored: SettingValue, _ connection: Connection) throws -> SettingValue
  {
    var start = SettingValue.mapping([])
    if case .integer(let job)? = stored[key: "job"], let number = Int64(job), number > 0,
      let step = stored[key: "step"],
      let run = try connection.query(Queries.runOfJob, [.integer(number)]).first
    {
      start = start.setting(["run"], to: .integer(try run.string("run_id"))).setting(
        ["step"], to: step)
    } else if case .list(let digests)? = stored[key: "weights"],
      case .string(let digest)? = digests.first
    {
      start = start.setting(["file"], to: .string("\(RunFile.storedPrefix)\(digest)"))
    }
    if stored[key: "restart"] == .boolean(true) {
      start = start.setting(["restart"], to: .boolean(true))
    }
    return start
  }
}

extension SettingValue {
  /// The mapping with paths of a list replaced by the files of the store, under the names that they have for a program.
  fileprivate func naming(_ digests: [String: SettingValue], at path: [String]) -> SettingValue {
    guard case .list(let files)? = path.reduce(Optional(self), { $0?[key: $1] }) else {
      return self
    }
    let named = files.map { value -> SettingValue in
      guard case .string(let text) = value, let file = try? CommandFile(text, at: ""),
        case .string(let digest)? = digests[file.path]
      else { return value }
      return .string("\(file.name)=\(RunFile.storedPrefix)\(digest)")
    }
    return setting(path, to: .list(named))
  }

  /// The mapping with names of files at a path replaced by those of the store.
  fileprivate func renamed(_ digests: [String: SettingValue], at path: [String]) -> SettingValue {
    func name(_ value: SettingValue) -> SettingValue {
      guard case .string(let text) = value, case .string(let digest)? = digests[text],
        !text.hasPrefix(RunFile.storedPrefix)
      else { return value }
      return .string("\(RunFile.storedPrefix)\(digest)")
    }
    guard let found = path.reduce(Optional(self), { $0?[key: $1] }) else { return self }
    if case .list(let values) = found { return setting(path, to: .list(values.map(name))) }
    return setting(path, to: name(found))
  }
}
