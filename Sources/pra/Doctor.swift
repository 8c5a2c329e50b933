// `pra doctor`: finds what is missing on this machine, and names the remedy.

import ArgumentParser
import Files
import Foundation
import Postgres

struct Doctor: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract:
      "Check programs, libraries, database, disk and processor; print a remedy for each fault.",
    discussion: """
      Creates and starts the private database if PRA_DATABASE_URL is not set. Exits with 1 if it finds a \
      fault.
      Example: pra doctor
      """)

  @Flag(help: "Print a JSON array of checks.") var json = false

  func run() throws {
    var findings = [stages()]
    findings += Library.all.map { $0.check() }
    if Database.given == nil { findings.append(serverPrograms()) }
    findings += [database(), schedules(), disk(), processor()]
    if json {
      print(JSONText.array(findings.map(\.json)))
    } else {
      for finding in findings { print(finding.lines) }
    }
    let faults = findings.count { $0.remedy != nil }
    if faults > 0 { throw Failure(message: "\(faults) fault\(faults == 1 ? "" : "s") found") }
  }

  private func stages() -> Finding {
    let missing = JobKindName.all.filter { !Executables.canRun($0) }.map { "pra-\($0)" }
    return missing.isEmpty
      ? Finding("stages", Executables.folder)
      : Finding(
        "stages", "\(missing.joined(separator: ", ")) not in \(Executables.folder)",
        remedy: "swift build -c release")
  }

  private func serverPrograms() -> Finding {
    do {
      return Finding(
        "PostgreSQL programs",
        try ServerPrograms.folder(path: ProcessInfo.processInfo.environment["PATH"]))
    } catch {
      return Finding(
        "PostgreSQL programs", "\(error)",
        remedy: "apt-get install postgresql, or set PRA_DATABASE_URL")
    }
  }

  private func database() -> Finding {
    do {
      let connection = try Connection(try Database.url(), name: "pra doctor")
      let version = try connection.query("show server_version").single().text(at: 0) ?? "?"
      let number = try connection.query("show server_version_num").single().text(at: 0) ?? ""
      guard Int(number) ?? 0 >= 150_000 else {
        return Finding("database", "PostgreSQL \(version)", remedy: "upgrade to 15 or newer")
      }
      let migrator = Migrator(connection)
      let schema = "PostgreSQL \(version), schema \(try migrator.applied().last?.version ?? 0)"
      switch try migrator.state() {
      case .current:
        let differences = try migrator.differences()
        guard differences.isEmpty else {
          return Finding(
            "database", "\(schema), but \(differences.joined(separator: ", "))",
            remedy: "pra migrate, which makes it as the files say")
        }
      case .outdated(let files):
        return Finding(
          "database", "\(schema), with other functions or views (\(files.joined(separator: ", ")))",
          remedy: "pra migrate")
      case .behind: return Finding("database", "\(schema), an older one", remedy: "pra migrate")
      case .newer: return Finding("database", "\(schema), a newer one", remedy: "upgrade pra")
      case .altered(let name):
        return Finding(
          "database", "\(schema), migration \(name) differs from this program's",
          remedy: "it was made by a development version; create a new database")
      }
      return Finding("database", schema)
    } catch {
      let remedy =
        Database.given == nil
        ? "see the log in \(Database.home)/postgres; another PRA_HOME starts afresh"
        : "start that server, or correct PRA_DATABASE_URL; without it a private one is used"
      return Finding("database", "\(error)", remedy: remedy)
    }
  }

  /// Schedules whose last time made no job. A database that cannot be asked is the check before.
  private func schedules() -> Finding {
    guard let connection = try? Connection(try Database.url(), name: "pra doctor"),
      let failing = try? connection.query(Queries.failingSchedules)
    else { return Finding("schedules", "not known") }
    guard !failing.isEmpty else { return Finding("schedules", "none fails") }
    let said = failing.map { "\($0.text(at: 0) ?? ""): \($0.text(at: 1) ?? "")" }
    return Finding(
      "schedules", "no job at the last time of \(said.joined(separator: "; "))",
      remedy: "start a worker, correct it by pra schedule NAME ..., or pra schedules --remove NAME")
  }

  private func disk() -> Finding {
    let home = Database.home
    // The nearest existing folder, as the private database may not have been created yet.
    var folder = home
    while !FileManager.default.fileExists(atPath: folder), folder != "/" {
      folder = URL(filePath: folder).deletingLastPathComponent().standardizedFileURL
        .path(percentEncoded: false)
      if folder.count > 1, folder.hasSuffix("/") { folder.removeLast() }
    }
    var status = statvfs()
    guard statvfs(folder, &status) == 0 else {
      return Finding(
        "disk", "\(folder): \(String(cString: strerror(errno)))", remedy: "set PRA_HOME elsewhere")
    }
    let free = (UInt64(status.f_bavail) * UInt64(status.f_frsize)) >> 20
    let found = "\(free / 1024) GiB (\(free) MiB) free under \(home)"
    // The demo's database, checkpoints and images take some 200 MiB.
    return free >= 1024
      ? Finding("disk", found)
      : Finding("disk", found, remedy: "free 1 GiB, or set PRA_HOME to a larger disk")
  }

  private func processor() -> Finding {
    let text = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix("flags") } ?? ""
    let flags = Set(line.split(separator: " ").map(String.init))
    let sets = ["avx2", "fma", "avx512f", "avx512_bf16"].filter { flags.contains($0) }
    let count = ProcessInfo.processInfo.activeProcessorCount
    return Finding(
      "processor",
      "\(count) threads, \(sets.isEmpty ? "no AVX2: training is slow" : sets.joined(separator: " "))"
    )
  }
}

/// The result of a check.
private struct Finding {
  let name: String
  let found: String
  /// Nil if all is well.
  let remedy: String?

  init(_ name: String, _ found: String, remedy: String? = nil) {
    (self.name, self.found, self.remedy) = (name, found, remedy)
  }

  var lines: String {
    guard let remedy else { return "ok     \(name): \(found)" }
    return "FAULT  \(name): \(found)\n       remedy: \(remedy)"
  }

  var json: String {
    JSONText.object([
      ("check", JSONText.string(name)), ("ok", remedy == nil ? "true" : "false"),
      ("found", JSONText.string(found)), ("remedy", remedy.map(JSONText.string) ?? "null"),
    ])
  }
}

/// A shared library that this program or a stage loads.
private struct Library {
  let file: String
  let package: String

  /// The file names to which Debian's development packages link.
  static let all = [
    Library(file: "libpq.so.5", package: "libpq5"),
    Library(file: "libpng16.so.16", package: "libpng16-16"),
    Library(file: "libcrypto.so.3", package: "libssl3"),
    Library(file: "libopenblas.so.0", package: "libopenblas0"),
    Library(file: "libcurl.so.4", package: "libcurl4"),
  ]

  func check() -> Finding {
    guard let handle = dlopen(file, RTLD_LAZY) else {
      let reason = dlerror().map { String(cString: $0) } ?? "cannot be loaded"
      return Finding("library \(file)", reason, remedy: "apt-get install \(package)")
    }
    dlclose(handle)
    return Finding("library \(file)", "loads")
  }
}

/// The folders of this program and of the stages.
enum Executables {
  static let folder = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
    .deletingLastPathComponent().path(percentEncoded: false).droppingTrailingSlash

  static func canRun(_ kind: String) -> Bool {
    FileManager.default.isExecutableFile(atPath: "\(folder)/pra-\(kind)")
  }
}

extension String {
  fileprivate var droppingTrailingSlash: String { hasSuffix("/") ? String(dropLast()) : self }
}
