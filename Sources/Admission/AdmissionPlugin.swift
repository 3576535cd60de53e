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

  /// May change the object that is written, or refuse it: throws what the client is told. Called inside the update loop,
  /// so perhaps several times for one write. (`MutationInterface.Admit`)
  func mutate(_ request: inout AdmissionRequest, by user: UserInfo) async throws(Status)

  /// May refuse what has been made of the write once its rules hold. (`ValidationInterface.Validate`)
  func validate(_ request: AdmissionRequest, by user: UserInfo) async throws(Status)
}

extension AdmissionPlugin {
  public func mutate(_ request: inout AdmissionRequest, by user: UserInfo) async throws(Status) {}
  public func validate(_ request: AdmissionRequest, by user: UserInfo) async throws(Status) {}
}

/// All plug-ins that are on, one after another. (Kubernetes: `chainAdmissionHandler`.)
public struct AdmissionChain: Sendable {
  private let plugins: [any AdmissionPlugin]

  /// In the order in which they are asked.
  public init(_ plugins: [any AdmissionPlugin] = []) { self.plugins = plugins }

  /// Who has a say in a user's writes to a resource; nil where nobody has.
  public func admission(of user: UserInfo, on resource: ResourceInfo) -> Admission? {
    guard plugins.contains(where: { $0.concerns(user, resource) }) else { return nil }
    let concerned = plugins.filter { $0.concerns(user, resource) }
    return Admission(
      mutate: { (request) throws(Status) in
        for plugin in concerned { try await plugin.mutate(&request, by: user) }
      },
      validate: { (request) throws(Status) in
        for plugin in concerned { try await plugin.validate(request, by: user) }
      })
  }
}
