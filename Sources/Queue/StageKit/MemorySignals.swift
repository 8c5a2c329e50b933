// The end of a stage that got no more memory, which the Swift runtime reports by a trap and no word.

import Files
import Glibc
import JobQueue

/// The signals by which a process ends itself.
///
/// The runtime traps at once where malloc(3) fails, and that has set `errno` to ENOMEM. So a trap with this number is
/// a lack of the host (`ulimit -v`, a full machine), which ends with the code of one; any other trap stays a crash.
enum MemorySignals {
  /// The sentence for the agent, made while there is memory.
  nonisolated(unsafe) private static var sentence: (start: UnsafeMutablePointer<CChar>, count: Int)?

  /// Takes them from now on.
  static func take() {
    let words = "error: out of memory\(limit)\n"
    sentence = strdup(words).map { ($0, words.utf8.count) }
    for number in [SIGILL, SIGTRAP, SIGABRT] {
      var action = sigaction()
      action.__sigaction_handler.sa_handler = { number in
        guard errno == ENOMEM, let sentence = MemorySignals.sentence else {
          signal(number, SIG_DFL)
          raise(number)
          return
        }
        _ = write(STDERR_FILENO, sentence.start, sentence.count)
        _exit(StageExit.host.rawValue)
      }
      // The number is blocked while its handler runs, and `raise` shall end the process there.
      action.sa_flags = SA_NODEFER
      sigaction(number, &action, nil)
    }
  }

  private static var limit: String {
    var most = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &most) == 0,
      most.rlim_cur < rlim_t(Int64.max)
    else { return "" }
    return ": ulimit -v allows \(most.rlim_cur >> 20) MiB in all"
  }
}
