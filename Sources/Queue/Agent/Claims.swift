// The claiming thread: claims jobs, waits for more, and starts them.

import Glibc
import JobQueue
import Logging
import Postgres
import Threads

extension Agent {
  /// Seconds without a claim after a stage was stopped by somebody else than its agent.
  private static let stopPause = 3.0

  /// Claims until the agent shall leave, or has nothing more to do. While it is idle the heartbeat claims in its
  /// place, and this thread has no session.
  func claim(_ connection: inout RetryingConnection, _ scratch: ScratchFolder) {
    while state.read({ $0.phase }) == .working {
      work.drain()
      let (worker, claimer, isDone) = state.read { ($0.worker, $0.claimer, $0.isDone) }
      if isDone { return }
      guard let worker, claimer == .thread else {
        // A new registration wakes this thread, and so does the heartbeat that has claimed something.
        work.wait()
        continue
      }
      guard let next = try? attemptTurn(of: .thread, worker, &connection, scratch) else { continue }
      switch next {
      case .never: return
      case .after(let time):
        if mayRest() {
          connection.close()
          state.update { $0.claimer = .heart }
          heart.signal()
          continue
        }
        if isFullForLong() {
          // Stages that wait for a session would wait for this one for ever.
          connection.close()
          work.wait(seconds: configuration.beat)
          continue
        }
        do {
          try connection.attempt { try $0.wait(.seconds(time), wakeUp: work.descriptor) }
        } catch let error as PostgresError where error.mayPass {
          continue  // the next `run` waits for the server, and ends when the agent shall leave
        } catch {
          fail(AgentError("\(error)"))
        }
      }
    }
  }

  /// A turn, and what follows from its errors; nil if it is to be repeated.
  /// - Throws: for the heartbeat alone, an error that may pass: it beats first
  func attemptTurn(
    of claimer: Claimer, _ worker: Registration, _ connection: inout RetryingConnection,
    _ scratch: ScratchFolder
  ) throws -> NextTurn? {
    do {
      let next = try memory.withLock { try turn(of: claimer, worker, &$0, &connection, scratch) }
      if case .never(let words) = next, !words.isEmpty { logger.notice("\(words)") }
      return next
    } catch let lost as LeaseLost {
      loseLease(of: worker, lost)
    } catch let error as PostgresError where error.mayPass {
      if claimer == .heart { throw error }
    } catch let error as PostgresError where error.isOfValue {
      // A row that no claim can serve must not end what runs.
      logger.warning("nothing is claimed now: \(error)")
      return .after(configuration.beat)
    } catch {
      fail(AgentError("\(error)"))
    }
    return nil
  }

  /// Whether no slot was free for a while, so that a session is needed for one call a beat alone.
  private func isFullForLong() -> Bool {
    memory.withLock { $0.fullSince.map { monotonicSeconds() - $0 >= Self.restAfter } } ?? false
  }

  /// Whether nothing has run for a while, so that the heartbeat can claim as well.
  private func mayRest() -> Bool {
    guard state.read({ $0.attempts.isEmpty }) else { return false }
    return memory.withLock { $0.idleSince.map { monotonicSeconds() - $0 >= Self.restAfter } }
      ?? false
  }

  func start(
    _ job: ClaimedJob, of worker: Registration, _ scratch: ScratchFolder,
    _ connection: inout RetryingConnection
  ) {
    let key = job.lease
    do throws(AgentError) {
      let attempt = try RunningAttempt(
        job: job, configuration: configuration, scratch: scratch, device: freeDevice(for: job))
      state.update { state in
        state.attempts[key] = AgentState.Running(attempt: attempt)
        // The lease was lost, or the agent asked to leave, since the claim.
        if state.worker != worker {
          state.kill(key, because: .lost)
        } else if state.phase > .working {
          state.stop(key, because: .drained, killAt: state.drainEnd)
        }
      }
      logger.info(
        "job \(key.job) (\(job.kind)): attempt \(key.epoch) started", metadata: key.metadata)
      do throws(ThreadError) {
        try attempt.watch { end in self.note(end, of: key) }
      } catch {
        state.update { _ = $0.attempts.removeValue(forKey: key) }
        removeTree(attempt.folder)
        throw AgentError("\(error)")
      }
    } catch {
      pause(for: error.description)
      do {
        try send(ExitReport(notStarted: error), of: key, &connection)
      } catch {
        logger.error("job \(key.job): its end is not reported: \(error)", metadata: key.metadata)
      }
    }
  }

  /// A device that no running stage has, for a job that needs one.
  private func freeDevice(for job: ClaimedJob) throws(AgentError) -> String? {
    guard !configuration.devices.isEmpty, configuration.kindsOfDevices.contains(job.kind) else {
      return nil
    }
    let taken = state.read { Set($0.attempts.values.compactMap(\.attempt.device)) }
    guard let device = configuration.devices.first(where: { !taken.contains($0) }) else {
      throw AgentError("every device is taken: \(configuration.devices.joined(separator: ", "))")
    }
    return device
  }

  private func note(_ end: ProcessEnd, of key: Lease) {
    let isStrange = state.update { state in
      state.attempts[key]?.end = end
      state.attempts[key]?.killAt = nil
      return state.phase == .working && state.attempts[key]?.reason == nil
    }
    // A stop of a stage is often followed by one of its agent, which would stop the next stage at
    // once.
    if isStrange, end.isStop {
      state.update { $0.claimsFrom = monotonicSeconds() + Self.stopPause }
    }
  }
}
