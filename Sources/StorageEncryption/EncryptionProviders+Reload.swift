import ByteBuffers
import Capacity
import Machinery
public import Storage
import Synchronization

extension EncryptionProviders {
  /// Looks at the file again and again (`--encryption-provider-config-automatic-reload`) and takes over what has
  /// changed; returns on cancellation. `report` hears of every change that was taken over (nil), and of every new
  /// reason why one was not: then what was in force stays in force.
  public func followChanges(every period: Duration, report: @Sendable (StorageError?) -> Void) async {
    var problem: StorageError?
    while true {
      do { try await Task.sleep(for: period) } catch { return }
      switch await reloadOffThePool() {
      case .success(let hasChanged):
        problem = nil
        if hasChanged { report(nil) }
      case .failure(let error):
        if error != problem { report(error) }
        problem = error
      }
    }
  }

  /// Looks at the file once; returns why a change could not be taken over.
  public func reloadIfChanged() async -> StorageError? {
    if case .failure(let error) = await reloadOffThePool() { return error }
    return nil
  }

  private func reloadOffThePool() async -> Result<Bool, StorageError> {
    await offThePool { Result { () throws(StorageError) in try self.reload() } }
  }
}

/// A transformer that another one may take the place of between two values.
final class ReloadableTransformer: Transformer {
  private let current: Mutex<ProviderList>

  init(_ list: ProviderList) { current = Mutex(list) }

  func replace(with list: ProviderList) { current.withLock { $0 = list } }

  func fromStorage(
    _ stored: SharedBytes, context: String
  ) throws(TransformFailure) -> (value: SharedBytes, isStale: Bool) {
    try current.withLock { $0 }.fromStorage(stored, context: context)
  }
  func toStorage(_ value: SharedBytes, context: String) throws(TransformFailure) -> SharedBytes {
    try current.withLock { $0 }.toStorage(value, context: context)
  }
}
