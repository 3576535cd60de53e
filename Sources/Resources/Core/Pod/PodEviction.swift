import JSON
import Machinery
import Registry

/// A pod is asked to go, as far as the budgets of its application allow it. (Kubernetes: pkg/registry/core/pod/storage,
/// `EvictionREST`)
enum PodEviction {
  static let subresource = Subresource("eviction")
  private static let budgets = GroupResource(group: "policy", resource: "poddisruptionbudgets")

  static let action = SubresourceAction(
    "Eviction", in: GroupVersion(group: "policy", version: "v1"), typeName: "io.k8s.api.policy.v1.Eviction",
    plural: "pods", acceptsOtherVersions: true, perform: perform)

  private static let perform: SubresourceAction.Perform = { (request) async throws(Status) in
    guard request.body["metadata"]?.string(at: "name") == request.name else {
      throw .badRequest("name in URL does not match name in Eviction object")
    }
    var options = try deletion(request)
    try await request.store.admit(request, to: subresource)
    // A conflict is looked at anew, as often as upstream does.
    for attempt in 0... {
      do throws(Status) {
        let pod = try await read(request)
        if !asksBudgets(pod) {
          var own = options
          if !isOver(pod), own.resourceVersion == nil {
            own.resourceVersion = pod["metadata"]?.string(at: "resourceVersion")
          }
          try await remove(request, own)
          return Status(code: 201, reason: "", message: "", isSuccess: true)
        }
        let needsSame = try await ask(request, pod)
        let isGiven = options.resourceVersion != nil
        if needsSame.mustBeUnchanged { options.resourceVersion = pod["metadata"]?.string(at: "resourceVersion") }
        do throws(Status) { try await remove(request, options) } catch {
          if error.code == 409, needsSame.mustBeUnchanged, !isGiven { throw busy(needsSame.budget) }
          throw error
        }
        return Status(code: 201, reason: "", message: "", isSuccess: true)
      } catch {
        guard error.code == 409, options.resourceVersion == nil, attempt < 20, !Task.isCancelled else { throw error }
      }
    }
    throw .internalError("an eviction was not made")
  }

  /// How the pod shall be deleted.
  private static func deletion(_ request: SubresourceAction.Request) throws(Status) -> DeleteOptions {
    let given = request.body["deleteOptions"] ?? .null
    if given.bool(at: "ignoreStoreReadErrorWithClusterBreakingPotential") {
      throw .invalid(
        "Eviction", group: "policy", name: request.name,
        [
          .invalid(
            "deleteOptions.ignoreStoreReadErrorWithClusterBreakingPotential", bare: "true",
            "can not be set for pod eviction, try after removing the option")
        ])
    }
    var options = DeleteOptions()
    options.gracePeriodSeconds = given["gracePeriodSeconds"]?.int
    options.propagationPolicy = given["propagationPolicy"]?.string
    options.orphanDependents = given["orphanDependents"]?.bool
    options.uid = given["preconditions"]?["uid"]?.string
    options.resourceVersion = given["preconditions"]?["resourceVersion"]?.string
    let dryRun = given.array(at: "dryRun").compactMap(\.string)
    if !dryRun.isEmpty, !request.options.dryRun.isEmpty, dryRun != request.options.dryRun {
      throw .badRequest("Non-matching dry-run options in request and content: \(request.options.dryRun) and \(dryRun)")
    }
    options.dryRun = dryRun.isEmpty ? request.options.dryRun : dryRun
    try options.validate()
    return options
  }

  private static func read(_ request: SubresourceAction.Request) async throws(Status) -> JSONValue {
    try await request.store.read(request.name, namespace: request.namespace)
  }

  private static func isOver(_ pod: JSONValue) -> Bool {
    let phase = pod["status"]?.string(at: "phase") ?? ""
    return phase == "Succeeded" || phase == "Failed" || pod["metadata"]?.isSet("deletionTimestamp") == true
  }

  /// Who does not run is missed by nobody. (`canIgnorePDB`)
  private static func asksBudgets(_ pod: JSONValue) -> Bool {
    !isOver(pod) && pod["status"]?.string(at: "phase") != "Pending"
  }

  /// Says why the pod goes, and lets it go. (`addConditionAndDeletePod`)
  private static func remove(_ request: SubresourceAction.Request, _ options: DeleteOptions) async throws(Status) {
    var options = options
    if options.dryRun.isEmpty {
      let (uid, revision) = (options.uid, options.resourceVersion)
      let written = try await request.store.alter(
        request.name, namespace: request.namespace, subresource: subresource
      ) { pod throws(Status) in
        for (what, asked, member, guess) in [
          ("UID", uid, "uid", "deleted and then recreated"),
          ("ResourceVersion", revision, "resourceVersion", "modified"),
        ] {
          let known = pod["metadata"]?.string(at: member) ?? ""
          guard let asked, !asked.isEmpty, asked != known else { continue }
          throw .conflict(
            GroupResource(group: "", resource: "Pod"), request.name,
            "the \(what) in the precondition (\(asked)) does not match the \(what) in record (\(known)). "
              + "The object might have been \(guess)")
        }
        pod.edit("status") { status in
          PodMembers.note(
            [
              "type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI",
              "message": "Eviction API: evicting",
            ], in: &status)
        }
      }
      if options.resourceVersion != nil {
        options.resourceVersion = written["metadata"]?.string(at: "resourceVersion")
      }
    }
    _ = try await request.store.delete(request.name, namespace: request.namespace, options: options)
  }

  // MARK: budgets

  private static func busy(_ budget: String) -> Status {
    refusal(10, "The disruption budget \(budget) is still being processed by the server.")
  }

  private static func refusal(_ seconds: Int, _ why: String) -> Status {
    var status = Status.tooManyRequests(
      "Cannot evict pod as it would violate the pod's disruption budget.", retryAfterSeconds: seconds)
    status.details?.causes = [Status.Cause(reason: "DisruptionBudget", message: why, field: "")]
    return status
  }

  /// Asks the pod's budget, and takes one from it. `mustBeUnchanged`: the pod may go for what it is now.
  private static func ask(
    _ request: SubresourceAction.Request, _ pod: JSONValue
  ) async throws(Status) -> (mustBeUnchanged: Bool, budget: String) {
    guard let store = request.stores(budgets) else { return (false, "") }
    let found = try await DisruptionBudgets.of(pod, store, namespace: request.namespace)
    if found.count > 1 {
      throw .plain(
        500, "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.")
    }
    guard let budget = found.first else { return (false, "") }
    let name = budget["metadata"]?.string(at: "name") ?? ""
    let isReady = (pod["status"]?.array(at: "conditions") ?? []).contains {
      $0.string(at: "type") == "Ready" && $0.string(at: "status") == "True"
    }
    if !isReady {
      if budget["spec"]?.string(at: "unhealthyPodEvictionPolicy") == "AlwaysAllow" { return (true, name) }
      let (healthy, wanted) = (
        budget["status"]?.int(at: "currentHealthy") ?? 0, budget["status"]?.int(at: "desiredHealthy") ?? 0
      )
      if healthy >= wanted && wanted > 0 { return (true, name) }
    }
    let evicted = request.name
    _ = try await store.alter(
      name, namespace: request.namespace, subresource: .status, isDryRun: request.options.isDryRun
    ) { budget throws(Status) in
      try take(from: &budget, for: evicted)
    }
    return (false, name)
  }

  /// (`checkAndDecrement`)
  private static func take(from budget: inout JSONValue, for pod: String) throws(Status) {
    let name = budget["metadata"]?.string(at: "name") ?? ""
    let status = budget["status"] ?? .object(JSONObject())
    if status.int(at: "observedGeneration") < budget["metadata"]?.int(at: "generation") ?? 0 { throw busy(name) }
    let allowed = status.int(at: "disruptionsAllowed")
    func forbidden(_ why: String) -> Status {
      .forbidden(GroupResource(group: "policy", resource: "poddisruptionbudget"), name: name, why)
    }
    if allowed < 0 { throw forbidden("pdb disruptions allowed is negative") }
    if status["disruptedPods"]?.object?.count ?? 0 > 2000 {
      throw forbidden("DisruptedPods map too big - too many evictions not confirmed by PDB controller")
    }
    if allowed == 0 { throw refusal(0, DisruptionBudgets.refusal(name, status)) }
    DisruptionBudgets.take(from: &budget, allowed, pod)
  }
}
