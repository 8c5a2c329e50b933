// CPU time of threads and servers, for costs too small for a clock on a noisy machine.

import Foundation

/// CPU time, from proc(5).
enum Processor {
  /// Fields of a stat file, from the third on.
  private static func fields(_ path: String) -> [Substring]? {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8),
      let end = text.lastIndex(of: ")")
    else { return nil }
    return text[text.index(end, offsetBy: 2)...].split(separator: " ")
  }

  private static func names(_ folder: String) -> [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
  }

  static func parent(of process: Int64) throws -> Int {
    guard let parent = fields("/proc/\(process)/stat").flatMap({ Int($0[1]) }) else {
      throw Failure("no process \(process)")
    }
    return parent
  }

  /// User and system time of a process and its children, including those that have ended.
  static func seconds(ofChildrenOf parent: Int) -> Double {
    var ticks = 0
    for process in names("/proc").compactMap({ Int($0) }) {
      guard let fields = fields("/proc/\(process)/stat") else { continue }
      if process == parent {
        ticks += fields[11...14].compactMap { Int($0) }.reduce(0, +)
      } else if Int(fields[1]) == parent {
        ticks += fields[11...12].compactMap { Int($0) }.reduce(0, +)
      }
    }
    return Double(ticks) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  /// User and system time of the threads of this process with a given name.
  static func seconds(ofThread name: String) -> Double {
    var ticks = 0
    for thread in names("/proc/self/task") {
      let folder = "/proc/self/task/\(thread)"
      guard (try? String(contentsOfFile: "\(folder)/comm", encoding: .utf8)) == "\(name)\n",
        let fields = fields("\(folder)/stat")
      else { continue }
      ticks += fields[11...12].compactMap { Int($0) }.reduce(0, +)
    }
    return Double(ticks) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }
}
