// A thread of its own for work that blocks: libpq, waiting for a process, reading a pipe.

import Glibc

/// A running thread. Liveness must not depend on the cooperative pool, which compute may block.
package struct DedicatedThread: Sendable {
  private let handle: pthread_t

  /// Starts it.
  /// - Parameter name: shown by ps and debuggers, 15 bytes at most
  package init(_ name: String, _ body: @escaping @Sendable () -> Void) {
    let box = Unmanaged.passRetained(Body(name: name, run: body))
    var handle = pthread_t()
    let error = pthread_create(
      &handle, nil,
      { context in
        let body = Unmanaged<Body>.fromOpaque(context!).takeRetainedValue()
        // pthread_setname_np is not visible to Swift; a name that does not stick harms nobody.
        let comm = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
        if comm >= 0 {
          _ = write(comm, body.name, body.name.utf8.count)
          close(comm)
        }
        body.run()
        return nil
      }, box.toOpaque())
    precondition(error == 0, "thread \(name): \(String(cString: strerror(error)))")
    self.handle = handle
  }

  /// Waits for its end. Once, by one thread.
  package func join() { pthread_join(handle, nil) }

  private final class Body: Sendable {
    let name: String
    let run: @Sendable () -> Void

    init(name: String, run: @escaping @Sendable () -> Void) {
      self.name = String(name.prefix(15))
      self.run = run
    }
  }
}
