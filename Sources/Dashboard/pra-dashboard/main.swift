// The dashboard's server. `pra dashboard` starts it, and gives it the database's addresses in the environment.

import FoundationEssentials
import Glibc
import JobQueue
import Pages
import Postgres
import RunStore

/// The arguments, each a name and a value.
struct Arguments {
  private var values: [String: [String]] = [:]
  static let names = [
    "--listen", "--host", "--token-file", "--user-header", "--trusted-proxy", "--actions",
    "--actors", "--version-name",
  ]

  init(_ words: ArraySlice<String>) throws(StartFault) {
    var rest = words
    while let name = rest.popFirst() {
      guard Self.names.contains(name), let value = rest.popFirst() else {
        throw StartFault(
          message: "\(name): expected \(Self.names.joined(separator: ", ")), each with a value")
      }
      values[name, default: []].append(value)
    }
  }

  subscript(name: String) -> String? { values[name]?.last }
  func all(_ name: String) -> [String] { values[name] ?? [] }
}

func contents(of path: String, _ option: String) throws(StartFault) -> String {
  guard let bytes = FileManager.default.contents(atPath: path) else {
    throw StartFault(message: "\(option) \(path): cannot be read")
  }
  return String(decoding: bytes, as: UTF8.self)
}

/// Checks the options together: an address that others reach needs to know who asks.
func gate(_ arguments: Arguments, _ listening: Listening, shown: String) throws(StartFault) -> Gate
{
  let header = arguments["--user-header"]
  var token = Gate.freshToken()
  if let path = arguments["--token-file"] {
    token =
      try contents(of: path, "--token-file").split(whereSeparator: \.isWhitespace).first.map(
        String.init) ?? ""
    guard token.utf8.count >= 16 else {
      throw StartFault(message: "--token-file \(path): expected a token of 16 characters or more")
    }
  }
  var isSocket = false
  if case .unix = listening { isSocket = true }
  let proxy = arguments["--trusted-proxy"]
  if header != nil, !isSocket, proxy == nil {
    throw StartFault(
      message:
        "--user-header: anybody could send it; use --listen unix:PATH, or name the proxy's address with --trusted-proxy"
    )
  }
  let port = shown.split(separator: ":").last.map(String.init) ?? ""
  return Gate(
    hosts: Set(
      ["127.0.0.1", "localhost", "[::1]"] + arguments.all("--host").map { $0.lowercased() }),
    token: token, userHeader: header, trustedProxy: isSocket ? nil : proxy,
    cookieName: isSocket ? "pra" : "pra-\(port)")
}

func site(_ arguments: Arguments, _ gate: Gate) throws -> Site {
  let environment = ProcessInfo.processInfo.environment
  guard let address = environment["PRA_DATABASE_URL"] else {
    throw StartFault(message: "PRA_DATABASE_URL is not set; pra dashboard starts this program")
  }
  let url = try DatabaseURL(address)
  var actors: Actors?
  if let mode = arguments["--actions"], mode == "yes" {
    let roles = try arguments["--actors"].map { path throws(StartFault) in
      try Actors.parse(try contents(of: path, "--actors"), path: path)
    }
    actors = Actors(roles: roles, url: try DatabaseURL(environment["PRA_SUBMIT_URL"] ?? address))
  }
  return Site(
    snapshots: Snapshots(url), gate: gate, assets: Assets(),
    sheets: Sheets {
      ArtifactStore(
        RetryingConnection(
          url: url, role: .read, name: "pra dashboard", giveUp: { true }, report: { _ in }),
        environment: environment)
    }, actors: actors, version: arguments["--version-name"] ?? "")
}

func serve() throws {
  let arguments = try Arguments(CommandLine.arguments.dropFirst())
  let listening = try Listening(arguments["--listen"] ?? "127.0.0.1:0")
  guard listening.isLocal || arguments["--token-file"] != nil || arguments["--user-header"] != nil
  else {
    throw StartFault(
      message:
        "--listen \(arguments["--listen"] ?? ""): other machines reach this address; it needs --token-file, or "
        + "--user-header with a proxy before it")
  }
  // Signals are taken by the main thread alone, which waits for them.
  var signals = sigset_t()
  sigemptyset(&signals)
  for signal in [SIGINT, SIGTERM] { sigaddset(&signals, signal) }
  pthread_sigmask(SIG_BLOCK, &signals, nil)
  signal(SIGPIPE, SIG_IGN)
  let (socket, shown) = try listening.open()
  let gate = try gate(arguments, listening, shown: shown)
  let site = try site(arguments, gate)
  guard
    let server = HTTPServer(
      socket: socket, userHeader: gate.userHeader, answer: { site.reply(to: $0) })
  else {
    throw StartFault(message: "--listen \(shown): libmicrohttpd does not start")
  }
  let isShown = gate.userHeader == nil
  if case .unix = listening {
    print(isShown ? "\(shown) (behind a proxy: /?token=\(gate.token))" : shown)
  } else {
    print("http://\(shown)/\(isShown ? "?token=\(gate.token)" : "")")
  }
  // Nobody could reach pages whose address, with its token, was not told.
  guard fflush(nil) == 0 else {
    let reason = String(cString: strerror(errno))
    server.stop()
    if case .unix(let path) = listening { unlink(path) }
    throw StartFault(message: "standard output: the address cannot be written: \(reason)")
  }
  var signal: Int32 = 0
  sigwait(&signals, &signal)
  server.stop()
  if case .unix(let path) = listening { unlink(path) }
}

do {
  try serve()
} catch {
  let message = (error as? StartFault)?.message ?? "\(error)"
  let line = Array("error: \(message)\n".utf8)
  _ = write(STDERR_FILENO, line, line.count)
  exit(2)
}
