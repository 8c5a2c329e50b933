// Turns the signals that ask the agent to leave into events of a thread.

import Glibc
import Synchronization

/// The descriptor that the signal handler writes to; a handler can capture nothing.
private let signalDescriptor = Atomic<Int32>(-1)

/// Handles SIGTERM, SIGINT, SIGHUP, SIGUSR1 and SIGUSR2 while it lives. Only one may exist in a process.
///
/// SIGHUP is the end of a terminal, which systemd's SendSIGHUP also sends beside SIGTERM, and SIGUSR1
/// or SIGUSR2 what `sbatch --signal` sends before the limit: as a second signal they ask for nothing new.
final class Signals: Sendable {
  private let wakeUp = WakeUp()
  private let ended = Atomic(false)
  private let before: [(number: Int32, action: sigaction)]

  init() {
    signalDescriptor.store(wakeUp.signalDescriptor, ordering: .sequentiallyConsistent)
    let numbers = [SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2]
    // The parent process may have blocked them: a signal mask survives exec.
    var taken = sigset_t()
    sigemptyset(&taken)
    for number in numbers { sigaddset(&taken, number) }
    pthread_sigmask(SIG_UNBLOCK, &taken, nil)
    before = numbers.map { number in
      var action = sigaction()
      action.__sigaction_handler.sa_handler = { number in
        let saved = errno
        WakeUp.signal(
          signalDescriptor.load(ordering: .sequentiallyConsistent),
          UInt8(truncatingIfNeeded: number))
        errno = saved
      }
      action.sa_flags = SA_RESTART
      var old = sigaction()
      sigaction(number, &action, &old)
      // nohup(1) ignores it, and the worker is to survive its terminal.
      if number == SIGHUP, Self.isIgnored(old) { sigaction(number, &old, nil) }
      return (number, old)
    }
  }

  private static func isIgnored(_ action: sigaction) -> Bool {
    unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1  // SIG_IGN
  }

  /// Calls `body` for each signal until `end`.
  ///
  /// SIGTERM and SIGINT mean "at once" when they are repeated. One that comes after another signal is the
  /// first: signals sent together reach threads of a process in any order (signal(7)).
  func watch(_ body: (_ isUrgent: Bool) -> Void) {
    var urgent = 0
    while true {
      let number = Int32(wakeUp.wait())
      if ended.load(ordering: .sequentiallyConsistent) { return }
      if number == SIGTERM || number == SIGINT { urgent += 1 }
      body(urgent > 1)
    }
  }

  /// Restores the earlier handling.
  func end() {
    for (number, action) in before {
      var action = action
      sigaction(number, &action, nil)
    }
    ended.store(true, ordering: .sequentiallyConsistent)
    wakeUp.signal()
  }
}
