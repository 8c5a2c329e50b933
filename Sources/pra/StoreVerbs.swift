// `pra store`: the place of artifacts.

import ArgumentParser
import Files
import Foundation
import Postgres
import RunStore

struct Store: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show where artifacts are stored, set where new large ones go, verify what is there.",
    discussion: """
      A location is database, file:/folder that all machines share, or \
      s3://bucket/prefix?endpoint=https://host&region=name&ca=/path/of/authority.pem. Old artifacts stay \
      where they are. Each host has its own keys: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and \
      AWS_SESSION_TOKEN), or AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN, or the profile AWS_PROFILE in \
      ~/.aws/credentials, which are read again when they have expired; the database never holds them. \
      What the location leaves out is taken from AWS_REGION, AWS_ENDPOINT_URL and AWS_CA_BUNDLE.
      Example: pra store file:/srv/pra-artifacts
      """,
    subcommands: [StoreUse.self, StoreVerify.self, StoreForget.self],
    defaultSubcommand: StoreUse.self)
}

struct StoreUse: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "use",
    abstract: "Show the stores, or choose the one that new large artifacts go to (the default).",
    discussion: """
      A store belongs to one database: the first that uses it writes pra-store.json into it, and every \
      writer and pra gc compare it. A folder must be empty and yours, a prefix empty. A database that was \
      restored or cloned from another one is another database: --take-over gives it the store, and the \
      other one can write and delete there no longer.
      Example: pra store use file:/srv/pra-artifacts
      """)

  @Argument(help: "Where new artifacts above 64 KiB are stored.") var location: String?
  @Flag(help: "Take a store that belongs to another database, whose place this one takes.")
  var takeOver = false
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard !takeOver || location != nil && location != "database" else {
      throw ValidationError("--take-over: name the store, as in file:/srv/pra-artifacts")
    }
    try location.map(requireLocation)
  }

  func run() throws {
    if let location {
      var mark: String?
      if location != "database" {
        var store = try Database.store(.owner, patience: .probe())
        // A store that cannot write, read back and delete now would fail every job later.
        mark = try reportingStores { try store.claim(location, takingOver: takeOver) }
      }
      try Database.connect(.owner).query(
        Queries.useStore, [.text(location), .optional(mark) { .text($0) }])
    }
    try Database.connect(.read).show(Queries.storeTable, rows: Queries.stores, [], output)
  }
}

struct StoreVerify: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Read everything that the stores hold, and name what is damaged or missing.",
    discussion: """
      Prints each artifact whose bytes do not read, what it belongs to, and how it comes back: whoever has \
      the bytes stores them anew. After a restore from a backup it names what lies in a store and is of no row, too. \
      Nothing is deleted. Exits with 1 if something is damaged or missing, or if a store cannot be asked.
      Example: pra store verify
      """)

  @Flag(help: "Print JSON.") var json = false

  func run() throws {
    var store = try Database.store(.owner)
    let found = try reportingStores { try store.verify() }
    if json {
      print(found.json)
    } else {
      print(
        "\(counted(found.artifacts, "artifact")) read, \(ByteCount.both(found.bytes)) outside of rows"
      )
      for suspect in found.suspects { for line in suspect.lines { print(line) } }
      for object in found.superfluous.prefix(20) {
        print("superfluous: \(object.location): \(object.name), \(ByteCount.both(object.size))")
      }
      if !found.superfluous.isEmpty {
        let bytes = found.superfluous.reduce(0) { $0 + $1.size }
        print(
          "\(counted(found.superfluous.count, "superfluous object")), \(ByteCount.both(bytes)), which no row of this database names: the work "
            + "done again takes them as they are; what nobody wants any more can be deleted by hand"
        )
      }
      for (location, reason) in found.away { print("not asked: \(location): \(reason)") }
    }
    let (damaged, away) = (found.suspects.count, found.away.count)
    guard damaged > 0 || away > 0 else { return }
    throw Failure(
      message: [
        damaged > 0 ? "\(damaged) artifact\(damaged == 1 ? " does" : "s do") not read" : nil,
        away > 0 ? "\(counted(away, "store")) cannot be asked" : nil,
      ].compactMap { $0 }.joined(separator: ", "))
  }
}

struct StoreForget: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "forget",
    abstract: "Forget a store that is gone.",
    discussion: """
      The store is not asked, and what lies in it stays. It must not be the one that new artifacts go to. \
      Where artifacts that something needs lie only there, the number is printed and nothing happens without \
      --lose-artifacts; stored again, a lost artifact is whole again.
      Example: pra store forget s3://models/old?endpoint=https://minio.lab:9000
      """)

  @Argument(help: "Location of the store, as pra store shows it.") var location: String
  @Flag(help: "Forget it though artifacts that something needs lie only there.")
  var loseArtifacts = false

  func validate() throws { try requireLocation(location) }

  func run() throws {
    let row: Row
    do {
      row = try Database.connect(.owner).query(
        Queries.forgetStore, [.text(location), .boolean(loseArtifacts)]
      ).single()
    } catch let error as PostgresError where error.sqlState == "PR006" {
      throw Failure(
        message: "\(error.message); bring it back, or lose them with --lose-artifacts")
    } catch let error as PostgresError where error.sqlState == "PR002" {
      throw NotFound(message: error.message)
    } catch let error as PostgresError where error.sqlState == "PR004" {
      throw Failure(message: "\(error.message), as in `pra store database`")
    }
    let lost = try row.integer("artifacts")
    print("forgotten: \(location)")
    if lost > 0 {
      print(
        "lost with it: \(counted(lost, "artifact")), \(ByteCount.both(try row.integer("bytes"))); pra store verify names them"
      )
    }
  }
}

private func requireLocation(_ text: String) throws {
  guard text == "database" || text.hasPrefix("file:/") || text.hasPrefix("s3://") else {
    throw ValidationError(
      "location '\(text)': expected database, file:/folder or s3://bucket/prefix")
  }
}

/// Reports errors of stores as errors of the command.
private func reportingStores<T>(_ body: () throws -> T) throws -> T {
  do {
    return try body()
  } catch let error where error is StoreError || error is StoreAway {
    throw Failure(message: "\(error)")
  }
}

extension SuspectArtifact {
  fileprivate var lines: [String] {
    ["\(sha256), \(ByteCount.both(size)), \(location): \(reason)"]
      + uses.map { use in
        let run = use.run.map { "run \($0) \(use.runName ?? ""), " } ?? ""
        return "  \(run)job \(use.job) (\(use.kind)): \(use.what)"
      } + ["  remedy: \(remedy)"]
  }

  fileprivate var json: String {
    JSONText.object([
      ("sha256", JSONText.string(sha256)), ("size", String(size)),
      ("location", JSONText.string(location)), ("reason", JSONText.string(reason)),
      (
        "uses",
        JSONText.array(
          uses.map {
            JSONText.object([
              ("run", $0.run.map(String.init) ?? "null"),
              ("run_name", $0.runName.map(JSONText.string) ?? "null"), ("job", String($0.job)),
              ("kind", JSONText.string($0.kind)), ("what", JSONText.string($0.what)),
            ])
          })
      ), ("remedy", JSONText.string(remedy)),
    ])
  }
}

extension Verification {
  fileprivate var json: String {
    JSONText.object([
      ("artifacts", String(artifacts)), ("bytes", String(bytes)),
      ("suspects", JSONText.array(suspects.map(\.json))),
      (
        "superfluous",
        JSONText.array(
          superfluous.map {
            JSONText.object([
              ("location", JSONText.string($0.location)), ("object", JSONText.string($0.name)),
              ("size", String($0.size)),
            ])
          })
      ),
      (
        "away",
        JSONText.array(
          away.map {
            JSONText.object([
              ("location", JSONText.string($0.location)), ("reason", JSONText.string($0.reason)),
            ])
          })
      ),
    ])
  }
}
