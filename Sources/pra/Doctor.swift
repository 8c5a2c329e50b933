// `pra doctor`: finds what is missing on this machine, and names the remedy.

import Agent
import ArgumentParser
import Figures
import Files
import Foundation
import Postgres
import Raster
import RunStore

struct Doctor: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract:
      "Check programs, libraries, database, store, disk and processor; print a remedy for each fault.",
    discussion: """
      It makes nothing, but starts a private database that is there. Exits with 1 if it finds a fault.
      Example: pra doctor
      """)

  @Flag(help: "Print a JSON array of checks.") var json = false

  func run() throws {
    var findings = [stages(), dashboard()]
    findings += Library.all.map { $0.check() }
    findings += [pictures(), fonts()]
    if Database.given == nil { findings.append(serverPrograms()) }
    let database = DatabaseCheck().run()
    findings += database
    // There is no store to look at before there is a database that serves.
    if Database.given != nil || (try? Database.cluster.exists()) == true,
      !database.contains(where: { $0.remedy != nil && DatabaseCheck.names.contains($0.name) })
    {
      findings += [store(), schedules()]
    }
    findings += [disk(), processor()] + GPUs().findings(home: Database.home)
    if json {
      printExactly(JSONText.array(findings.map(\.json)))
    } else {
      for line in findings.flatMap(\.lines) { print(line) }
    }
    let faults = findings.count { $0.remedy != nil }
    if faults > 0 { throw Failure(message: "\(counted(faults, "fault")) found") }
  }

  private func stages() -> Finding {
    let missing = JobKindName.all.filter { !Executables.canRun($0) }.map { "pra-\($0)" }
    return missing.isEmpty
      ? Finding("stages", Executables.folder)
      : Finding(
        "stages", "\(missing.joined(separator: ", ")) not in \(Executables.folder)",
        remedy: "swift build -c release")
  }

  /// The server of the pages, without which `pra dashboard` alone does nothing.
  private func dashboard() -> Finding {
    Executables.canRun("dashboard")
      ? Finding("dashboard", "\(Executables.folder)/pra-dashboard")
      : Finding(
        "dashboard", "pra-dashboard not in \(Executables.folder)",
        remedy: "swift build -c release --product pra-dashboard")
  }

  /// The decoder of JPEG files, which decides the pixels of damaged ones.
  private func pictures() -> Finding {
    let library = Picture.jpegLibrary
    let version =
      library.hasPrefix("libjpeg-turbo ") ? library.dropFirst(14).split(separator: ".") : []
    if let major = version.first.flatMap({ Int($0) }), major >= 3 {
      return Finding("pictures", library)
    }
    return Finding(
      "pictures",
      "\(library), not libjpeg-turbo 3.0 or newer: progressive JPEGs that lack their last scans get other "
        + "pixels, and their data set another fingerprint, than there and in Pillow")
  }

  /// The letters of titles in PNG files.
  private func fonts() -> Finding {
    guard !Lettering.isWithoutFonts else {
      return Finding(
        "fonts", "none is installed: no PNG with words can be drawn",
        remedy: "apt-get install fonts-dejavu-core fonts-droid-fallback")
    }
    let lacking = Lettering.charactersWithoutGlyph(in: ["éüжعअ漢かカ한"])
    return Finding(
      "fonts",
      lacking.isEmpty
        ? "installed"
        : "installed, but none has \(lacking), which titles in PNG files show as boxes: fonts-noto and "
          + "fonts-noto-cjk have them")
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

  /// Writes, reads and deletes a small object with this host's keys, as a worker does before it
  /// claims.
  private func store() -> Finding {
    do {
      var store = try Database.store(.read, patience: .probe())
      let location = try store.probeCurrent(known: nil) ?? "database"
      let connection = try Database.connect(.read)
      let suspects = try connection.query(Queries.suspects).single().integer("number")
      let inside = try connection.query(Queries.bytesInDatabase).single().integer("bytes")
      if location == "database", inside > Self.mostInDatabase {
        return Finding(
          "store", "database; it holds \(ByteCount.words(inside)) of artifacts, as do its backups",
          remedy: "pra store file:/srv/pra-artifacts, or a bucket; what is stored stays readable")
      }
      return suspects == 0
        ? Finding("store", location)
        : Finding(
          "store", "\(location); \(counted(suspects, "artifact")) found damaged or missing",
          remedy: "pra store verify, which tells how they come back")
    } catch let error as StoreError {
      return Finding("store", "\(error)", remedy: "correct it, or choose another by pra store")
    } catch let error as StoreAway {
      return Finding(
        "store", "\(error)",
        remedy: error.isRefusal
          ? "give this host the keys and rights of the store, or choose another by pra store"
          : "start its server or mount its folder, or choose another by pra store")
    } catch {
      return Finding("store", "not known: \(error)", remedy: "see database")
    }
  }

  /// Bytes of artifacts for which a database is no place any more.
  private static let mostInDatabase: Int64 = 20_000_000_000

  /// Schedules whose last time made no job. A database that cannot be asked is the check before.
  private func schedules() -> Finding {
    guard let connection = try? Database.connect(.read),
      let failing = try? connection.query(Queries.failingSchedules)
    else { return Finding("schedules", "not known") }
    guard !failing.isEmpty else { return Finding("schedules", "none fails") }
    let said = failing.map { "\($0.text(at: 0) ?? ""): \($0.text(at: 1) ?? "")" }
    return Finding(
      "schedules", "no job at the last time of \(said.joined(separator: "; "))",
      remedy:
        "start a worker, correct it by pra schedule NAME ... (or pra gc --schedule), or pra schedules --remove NAME"
    )
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
        "disk", "\(folder): \(String(cString: strerror(errno)))",
        remedy: "make that folder readable for this account")
    }
    let free = (UInt64(status.f_bavail) * UInt64(status.f_frsize)) >> 20
    let found = "\(free / 1024) GiB (\(free) MiB) free under \(home)"
    // The demo's database, checkpoints and images take some 200 MiB.
    return free >= 1024
      ? Finding("disk", found)
      : Finding(
        "disk", found,
        remedy:
          "free 1 GiB, or pra down, move \(home) to a larger disk and name its new place in PRA_HOME"
      )
  }

  private func processor() -> Finding {
    let text = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix("flags") } ?? ""
    let flags = Set(line.split(separator: " ").map(String.init))
    let sets = ["avx2", "fma", "avx512f", "avx512_bf16"].filter { flags.contains($0) }
    return Finding(
      "processor",
      "\(Processors.usable()), \(sets.isEmpty ? "no AVX2: training is slow" : sets.joined(separator: " "))"
    )
  }
}

/// The result of a check.
struct Finding {
  let name: String
  let found: String
  /// Nil if all is well.
  let remedy: String?

  init(_ name: String, _ found: String, remedy: String? = nil) {
    (self.name, self.found, self.remedy) = (name, found, remedy)
  }

  var lines: [String] {
    guard let remedy else { return ["ok     \(name): \(found)"] }
    return ["FAULT  \(name): \(found)", "       remedy: \(remedy)"]
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
    Library(file: "libcairo.so.2", package: "libcairo2"),
    Library(file: "libmicrohttpd.so.12", package: "libmicrohttpd12"),
    Library(file: "libpangocairo-1.0.so.0", package: "libpangocairo-1.0-0"),
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
