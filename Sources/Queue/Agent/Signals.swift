// Turns SIGTERM and SIGINT into events of a thread.

import Glibc
import Synchronization

/// The descriptor that the signal handler writes to; a handler can capture nothing.
private let signalDescriptor = Atomic<Int32>(-1)

/// Handles the two signals while it lives. Only one may exist in a process.
final class Signals: Sendable {
  private let wakeUp = WakeUp()
  private let ended = Atomic(false)
  private let before: [(number: Int32, action: sigaction)]

  init() {
    signalDescriptor.store(wakeUp.signalDescriptor, ordering: .sequentiallyConsistent)
    // The parent process may have blocked them: a signal mask survives exec.
    var taken = sigset_t()
    sigemptyset(&taken)
    sigaddset(&taken, SIGTERM)
    sigaddset(&taken, SIGINT)
    pthread_sigmask(SIG_UNBLOCK, &taken, nil)
    before = [SIGTERM, SIGINT].map { number in
      var action = sigaction()
      action.__sigaction_handler.sa_handler = { _ in
        let saved = errno
        WakeUp.signal(signalDescriptor.load(ordering: .sequentiallyConsistent))
        errno = saved
      }
      action.sa_flags = SA_RESTART
      var old = sigaction()
      sigaction(number, &action, &old)
      return (number, old)
    }
  }

  /// Calls `body` for each signal until `end`.
  func watch(_ body: () -> Void) {
    while true {
      wakeUp.wait()
      if ended.load(ordering: .sequentiallyConsistent) { return }
      body()
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
