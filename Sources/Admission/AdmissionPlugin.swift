public import Access
public import Machinery
public import Registry

/// One who has a say in writes.
public protocol AdmissionPlugin: Sendable {
  /// As `--enable-admission-plugins` names it.
  static var name: String { get }

  /// May it have something to say of this user's writes to a resource? Asked of every write before its object is known,
  /// so that most writes are spared the rest.
  func concerns(_ user: UserInfo, _ resource: ResourceInfo) -> Bool

  /// Throws what the client is told. Called inside the update loop, so perhaps several times for one write.
  func admit(_ request: AdmissionRequest, by user: UserInfo) async throws(Status)
}

/// All plug-ins that are on, one after another. (Kubernetes: `chainAdmissionHandler`.)
public struct AdmissionChain: Sendable {
  private let plugins: [any AdmissionPlugin]

  /// In the order in which they are asked.
  public init(_ plugins: [any AdmissionPlugin] = []) { self.plugins = plugins }

  /// Who has a say in a user's writes to a resource; nil where nobody has.
  public func admission(of user: UserInfo, on resource: ResourceInfo) -> Admission? {
    guard plugins.contains(where: { $0.concerns(user, resource) }) else { return nil }
    return { [plugins] (request) throws(Status) in
      for plugin in plugins where plugin.concerns(user, resource) { try await plugin.admit(request, by: user) }
    }
  }
}
