import Cacher
import JSON
import Machinery
public import Registry
import Storage

/// Keeps the service account `default` in every namespace that is there to be used. (Kubernetes:
/// pkg/controller/serviceaccount)
public final class DefaultServiceAccounts: Controller {
  public static let flagName = "serviceaccount-controller"
  public let name = flagName
  public let queue = WorkQueue("serviceaccount")
  private let accounts: Store
  private let namespaces: Store
  private let client: SystemClient

  private static let account = "default"

  public init(accounts: Store, namespaces: Store, _ client: SystemClient) {
    self.accounts = accounts
    self.namespaces = namespaces
    self.client = client
  }

  public var sources: [EventSource] {
    [
      EventSource(objectsOf: namespaces),
      EventSource(accounts, where: .named(Self.account)) { [accounts] event, object in
        event.kind == .deleted ? [ObjectName(accounts.objectName(of: object.key).namespace)] : []
      },
    ]
  }

  public func sync(_ key: ObjectName) async throws -> SyncOutcome {
    guard let namespace = try await client.get(key, in: namespaces), !namespace.isTerminating else { return .done }
    do throws(Status) {
      try await client.createIfMissing(
        ["metadata": ["name": .string(Self.account)]], in: accounts, namespace: key.name)
    } catch {
      if !error.isOfMissingNamespace { throw error }
    }
    return .done
  }
}

extension SelectionPredicate {
  /// The objects of one name, in all namespaces.
  static func named(_ name: String) -> SelectionPredicate {
    SelectionPredicate(
      label: LabelSelector([]),
      field: FieldSelector([FieldSelector.Term(field: "metadata.name", isEqual: true, value: name)]))
  }
}

extension Status {
  /// Is the namespace gone, or going? Then nothing has to be made in it.
  var isOfMissingNamespace: Bool {
    code == 404 || (details?.causes.contains { $0.reason == "NamespaceTerminating" } ?? false)
  }
}
