import Cacher
public import Logging
import Metrics
import Registry

extension Controller {
  /// Works until the task is cancelled; then returns when what is at work has ended.
  public func run(_ logger: Logger) async {
    queue.open()
    await withTaskCancellationHandler {
      await withTaskGroup(of: Void.self) { group in
        group.addTask { await follow(logger) }
        for _ in 0..<workers { group.addTask { await work(logger) } }
      }
    } onCancel: {
      queue.shutDown()
    }
    // Cancelled before the handler stood, it has not been shut.
    queue.shutDown()
    await end()
  }

  /// Keeps the sources feeding the queue.
  private func follow(_ logger: Logger) async {
    guard !sources.isEmpty else {
      begin()
      // What it does again and when it says itself.
      while !Task.isCancelled { try? await Task.sleep(for: .seconds(3_600)) }
      return
    }
    var pause = Feeding.pauseMin
    while !Task.isCancelled {
      let start = ContinuousClock.now
      begin()
      await withTaskGroup(of: Void.self) { group in
        for source in sources {
          group.addTask {
            do { try await source.feed(queue) } catch {
              logger.debug(
                "no watch",
                metadata: ["controller": "\(name)", "resource": "\(source.store.info.plural)", "problem": "\(error)"])
            }
          }
        }
        // The first that ends takes the others with it.
        await group.next()
        group.cancelAll()
      }
      if ContinuousClock.now - start > Feeding.pauseMax { pause = Feeding.pauseMin }
      do { try await Task.sleep(for: pause) } catch { return }
      pause = min(pause * 2, Feeding.pauseMax)
    }
  }

  private func work(_ logger: Logger) async {
    while !Task.isCancelled, let key = await queue.next() {
      defer { queue.done(key) }
      if Task.isCancelled { return }
      do {
        let outcome = try await sync(key)
        queue.forget(key)
        if case .again(let delay) = outcome { queue.add(key, after: delay) }
      } catch {
        if Task.isCancelled { return }
        let delay = queue.addLimited(key)
        // The first failures are mostly races, which the next try wins.
        let level: Logger.Level = delay < .seconds(1) ? .debug : .warning
        logger.log(
          level: level, "controller",
          metadata: [
            "controller": "\(name)", "key": "\(key)", "problem": "\(error)", "nextTry": "\(delay.inSeconds)s",
          ])
      }
    }
  }
}

/// How soon sources begin anew.
private enum Feeding {
  static let pauseMin: Duration = .milliseconds(50)
  static let pauseMax: Duration = .seconds(5)
}
