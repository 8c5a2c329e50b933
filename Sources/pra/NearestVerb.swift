// Words that are no verb: the nearest verb, or the one that does what a word of another tool does.

import ArgumentParser
import Configuration
import Foundation

enum NearestVerb {
  /// Words of Slurm, of ps(1), docker, git and of trackers of experiments, with the verbs that do the same here.
  private static let elsewhere: [String: String] = [
    "status": "runs, jobs or watch", "ps": "jobs", "top": "watch", "ls": "runs", "list": "runs",
    "queue": "jobs", "squeue": "jobs", "sbatch": "run", "srun": "run", "scancel": "cancel",
    "sinfo": "workers",
    "sacct": "jobs", "submit": "run", "train": "run", "start": "run or worker",
    "stop": "cancel or pause", "rm": "delete",
    "kill": "cancel", "show": "job or runs", "info": "job or doctor", "inspect": "job",
    "describe": "job",
    "log": "logs", "tail": "logs", "nodes": "workers", "agent": "worker", "restart": "retry",
    "rerun": "retry",
    "init": "up", "check": "doctor", "version": "--version", "metrics": "plot or export csv",
    "generate": "sample", "draw": "sample", "resume-run": "continue",
    "checkpoint": "checkpoints or export",
    "datasets": "data", "dataset": "data", "experiments": "runs", "params": "config",
    "settings": "config or keys",
    "options": "keys", "fid": "evaluate", "eval": "evaluate",
  ]

  /// - Parameter word: the first argument
  /// - Throws: `ValidationError` unless it is a verb or an option
  static func check(_ word: String?) throws {
    let verbs = Pra.configuration.subcommands.map { $0._commandName }
    guard let word, !word.hasPrefix("-"), !verbs.contains(word) else { return }
    let near =
      elsewhere[word.lowercased()].map { $0.components(separatedBy: " or ") }
      ?? nearest(to: word, among: verbs).map { [$0] } ?? []
    let words = near.flatMap { $0.components(separatedBy: ", ") }.map { "'pra \($0)'" }
    throw ValidationError(
      "there is no verb '\(word)'; "
        + (words.isEmpty
          ? "pra --help lists all"
          : "did you mean \(words.dropLast().joined(separator: ", "))\(words.count > 1 ? " or " : "")\(words.last!)?")
    )
  }
}
