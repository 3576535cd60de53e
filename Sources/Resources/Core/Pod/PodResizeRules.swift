import JSON
import Machinery
import Registry

/// What may change when a pod is resized. (Kubernetes: pkg/apis/core/validation, `ValidatePodResize`)
enum PodResizeRules {
  static let check: Rule.Function = { context in
    guard let pod = context.value, let before = context.old, let new = pod["spec"], let old = before["spec"] else {
      return
    }
    for (isSo, detail) in [
      (
        before["metadata"]?["annotations"]?[PodAnnotationRules.mirror] != nil, "static pods cannot be resized"
      ), (old["os"]?.string(at: "name") == "windows", "windows pods cannot be resized"),
    ] where isSo {
      context.withdraw(to: 0)
      return context.report(.forbidden("", detail))
    }
    let known = before["status"]?.string(at: "qosClass") ?? ""
    if (known.isEmpty ? PodQoS.qosClass(of: old) : known) != PodQoS.qosClass(of: new) {
      context.refuses(
        value: .string(pod["status"]?.string(at: "qosClass") ?? ""),
        "Pod QOS Class may not change as a result of resizing", at: "spec")
    }
    let running = before["status"]?.array(at: "containerStatuses").first { $0["state"]?.isSet("running") == true }
    if let running, !running.isSet("resources") {
      context.forbids("spec", detail: "Pod running on node without support for resize")
    }
    var munged = new
    func hasOwn(_ spec: JSONValue) -> Bool {
      spec["resources"]?["requests"]?.object?.isEmpty == false || spec["resources"]?["limits"]?.object?.isEmpty == false
    }
    if hasOwn(old) || hasOwn(new) { podLevel(new, old, &munged, &context) }
    guard hasOrder(new, old, &context) else { return }
    for list in ["initContainers", "containers"] {
      for (place, container) in old.array(at: list).enumerated() {
        for (amounts, what) in [("requests", "requests"), ("limits", "limits")]
        where isRemoved(new.array(at: list)[place]["resources"]?[amounts], container["resources"]?[amounts]) {
          context.forbids(
            "spec", .member(list), .index(place), "resources", .member(amounts),
            detail: "resource \(what) cannot be removed")
        }
      }
    }
    mask(old, &munged, &context)
    if context.complaintCount == 0, !RuleContext.areSame(munged, old) {
      context.forbids("spec", detail: "only cpu and memory resources are mutable")
    }
  }

  private static func hasOrder(_ new: JSONValue, _ old: JSONValue, _ context: inout RuleContext) -> Bool {
    let before = context.complaintCount
    for list in ["containers", "initContainers"] {
      let (now, then) = (new.array(at: list), old.array(at: list))
      if now.count != then.count {
        context.forbids("spec", .member(list), detail: "\(list) may not be added or removed on resize")
        continue
      }
      for (place, container) in then.enumerated() where now[place].string(at: "name") != container.string(at: "name") {
        context.forbids(
          "spec", .member(list), .index(place), "name", detail: "\(list) may not be renamed or reordered on resize")
      }
    }
    return context.complaintCount == before
  }

  private static func podLevel(
    _ new: JSONValue, _ old: JSONValue, _ munged: inout JSONValue, _ context: inout RuleContext
  ) {
    let before = old["resources"].flatMap { $0.isNull ? nil : $0 }
    guard let after = new["resources"].flatMap({ $0.isNull ? nil : $0 }) else {
      if before != nil { context.forbids("spec", "resources", detail: "pod-level resources cannot be removed") }
      return
    }
    for (list, what) in [("requests", "requests"), ("limits", "limits")]
    where before != nil && isRemoved(after[list], before?[list]) {
      context.forbids(
        "spec", "resources", .member(list), detail: "pod-level resource \(what) cannot be removed")
    }
    var kept = after
    for list in ["requests", "limits"] { kept[list] = masked(after[list], before?[list]) }
    if before == nil, kept["requests"] == nil, kept["limits"] == nil, kept.array(at: "claims").isEmpty {
      munged["resources"] = nil
    } else {
      munged["resources"] = kept
    }
    if !RuleContext.areSame(munged["resources"], before) {
      context.forbids("spec", detail: "only cpu and memory resources are mutable at pod-level")
    }
  }

  private static func isRemoved(_ new: JSONValue?, _ old: JSONValue?) -> Bool {
    (old?.object?.members ?? []).contains { new?[$0.name] == nil }
  }

  /// Amounts with cpu and memory as they were; nil for none.
  private static func masked(_ new: JSONValue?, _ old: JSONValue?) -> JSONValue? {
    var kept = (new?.object?.members ?? []).filter { $0.name != "cpu" && $0.name != "memory" }
    for name in ["cpu", "memory"] { if let amount = old?[name] { kept.append(.init(name, amount)) } }
    var all = JSONObject(unchecked: kept)
    all.sortByName()
    return kept.isEmpty ? nil : .object(all)
  }

  /// What may change as it was before; complains of the rest.
  private static func mask(_ old: JSONValue, _ munged: inout JSONValue, _ context: inout RuleContext) {
    for list in ["containers", "initContainers"] {
      let before = old.array(at: list)
      var place = -1
      var complaints: [FieldError] = []
      munged.editEach(list) { container in
        place += 1
        let isModified = !RuleContext.areSame(container, before[place])
        let then = before[place]["resources"]
        // Upstream leaves claims out, so that a container that has some can't be resized.
        var resources = JSONObject()
        resources["limits"] = masked(container["resources"]?["limits"], then?["limits"])
        resources["requests"] = masked(container["resources"]?["requests"], then?["requests"])
        container["resources"] = .object(resources)
        let isSame = RuleContext.areSame(container, before[place])
        if list == "containers" {
          if !isSame { complaints.append(.forbidden("spec", "only cpu and memory resources are mutable")) }
          return
        }
        let path = "spec.initContainers[\(place)]"
        if !isSame {
          complaints.append(
            .forbidden(path, "only cpu and memory resources for init or sidecar containers are mutable"))
        }
        guard isModified, container.string(at: "restartPolicy") != "Always" else { return }
        for policy in container.array(at: "resizePolicy") where policy.string(at: "restartPolicy") == "RestartContainer"
        {
          complaints.append(
            .forbidden(
              path, "non-sidecar init containers with a resize policy of RestartContainer cannot be resized"))
        }
      }
      for complaint in complaints { context.report(complaint) }
    }
  }
}
