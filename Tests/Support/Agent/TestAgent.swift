// An agent in its own process, for tests that kill and stop it.
//
// test-agent KEY=VALUE...: url, name, stages, queues, slots, lease, beat, drain, idle (true), rest, lifetime, jobs, cache, devices, label.<name>

import Agent
import FoundationEssentials
import Glibc
import Logging
import Postgres
import Threads

@main struct TestAgent {
  static func main() throws {
    var settings: [String: String] = [:]
    for word in CommandLine.arguments.dropFirst() {
      let equals = word.firstIndex(of: "=")!
      settings[String(word[..<equals])] = String(word[word.index(after: equals)...])
    }
    // The agent must not outlive the tests.
    try DedicatedThread("leash") {
      var byte: UInt8 = 0
      while read(STDIN_FILENO, &byte, 1) > 0 {}
      _exit(1)
    }
    let labels = settings.filter { $0.key.hasPrefix("label.") }
    var configuration = AgentConfiguration(
      databaseURL: try DatabaseURL(settings["url"]!), name: settings["name"]!,
      labels: Dictionary(
        uniqueKeysWithValues: labels.map { (String($0.key.dropFirst(6)), $0.value) }),
      queues: (settings["queues"] ?? "default").split(separator: ",").map(String.init),
      kinds: ["test"], slots: Int(settings["slots"] ?? "1")!,
      lease: Double(settings["lease"] ?? "2")!, beat: Double(settings["beat"] ?? "0.5")!,
      drainTime: Double(settings["drain"] ?? "20")!, untilIdle: settings["idle"] == "true",
      cacheQuota: Int64(settings["cache"] ?? "0")!, stageFolder: settings["stages"]!)
    configuration.idleTime = settings["rest"].flatMap { Double($0) }
    configuration.lifetime = settings["lifetime"].flatMap { Double($0) }
    configuration.mostJobs = settings["jobs"].flatMap { Int($0) }
    configuration.devices = settings["devices"]?.split(separator: ",").map(String.init) ?? []
    configuration.kindsOfDevices = ["test"]
    let logger = Logger(label: "agent") { StreamLogHandler.standardError(label: $0) }
    do {
      exit(try Agent(configuration, logger: logger).run())
    } catch {
      logger.error("\(error)")
      exit(2)
    }
  }
}
