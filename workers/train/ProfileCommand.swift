// `pra-train --profile FILE`: the time of a training step, operation by operation, without a queue.

import Configuration
import Files
import FoundationEssentials
import StageInputs
import StageKit
import Training

#if canImport(Glibc)
  import Glibc
#endif

/// Measures training steps of a run file on random images and prints a table.
struct ProfileCommand {
  static let usage = """
    pra-train --profile FILE [--set key=value]... [--threads N] [--steps N]
    Makes N training steps (3) of the run file FILE on random images, with N threads (all that this \
    process may use), and prints time, floating-point operations and bytes of each operation beside \
    the machine's limits.
    """
  private var file: String?
  private var settings: [Override] = []
  private var threads = ProcessInfo.processInfo.activeProcessorCount
  private var steps = 3

  /// Ends the process if the command line asks for a profile. Otherwise an agent has started it.
  static func runIfAsked(_ arguments: [String]) {
    guard let first = arguments.dropFirst().first else { return }
    do {
      if ["--help", "-h"].contains(first) {
        say(usage)
        exit(0)
      }
      guard first == "--profile" else {
        throw ConfigurationError("\(first): unknown option; expected --profile or --help")
      }
      try ProfileCommand(arguments.dropFirst(2)).run()
      exit(0)
    } catch {
      let line = Array("error: \(error)\n".utf8)
      _ = write(STDERR_FILENO, line, line.count)
      exit(error is PermanentFailure || error is any BadInput ? 2 : 1)
    }
  }

  private init(_ arguments: ArraySlice<String>) throws {
    var words = arguments
    while let word = words.popFirst() {
      guard word.hasPrefix("-") else {
        guard file == nil else {
          throw ConfigurationError("\(word): a second file; one run file is profiled")
        }
        file = word
        continue
      }
      guard ["--set", "--threads", "--steps"].contains(word) else {
        throw ConfigurationError(
          "\(word): unknown option; expected --set, --threads or --steps")
      }
      guard let value = words.popFirst() else {
        throw ConfigurationError("\(word): has no value")
      }
      switch word {
      case "--set": settings.append(try Override(value))
      case "--threads": threads = try Self.number(word, value, 4096)
      default: steps = try Self.number(word, value, 100_000)
      }
    }
  }

  private static func number(_ option: String, _ value: String, _ most: Int) throws -> Int {
    guard let number = Int(value), 1...most ~= number else {
      throw ConfigurationError("\(option): found '\(value)', expected a number from 1 to \(most)")
    }
    return number
  }

  private func run() throws {
    guard let file else {
      throw ConfigurationError("--profile: no run file given; expected pra-train --profile FILE")
    }
    let plan = try RunFile(path: file, overrides: settings) { start in
      guard start.run.isEmpty else {
        throw ConfigurationError(
          "init.run: is in a database, which this command does not ask; expected init.file, as of pra "
            + "export checkpoint")
      }
      return try CheckpointArchive(path: start.file).state?.config
    }
    let arm = plan.arms[0]
    let configuration = arm.configuration
    // The number of classes is that of the data set, which is not read: one row of a table each.
    let classes = configuration.classes ?? 1000
    let device = try computingDevice(threads: threads)
    let training = try SyntheticTraining(configuration, classes: classes, on: device)
    let (image, batch) = (configuration.image, configuration.training.batch)
    say(
      """
      \(plan.arms.count > 1 ? "\(arm.name), the first of \(plan.arms.count) configurations: " : "")\
      \(configuration.method.rawValue), \(counted(training.trainer.model.parameters.elementCount, "parameter")), \
      \(counted(steps, "step")) of \(batch) random images of \(image.size) x \(image.size) in \(counted(classes, "class", "classes")), \
      \(configuration.training.precision.rawValue), \(threads) threads
      """)
    say(try training.profile(steps: steps))
  }
}
