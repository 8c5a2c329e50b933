// Signals that ask a stage to stop, as the line of its agent does.

import Glibc
import Synchronization

/// The signals that systemd, Slurm, a terminal and an operator send: to the agent alone, to a stage
/// alone, or to all processes at once, in any order. The first asks for a checkpoint and an end; a second SIGTERM or
/// SIGINT ends the process at once.
enum StopSignals {
  /// Number of the latest signal; 0 before the first.
  static let number = Atomic<Int32>(0)

  /// SIGHUP also comes beside SIGTERM (SendSIGHUP of systemd.kill(5)), and SIGUSR1 or SIGUSR2
  /// before the limit of a Slurm job (`sbatch --signal`): none of them means "at once".
  private static let all = [SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2]

  private static let isUrgent = Atomic(false)

  /// Takes them from now on.
  static func take() {
    // A line for an agent that was killed must not end the stage before it has ended what it started.
    signal(SIGPIPE, SIG_IGN)
    // Where a file may grow no further (`ulimit -f`), write(2) then fails with EFBIG and the stage says so,
    // instead of ending without a word, which would look like a crash.
    signal(SIGXFSZ, SIG_IGN)
    for number in all {
      var action = sigaction()
      action.__sigaction_handler.sa_handler = { number in
        StopSignals.number.store(number, ordering: .relaxed)
        guard number == SIGTERM || number == SIGINT,
          StopSignals.isUrgent.exchange(true, ordering: .relaxed)
        else { return }
        signal(number, SIG_DFL)
        raise(number)  // once this handler has returned
      }
      action.sa_flags = SA_RESTART
      sigaction(number, &action, nil)
    }
  }
}
