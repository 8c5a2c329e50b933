// `pra dashboard`: starts the server of the pages.

import ArgumentParser
import Configuration
import Foundation
import Postgres

struct Dashboard: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Serve pages that show runs, queue and workers in a browser.",
    discussion: """
      Prints one address, with a token that lets its reader in, and serves until it is stopped. It reads, and changes \
      nothing unless --actions is given. From another machine: ssh -L 8700:127.0.0.1:8700 HOST, with --listen \
      127.0.0.1:8700 there.
      Example: pra dashboard
      Example: pra dashboard --listen unix:/run/pra/dashboard --user-header X-Remote-User --host runs.example.org
      """)

  @Option(help: "An IPv4 address and a port, 0 for any; or unix:PATH.") var listen = "127.0.0.1:0"
  @Option(help: "A further name under which it is reached, as through a proxy; may be repeated.")
  var host: [String] = []
  @Option(help: "A file with the token, instead of a fresh one at each start.") var tokenFile:
    String?
  @Option(
    help: "A header in which a proxy names the user; on a Unix socket, or with --trusted-proxy.")
  var userHeader: String?
  @Option(help: "The address of the proxy whose --user-header is believed.") var trustedProxy:
    String?
  @Flag(help: "Let people cancel, retry, pause, resume, preempt, drain and set priorities.")
  var actions = false
  @Option(
    help:
      "A file of lines user = read, submit or operate; without it everybody who is let in may operate."
  )
  var actors: String?

  func validate() throws {
    guard actors == nil || actions else { throw ValidationError("--actors needs --actions") }
    guard actors == nil || userHeader != nil else {
      throw ValidationError("--actors needs --user-header, which names the user")
    }
  }

  func run() throws {
    let program = "\(Executables.folder)/pra-dashboard"
    guard FileManager.default.isExecutableFile(atPath: program) else {
      throw Failure(
        message:
          "\(program) is missing; build it with swift build -c release --product pra-dashboard")
    }
    // The schema must be one that this program knows.
    _ = try Database.connect(.read)
    setenv("PRA_DATABASE_URL", try Database.url(.read).conninfo, 1)
    if actions { setenv("PRA_SUBMIT_URL", try Database.url(.submit).conninfo, 1) }
    var words = [program, "--listen", listen, "--version-name", codeVersion]
    for name in host { words += ["--host", name] }
    for (option, value) in [
      ("--token-file", tokenFile), ("--user-header", userHeader), ("--trusted-proxy", trustedProxy),
      ("--actors", actors), ("--actions", actions ? "yes" : nil),
    ] {
      if let value { words += [option, value] }
    }
    let arguments = words.map { strdup($0) } + [nil]
    execv(program, arguments)
    throw Failure(message: "\(program): \(String(cString: strerror(errno)))")
  }
}
