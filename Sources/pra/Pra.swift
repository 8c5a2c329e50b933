// The command line: one binary for researchers, operators and analysts.

import ArgumentParser
import Configuration
import Foundation
import Postgres

@main
struct Pra: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pra",
    abstract: "Train, sample and evaluate PRA image models as batch jobs.",
    discussion: """
      With PRA_DATABASE_URL the queue lives in that PostgreSQL database; without it in a private one \
      under $PRA_HOME, which is made and started when it is needed.

      --log-format json, with any verb, makes each line on standard error a JSON object: time, level, message, and for \
      a worker job and attempt.

      Exit codes: 0 done, 1 failed, 2 bad usage or configuration, 3 not found, 4 database unreachable.
      """,
    version: codeVersion,
    groupedSubcommands: [
      CommandGroup(
        name: "Database",
        subcommands: [Up.self, Down.self, ShowDatabase.self, Migrate.self, Doctor.self]),
      CommandGroup(
        name: "Work",
        subcommands: [
          Run.self, Sweep.self, Sample.self, Evaluate.self, Probe.self, Neighbours.self,
          Continue.self,
          Enqueue.self, Schedule.self, Worker.self,
        ]),
      CommandGroup(
        name: "Look",
        subcommands: [
          Runs.self, Jobs.self, ShowJob.self, Why.self, Logs.self, Watch.self, Workers.self,
          Demand.self, Limits.self, Schedules.self, DataSets.self, Checkpoints.self, Config.self,
          Dashboard.self,
        ]),
      CommandGroup(
        name: "Act",
        subcommands: [
          Cancel.self, Retry.self, Pause.self, Resume.self, Preempt.self, SetPriority.self,
          Drain.self,
          Forgive.self, Weight.self,
        ]),
      CommandGroup(
        name: "Order",
        subcommands: [Rename.self, Tag.self, Note.self, ArchiveRuns.self, Delete.self]),
      CommandGroup(
        name: "Results",
        subcommands: [
          Images.self, Plot.self, Compare.self, Evaluations.self, Export.self, SQL.self,
        ]),
      CommandGroup(
        name: "Store", subcommands: [Store.self, GarbageCollection.self]),
      CommandGroup(
        name: "Help", subcommands: [Help.self, Keys.self, Presets.self, Completion.self]),
    ])

  static func main() {
    StandardOutput.occupy()
    // Where a file may grow no further (`ulimit -f`), write(2) then fails with EFBIG and the verb names the file.
    signal(SIGXFSZ, SIG_IGN)
    do {
      try refuseBrokenText()
      let words = try LogFormat.take(from: Array(CommandLine.arguments.dropFirst()))
      try NearestVerb.check(words.first)
      var command = try parseAsRoot(JobsOrRun.joined(words))
      try command.run()
      StandardOutput.close()
    } catch {
      Ending(error).exit()
    }
  }

  /// Two arguments that differ in broken bytes alone would be one text: both would name one idempotency key.
  private static func refuseBrokenText() throws {
    for i in 1..<max(1, Int(CommandLine.argc)) {
      guard let word = CommandLine.unsafeArgv[i], String(validatingCString: word) == nil else {
        continue
      }
      throw ValidationError("argument \(i), '\(String(cString: word))': is not UTF-8 text")
    }
  }
}

/// The exit codes of `pra`: done, failed, bad usage, not found, database unreachable.
enum ExitStatus: Int32 {
  case done = 0
  case failed = 1
  case usage = 2
  case notFound = 3
  case unreachable = 4
}

/// The command line names something that does not exist.
struct NotFound: Error {
  let message: String
}

/// The command was right, but could not be carried out.
struct Failure: Error {
  let message: String
}

/// The message and the exit code for an error.
struct Ending {
  private let status: ExitStatus
  private let message: String
  private let isHelp: Bool

  init(_ error: any Error) {
    var (status, message, isHelp) = (ExitStatus.failed, "\(error)", false)
    switch error {
    case let error as PostgresError where error.refusesLogin:
      (status, message) = (
        .usage, "the database refuses the login: \(error.message); \(Self.loginRemedy(error))"
      )
    case let error as PostgresError where error.lacksDatabase:
      (status, message) = (
        .usage,
        "\(error.message); make it with createdb and then pra migrate, or correct PRA_DATABASE_URL"
      )
    case let error as PostgresError where error.isUnreachable:
      (status, message) = (.unreachable, "the database is unreachable: \(error.message)")
    case let error as PostgresError:
      status = error.sqlState == "PR002" ? .notFound : .failed
      // A refused argument, and a text that is no query. 42501 is a missing right.
      if error.sqlState == "PR003" { status = .usage }
      if error.sqlState.hasPrefix("42") && error.sqlState != "42501" { status = .usage }
      message = error.description
      if error.isOfServerFiles {
        status = .unreachable
        message +=
          Database.given == nil
          ? "; PostgreSQL was upgraded or lacks a file: pra down, then any command starts it anew with all its data"
          : "; PostgreSQL was upgraded or lacks a file: restart that server, its data stay"
      }
    case let error as ClusterError: (status, message) = (.unreachable, error.description)
    case let error as ConfigurationError: (status, message) = (.usage, error.description)
    case let error as NotFound: (status, message) = (.notFound, error.message)
    case let error as Failure: message = error.message
    case let error as ExitCode:
      (status, message) = (ExitStatus(rawValue: error.rawValue) ?? .failed, "")
    default:
      let code = Pra.exitCode(for: error)
      isHelp = code == .success
      if isHelp {
        (status, message) = (.done, Pra.fullMessage(for: error))
      } else if code == .validationFailure {
        (status, message) = (.usage, Pra.message(for: error))
      }
    }
    (self.status, self.message, self.isHelp) = (status, message, isHelp)
  }

  private static func loginRemedy(_ error: PostgresError) -> String {
    error.sqlState == "28P01"
      ? "correct the password in PRA_DATABASE_URL, PGPASSWORD or ~/.pgpass"
      : "correct the user in PRA_DATABASE_URL, or let the server's administrator admit it (pg_hba.conf)"
  }

  /// The words for an error alone.
  static func text(of error: any Error) -> String { Ending(error).message }

  func exit() -> Never {
    if isHelp {
      printExactly(message)
    } else if !message.isEmpty {
      complain("error: \(message.split(whereSeparator: \.isWhitespace).joined(separator: " "))")
    }
    StandardOutput.close()
    Foundation.exit(status.rawValue)
  }
}
