// The processors that this process may use: a container or a Slurm job has fewer than the machine.

import FoundationEssentials
import Threads

/// A number of threads that this process can run at once, and the reason for it.
package struct Processors: Sendable, Equatable, CustomStringConvertible {
  /// Processors in the affinity mask, sched_getaffinity(2).
  let allowed: Int
  /// Processor time for each second, as the control groups limit it; nil without a limit.
  let quota: Double?

  /// One thread at least; a part of a processor counts as one.
  package var threads: Int {
    guard let quota else { return allowed }
    return max(1, min(allowed, Int(quota.rounded(.up))))
  }

  package var description: String {
    let count = threads == 1 ? "1 thread" : "\(threads) threads"
    guard let quota, quota < Double(allowed) else { return count }
    return
      "\(count) (its control group allows \((quota * 100).rounded() / 100) of \(allowed) processors)"
  }

  package static func usable() -> Processors {
    Processors(
      allowed: allowedProcessors(),
      quota: quota { try? String(contentsOfFile: $0, encoding: .utf8) })
  }

  /// The least quota of the process's control group and of those above it, cgroups(7): version 2 has
  /// it in `cpu.max`, version 1 in two files of the controller `cpu`.
  /// - Parameter read: returns the text of a file, nil where there is none
  static func quota(_ read: (String) -> String?) -> Double? {
    var least: Double?
    for group in groups(read) {
      var folder = group.folder
      while true {
        if let quota = group.isUnified ? unified(folder, read) : divided(folder, read) {
          least = min(least ?? quota, quota)
        }
        guard folder != group.mount, let slash = folder.lastIndex(of: "/") else { break }
        folder = String(folder[..<slash])
      }
    }
    return least
  }

  private struct Group {
    let isUnified: Bool
    /// The mount point of its hierarchy, where the walk upwards ends.
    let mount: String
    let folder: String
  }

  private static func groups(_ read: (String) -> String?) -> [Group] {
    // "0::/path" in version 2, "4:cpu,cpuacct:/path" in version 1.
    let lines = (read("/proc/self/cgroup") ?? "").split(separator: "\n")
      .map { $0.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false) }
      .filter { $0.count == 3 }
    let mounts = (read("/proc/self/mountinfo") ?? "").split(separator: "\n").compactMap {
      Mount($0)
    }
    return lines.compactMap { line in
      let isUnified = line[1].isEmpty
      guard isUnified || line[1].split(separator: ",").contains("cpu"),
        let mount = mounts.first(where: {
          isUnified ? $0.type == "cgroup2" : $0.type == "cgroup" && $0.options.contains("cpu")
        })
      else { return nil }
      // In a container without a namespace of its own the mount shows a part of the hierarchy.
      var path = String(line[2])
      if mount.root != "/", path == mount.root || path.hasPrefix(mount.root + "/") {
        path = String(path.dropFirst(mount.root.count))
      }
      if path == "/" || path.hasPrefix("/..") { path = "" }
      return Group(isUnified: isUnified, mount: mount.point, folder: mount.point + path)
    }
  }

  /// A line of mountinfo, proc(5): ... root point options ... - type source options.
  private struct Mount {
    let root: String
    let point: String
    let type: String
    let options: [Substring]

    init?(_ line: Substring) {
      let words = line.split(separator: " ")
      guard let dash = words.firstIndex(of: "-"), dash >= 6, words.count > dash + 3 else {
        return nil
      }
      (root, point, type) = (String(words[3]), String(words[4]), String(words[dash + 1]))
      options = words[dash + 3].split(separator: ",")
    }
  }

  private static func unified(_ folder: String, _ read: (String) -> String?) -> Double? {
    let words = (read("\(folder)/cpu.max") ?? "").split { $0 == " " || $0 == "\n" }
    guard words.count == 2, let quota = Double(words[0]), let period = Double(words[1]), period > 0
    else { return nil }  // "max": no limit
    return quota / period
  }

  private static func divided(_ folder: String, _ read: (String) -> String?) -> Double? {
    func number(_ name: String) -> Double? {
      read("\(folder)/\(name)").flatMap { Double($0.filter { !$0.isWhitespace }) }
    }
    guard let quota = number("cpu.cfs_quota_us"), let period = number("cpu.cfs_period_us"),
      quota > 0, period > 0
    else { return nil }  // -1: no limit
    return quota / period
  }
}
