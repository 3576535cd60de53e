public import Access
public import Machinery
public import Registry
import Cacher

/// Nothing is made in a namespace that is not there or that is going, and the namespaces of the system do not go.
/// (Kubernetes: apiserver/pkg/admission/plugin/namespace/lifecycle.)
///
/// Reviews of access, which tell nobody what namespaces there are, are not stored and so never come here.
public struct NamespaceLifecycle: AdmissionPlugin {
  public static let name = "NamespaceLifecycle"
  public static let namespaces = GroupResource(group: "", resource: "namespaces")
  private static let immortal: Set<ByteString> = ["default", "kube-system", "kube-public"]

  private let store: Store

  /// `store`: that of namespaces.
  public init(_ store: Store) { self.store = store }

  public func concerns(_ user: UserInfo, _ resource: ResourceInfo) -> Bool {
    resource.isNamespaced || resource.groupResource == Self.namespaces
  }

  public func mutate(_ request: inout AdmissionRequest, by user: UserInfo) async throws(Status) {
    if request.resource == Self.namespaces {
      if request.operation == .delete, Self.immortal.contains(request.name) {
        throw .forbidden(request.resource, name: request.name, "this namespace may not be deleted")
      }
      return
    }
    let name = request.namespace
    guard request.operation != .delete, !name.isEmpty else { return }
    // No DELETE that was answered here is missed: the cache has all that this process wrote.
    let phase = try await store.known(name).phase
    guard request.operation == .create, phase == "Terminating" else { return }
    var refusal = Status.forbidden(
      request.resource, name: request.shownName,
      "unable to create new content in namespace \(name) because it is being terminated")
    refusal.details?.causes = [
      Status.Cause(
        reason: "NamespaceTerminating", message: "namespace \(name) is being terminated", field: "metadata.namespace")
    ]
    throw refusal
  }
}

extension CachedObject {
  fileprivate var phase: String { fields["status.phase"] ?? "" }
}
