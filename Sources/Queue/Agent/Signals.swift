// SIGTERM and SIGINT as events of a thread.

import Glibc
import Synchronization

/// Where the handler writes; a handler can capture nothing.
private let signalDescriptor = Atomic<Int32>(-1)

/// Takes the two signals over for as long as it lives; one at a time in a process.
final class Signals: Sendable {
  private let wakeUp = WakeUp()
  private let ended = Atomic(false)
  private let before: [(number: Int32, action: sigaction)]

  init() {
    signalDescriptor.store(wakeUp.signalDescriptor, ordering: .sequentiallyConsistent)
    // Whoever started this program may have blocked them: a mask survives exec.
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

  /// Calls `body` for each signal, until the end.
  func watch(_ body: () -> Void) {
    while true {
      wakeUp.wait()
      if ended.load(ordering: .sequentiallyConsistent) { return }
      body()
    }
  }

  /// Restores what was before.
  func end() {
    for (number, action) in before {
      var action = action
      sigaction(number, &action, nil)
    }
    ended.store(true, ordering: .sequentiallyConsistent)
    wakeUp.signal()
  }
}
