// The wait of tests for what another process or session does.

import Glibc

/// Seconds after which a test gives up, far more than anything takes: a machine may do much else beside a test.
package let longestWait = 180

/// Polls until a condition is true.
///
/// - Throws: `TestTimeout`, and the condition's errors
package func wait(
  seconds: Int = longestWait, line: Int = #line, _ condition: () throws -> Bool
) throws {
  let end = ContinuousClock.now + .seconds(seconds)
  while try !condition() {
    guard ContinuousClock.now < end else { throw TestTimeout(line: line) }
    usleep(5000)
  }
}

/// Tells that something did not happen in time.
package struct TestTimeout: Error {
  /// The line that waited.
  let line: Int

  package init(line: Int = #line) { self.line = line }
}
