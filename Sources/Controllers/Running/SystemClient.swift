import Access
public import Admission
public import Audit
public import Cacher
public import JSON
public import Machinery
public import Registry

/// How the server's own parts read and write: through the Store, admitted and audited like anybody's requests, without a
/// socket. Nobody is asked whether they may.
public struct SystemClient: Sendable {
  /// Who has a say in writes, and who is told of them.
  public struct Surroundings: Sendable {
    let admission: AdmissionChain
    let audit: AuditTrail?

    /// `audit`: nil where nothing is audited.
    public init(admission: AdmissionChain, audit: AuditTrail?) {
      self.admission = admission
      self.audit = audit
    }
  }

  let user: UserInfo
  /// Comes to own what it writes.
  let manager: String
  let surroundings: Surroundings

  /// The server itself, as start hooks are. (`user.APIServerUser`)
  public static func server(_ surroundings: Surroundings) -> SystemClient {
    let user = UserInfo(name: "system:apiserver", groups: [UserInfo.privilegedGroup, UserInfo.authenticatedGroup])
    return SystemClient(user: user, manager: "kube-apiserver", surroundings: surroundings)
  }

  /// A controller, under the service account that kube-controller-manager gives it.
  /// (`--use-service-account-credentials`)
  public static func controller(_ account: String, _ surroundings: Surroundings) -> SystemClient {
    let user = UserInfo(
      name: "system:serviceaccount:kube-system:\(account)",
      groups: ["system:serviceaccounts", "system:serviceaccounts:kube-system", UserInfo.authenticatedGroup])
    return SystemClient(user: user, manager: "kube-controller-manager", surroundings: surroundings)
  }

  private init(user: UserInfo, manager: String, surroundings: Surroundings) {
    self.user = user
    self.manager = manager
    self.surroundings = surroundings
  }

  // MARK: reads

  /// An object as memory has it, with all that this process wrote; nil where there is none.
  public func get(_ name: ObjectName, in store: Store) async throws(Status) -> CachedObject? {
    do throws(Status) {
      return try await store.get(name.name, namespace: name.namespace, resourceVersion: "0")
    } catch {
      if error.code == 404 { return nil }
      throw error
    }
  }

  /// The same as the storage has it.
  public func live(_ name: ObjectName, in store: Store) async throws(Status) -> CachedObject? {
    do throws(Status) {
      return try await store.get(name.name, namespace: name.namespace)
    } catch {
      if error.code == 404 { return nil }
      throw error
    }
  }

  // MARK: writes

  /// Makes an object of what a client would send.
  @discardableResult
  public func create(_ object: JSONValue, in store: Store, namespace: String = "") async throws(Status) -> WriteResult {
    let body = try store.decodeBody(ByteSlice(object.encoded()), validation: .strict).object
    var options = WriteOptions(.create)
    options.fieldManager = manager
    options.user = user
    options.admission = surroundings.admission.admission(of: user, on: store.info)
    let name = object["metadata"]?["name"]?.string ?? ""
    return try await audited("create", ObjectName(name, namespace: namespace), store, sent: body) {
      () async throws(Status) in try await store.create(body, namespace: namespace, options: options)
    }
  }

  /// The same unless it is there.
  public func createIfMissing(_ object: JSONValue, in store: Store, namespace: String = "") async throws(Status) {
    let name = ObjectName(object["metadata"]?["name"]?.string ?? "", namespace: namespace)
    if try await get(name, in: store) != nil { return }
    do throws(Status) {
      try await create(object, in: store, namespace: namespace)
    } catch {
      // Another replica was faster, which is as good.
      if error.reason != "AlreadyExists" { throw error }
    }
  }

  /// Writes what was read and then changed. Throws 409 where it has changed meanwhile.
  @discardableResult
  public func update(
    _ object: JSONValue, in store: Store, subresource: Subresource = .main
  ) async throws(Status) -> WriteResult {
    let meta = object["metadata"]
    let name = ObjectName(meta?["name"]?.string ?? "", namespace: meta?["namespace"]?.string ?? "")
    let body = try store.decodeBody(ByteSlice(object.encoded()), validation: .ignore).object
    var options = WriteOptions(.update)
    options.fieldManager = manager
    options.user = user
    options.admission = surroundings.admission.admission(of: user, on: store.info)
    return try await audited("update", name, store, subresource, sent: body) {
      () async throws(Status) in
      try await store.update(
        name.name, namespace: name.namespace, body: body, subresource: subresource, options: options)
    }
  }

  /// Deletes an object, or marks it where something holds it. Throws 404.
  public func delete(_ name: ObjectName, in store: Store, _ options: DeleteOptions) async throws(Status) {
    var options = options
    options.admission = surroundings.admission.admission(of: user, on: store.info)
    _ = try await audited("delete", name, store, sent: nil) { [options] () async throws(Status) in
      try await store.delete(name.name, namespace: name.namespace, options: options)
    }
  }

  /// Deletes all objects of a namespace, or marks them, `workers` at a time.
  public func deleteCollection(
    in store: Store, namespace: String, _ options: DeleteOptions, workers: Int
  ) async throws(Status) {
    var options = options
    options.admission = surroundings.admission.admission(of: user, on: store.info)
    _ = try await audited("deletecollection", ObjectName("", namespace: namespace), store, sent: nil) {
      [options] () async throws(Status) in
      try await store.deleteCollection(
        namespace: namespace, list: ListOptions(), options: options, workers: workers)
    }
  }
}
