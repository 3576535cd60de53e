import JSON
import Machinery
import Registry

/// Rules for the statuses of containers.
enum ContainerStatusRules {
  static func check(_ status: JSONValue, _ spec: JSONValue, _ context: inout RuleContext) {
    let lists = ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"]
    let os = spec["os"]?.object.map { $0["name"]?.string ?? "" } ?? "linux"
    for list in lists { users(list, status, os, &context) }
    allocated("containerStatuses", status, spec.array(at: "containers"), &context)
    allocated("initContainerStatuses", status, spec.array(at: "initContainers"), &context)
    for (place, container) in status.array(at: "ephemeralContainerStatuses").enumerated()
    where !container.array(at: "allocatedResourcesStatus").isEmpty {
      context.forbids(
        "status", "ephemeralContainerStatuses", .index(place), "allocatedResourcesStatus",
        detail: "must not be specified in container status")
    }
    for list in lists { volumes(list, status, &context) }
  }

  /// (`validateContainerStatusUsers`)
  private static func users(_ list: String, _ status: JSONValue, _ os: String, _ context: inout RuleContext) {
    for (place, container) in status.array(at: list).enumerated() {
      guard let linux = container["user"]?["linux"], !linux.isNull else { continue }
      let path: [RuleContext.Part] = ["status", .member(list), .index(place), "user", "linux"]
      if os == "windows" {
        context.report(.forbidden(context.path(path), "cannot be set for a windows pod"))
        continue
      }
      guard os == "linux" else { continue }
      func look(_ id: Int64, _ part: [RuleContext.Part], _ context: inout RuleContext) {
        if id >= 0 && id <= Int64(Int32.max) { return }
        let detail = "must be between 0 and \(Int32.max), inclusive"
        context.report(.invalid(context.path(path + part), bare: String(id), detail))
      }
      look(linux.int(at: "uid"), ["uid"], &context)
      look(linux.int(at: "gid"), ["gid"], &context)
      for (number, group) in linux.array(at: "supplementalGroups").enumerated() {
        look(group.int ?? 0, ["supplementalGroups", .index(number)], &context)
      }
    }
  }

  /// (`validateContainerStatusAllocatedResourcesStatus`)
  private static func allocated(
    _ list: String, _ status: JSONValue, _ containers: [JSONValue], _ context: inout RuleContext
  ) {
    for (place, container) in status.array(at: list).enumerated() {
      let resources = container.array(at: "allocatedResourcesStatus")
      if resources.isEmpty { continue }
      let name = container.string(at: "name")
      let own = containers.first { $0.string(at: "name") == name }?["resources"]
      let isKnown = containers.contains { $0.string(at: "name") == name }
      for (number, resource) in resources.enumerated() {
        let path: [RuleContext.Part] = [
          "status", .member(list), .index(place), "allocatedResourcesStatus", .index(number),
        ]
        if isKnown { look(resource.string(at: "name"), own, path, &context) }
        health(resource, path, &context)
      }
    }
  }

  private static func look(
    _ name: String, _ own: JSONValue?, _ path: [RuleContext.Part], _ context: inout RuleContext
  ) {
    let isFound: Bool
    let detail: String
    if name.hasPrefix("claim:") {
      detail =
        "must match one of the container's resource claims in a format 'claim:<claimName>/<request>' or "
        + "'claim:<claimName>' if request is empty"
      isFound = (own?.array(at: "claims") ?? []).contains { claim in
        let request = claim.string(at: "request")
        return name == "claim:\(claim.string(at: "name"))" + (request.isEmpty ? "" : "/\(request)")
      }
    } else {
      detail = "must match one of the container's resource requests"
      isFound = own?["requests"]?[name] != nil
    }
    if isFound { return }
    context.report(.invalid(context.path(path + ["name"]), bare: JSONValue.string(name).encoded().text, detail))
  }

  private static func health(_ resource: JSONValue, _ path: [RuleContext.Part], _ context: inout RuleContext) {
    var seen = SeenValues()
    for (place, device) in resource.array(at: "resources").enumerated() {
      let here = path + ["resources", .index(place)]
      let health = device.string(at: "health")
      let known = ["Healthy", "Unhealthy", "Unknown"]
      if !known.contains(health) {
        context.report(.notSupported(context.path(here + ["health"]), named: .string(health), known))
      }
      if let message = device["message"]?.string {
        if message.isEmpty {
          context.report(.required(context.path(here + ["message"]), "must be non-empty if specified"))
        } else if message.utf8.count > 1024 {
          context.report(.tooLong(context.path(here + ["message"]), limit: 1024))
        }
      }
      let id = JSONValue.string(device.string(at: "resourceID"))
      if !seen.insert(id) {
        context.report(.duplicate(context.path(here + ["resourceID"]), bare: id.encoded().text))
      }
    }
  }

  /// Images that are mounted say which they are. (`validateVolumeStatus`)
  private static func volumes(_ list: String, _ status: JSONValue, _ context: inout RuleContext) {
    for (place, container) in status.array(at: list).enumerated() {
      for (number, mount) in container.array(at: "volumeMounts").enumerated() {
        guard let image = mount["volumeStatus"]?["image"], !image.isNull else { continue }
        let path: [RuleContext.Part] = [
          "status", .member(list), .index(place), "volumeMounts", .index(number), "volumeStatus",
          "imageVolumeStatus", "imageRef",
        ]
        let reference = image.string(at: "imageRef")
        if reference.isEmpty { context.report(.required(context.path(path), "imageRef must not be empty")) }
        if reference.utf8.count > 256 { context.report(.tooLong(context.path(path), limit: 256)) }
      }
    }
  }
}
