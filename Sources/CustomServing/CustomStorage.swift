public import Registry
public import Storage
import Synchronization

/// Where the objects of a custom resource are, and how that ends.
public struct CustomStorage: Sendable {
  /// Makes the storage of a resource, as that of built-in ones is made; its cache need not be filled yet.
  public typealias Maker = @Sendable (ResourceDefinition) async throws -> CustomStorage

  public let storage: ResourceStorage
  public let destroy: DestroyFunc

  public init(_ storage: ResourceStorage, destroy: @escaping DestroyFunc) {
    self.storage = storage
    self.destroy = destroy
  }
}

/// Runs the end of something that several hold when the last of them lets go; once.
final class SharedEnd: Sendable {
  private struct State {
    var holders: Int
    var isOver = false
  }
  private let state: Mutex<State>
  private let end: @Sendable () async -> Void

  init(_ holders: Int, _ end: @escaping @Sendable () async -> Void) {
    state = Mutex(State(holders: holders))
    self.end = end
  }

  /// One holds it no more. Was it the last?
  func release() async -> Bool {
    let isLast = state.withLock { state in
      state.holders -= 1
      guard state.holders <= 0, !state.isOver else { return false }
      state.isOver = true
      return true
    }
    if isLast { await end() }
    return isLast
  }

  /// Whoever holds it.
  func endNow() async {
    let isFirst = state.withLock { state in
      defer { state.isOver = true }
      return !state.isOver
    }
    if isFirst { await end() }
  }
}
