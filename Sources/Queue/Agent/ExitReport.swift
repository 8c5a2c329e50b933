// The meaning of a stage's end for its job.

import Glibc
import JobQueue

/// The report about an attempt that ended, unless its stage committed it.
struct ExitReport: Sendable, Equatable {
  let `class`: ExitClass
  let message: String?
  let code: Int32?
  let signal: Int32?
  let cause: ExitCause

  /// Whether the host lacks something that its other jobs need as well. What a job says that its own program lacks is
  /// believed for this job only: a typing error of one user must not stop the worker for all.
  var isLackOfAll: Bool {
    cause == .notStarted || cause == .host && code != StageExit.unfit.rawValue
  }

  /// - Parameters:
  ///   - reason: the reason why the agent stopped it, if it did
  ///   - error: the stage's last line that began with `error: `, without that prefix
  init(end: ProcessEnd, reason: StopReason?, error: String?) {
    switch end {
    case .code(let code): (self.code, signal) = (code, nil)
    case .signal(let signal): (code, self.signal) = (nil, signal)
    case .outOfMemory, .outOfProcessorTime: (code, signal) = (nil, 9)
    }
    cause =
      switch (reason, end) {
      case (.lost, _), (nil, .code(StageExit.leaseLost.rawValue)): .leaseLost
      case (.timedOut, _): .timeLimit
      case (.cancelled, _): .asked
      case (.drained, .signal(9)), (.preempted, .signal(9)): .asked
      case (.drained, _) where end.isStop, (.preempted, _) where end.isStop,
        (nil, _) where end.isStop:
        .asked
      case (_, .code(StageExit.peerLost.rawValue)): .peerLost
      case (_, .code(StageExit.host.rawValue)), (_, .code(StageExit.unfit.rawValue)): .host
      case (_, .code(let code)) where Self.unrunnable.contains(code): .notStarted
      case (_, .code): .exitCode
      case (_, .signal): .signal
      case (_, .outOfMemory): .outOfMemory
      case (_, .outOfProcessorTime): .host
      }
    switch reason {
    case .lost: (`class`, message) = (.lost, "the worker's lease was over")
    case .cancelled: (`class`, message) = (.cancelled, "cancelled while it ran")
    case .timedOut: (`class`, message) = (.timeout, "over its time limit")
    case .drained, .preempted:
      let why = reason == .drained ? "the worker was asked to leave" : "preempted"
      // A stage that fails for its own reason after it was asked to stop has failed.
      switch end {
      case _ where end.isStop: (`class`, message) = (.released, why)
      case .signal(9): (`class`, message) = (.released, "\(why) and the stage did not stop in time")
      default: (`class`, message) = Self.unasked(end, error)
      }
    case nil: (`class`, message) = Self.unasked(end, error)
    }
  }

  /// The report about a stage that could not be started.
  init(notStarted error: AgentError) {
    (`class`, message, code, signal) = (.fault, error.description, nil, nil)
    cause = .notStarted
  }

  /// The codes with which a shell and the dynamic linker say that a program cannot run; no stage
  /// ends with them.
  private static let unrunnable: Set<Int32> = [126, 127]

  private static func unasked(_ end: ProcessEnd, _ error: String?) -> (ExitClass, String) {
    switch end {
    case .code(StageExit.finished.rawValue):
      (.fault, "the stage ended without having committed anything")
    case .code(StageExit.permanent.rawValue):
      (.permanent, error ?? "the stage refused its input and did not say why")
    case .code(StageExit.released.rawValue):
      (.released, "the stage was asked to stop by a signal that its agent did not send")
    case .signal(let signal) where end.isStop:
      (.released, "the stage was stopped by signal \(signal) (\(name(of: signal)))")
    case .code(StageExit.peerLost.rawValue):
      (.released, error ?? "another rank of its gang was lost")
    case .code(let code) where unrunnable.contains(code):
      (.fault, error ?? "the stage's program cannot run (code \(code))")
    case .code(StageExit.leaseLost.rawValue):
      (.lost, error ?? "the stage lost its lease")
    case .code(let code): (.fault, error ?? "the stage ended with code \(code)")
    case .signal(let signal):
      (.fault, "the stage was ended by signal \(signal) (\(name(of: signal)))")
    case .outOfMemory: (.fault, "the stage was killed because the machine ran out of memory")
    case .outOfProcessorTime(let seconds):
      (
        .fault,
        "the stage used the \(seconds) s of processor time that this worker's processes may have "
          + "(ulimit -t)"
      )
    }
  }

  /// signal(7); the numbers of Linux on x86-64 and arm64.
  private static func name(of signal: Int32) -> String {
    let names: [Int32: String] = [
      1: "hang-up", 2: "interrupt", 3: "quit", 4: "illegal instruction", 5: "trap", 6: "abort",
      7: "bus error", 8: "arithmetic error", 9: "kill", 10: "user signal 1",
      11: "segmentation fault", 12: "user signal 2", 13: "broken pipe", 14: "alarm",
      15: "termination", 24: "processor time", 25: "file size", 30: "power failure",
      31: "bad system call",
    ]
    return names[signal] ?? "unknown"
  }
}

extension ProcessEnd {
  /// Whether the stage ended because it was asked to: with a checkpoint, or at once by a signal that
  /// systemd, Slurm, a terminal or an operator sends to stop what runs. That is no crash, whoever was
  /// asked first, the agent or the stage.
  var isStop: Bool {
    switch self {
    case .code(let code): code == StageExit.released.rawValue
    case .signal(let signal): [SIGHUP, SIGINT, SIGUSR1, SIGUSR2, SIGTERM].contains(signal)
    case .outOfMemory, .outOfProcessorTime: false
    }
  }
}
