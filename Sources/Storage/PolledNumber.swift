import Synchronization

/// A number that is asked for now and then, for metrics.
public final class PolledNumber: Sendable {
  private enum Life {
    case idle
    case running(Task<Void, Never>)
    case stopped
  }
  private let life = Mutex(Life.idle)
  private let newest = Mutex<Int?>(nil)
  private let period: Duration
  private let sleep: @Sendable (Duration) async throws -> Void
  private let ask: @Sendable () async throws -> Int?

  /// `period`: between two questions; zero asks never. `sleep` throws on cancellation only. `ask`: nil for what has no
  /// such number.
  public init(
    every period: Duration,
    sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) },
    ask: @escaping @Sendable () async throws -> Int?
  ) {
    self.period = period
    self.sleep = sleep
    self.ask = ask
  }

  /// The last answer; -1 where the last question failed, nil where there is none (yet).
  public var value: Int? { newest.withLock { $0 } }

  /// Asks at once, and again and again. Idempotent.
  public func start() {
    guard period > .zero else { return }
    life.withLock { life in
      guard case .idle = life else { return }
      life = .running(
        Task { [self] in
          while !Task.isCancelled {
            let answer: Int?
            do { answer = try await ask() } catch { answer = -1 }
            newest.withLock { $0 = answer }
            // Some time more or less, so that many numbers are not asked for at one moment.
            do { try await sleep(period * Double.random(in: 1...1.5)) } catch { return }
          }
        })
    }
  }

  /// Returns when nothing is asked any more. Idempotent.
  public func stop() async {
    let running: Task<Void, Never>? = life.withLock { life in
      defer { life = .stopped }
      if case .running(let task) = life { return task }
      return nil
    }
    running?.cancel()
    await running?.value
  }
}
