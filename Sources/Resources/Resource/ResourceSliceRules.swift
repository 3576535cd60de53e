import ByteBuffers
import JSON
import Machinery
import Registry

/// Rules for slices of a driver's devices. (Kubernetes: `ValidateResourceSlice` and its siblings of
/// pkg/apis/resource/validation)
enum ResourceSliceRules {
  static let all: [Rule] = [
    .onCreate(.metadata(.subdomain)),
    .onUpdate(.metadataUpdate),
    .at(
      "spec",
      .at("driver", CSIDriverName.rules),
      .at(
        "pool",
        .at("name", DeviceNames.pool),
        .at("resourceSliceCount", .custom(isAbove(0, "must be greater than zero"))),
        .at("generation", .custom(isAbove(-1, "must be greater than or equal to zero")))),
      .onUpdate(
        .at("pool", .at("name", .immutable)), .at("driver", .immutable), .at("nodeName", .immutable)),
      .at("nodeName", .custom(nodeName("must be either unset or set to a non-empty string"))),
      .at("nodeSelector", .custom(nodeSelector)),
      .at("allNodes", .custom(isTrue)),
      .at("perDeviceNodeSelection", .custom(isTrue)),
      .custom(placement),
      .custom(countersOrDevices),
      .custom(devices),
      .at("sharedCounters", .few(8, .all(counterSet)), .given({ sets, _ in count(sets) <= 8 }, counterSetsDiffer))),
  ]

  private static let counterSetsDiffer = DeviceNames.distinct(by: "name")

  private static func count(_ list: JSONValue?) -> Int { list?.array?.count ?? 0 }

  private static func isAbove(_ least: Int64, _ detail: String) -> Rule.Function {
    { context in
      let number = context.value?.int ?? 0
      if number <= least { context.report(.invalid(context.path(), bare: "\(number)", detail)) }
    }
  }

  // MARK: nodes

  private static func nodeName(_ whereEmpty: String) -> Rule.Function {
    { context in
      guard let name = context.value?.string else { return }
      if name.isEmpty { return context.invalid(name, whereEmpty) }
      for problem in NameValidation.dns1123Subdomain(name) { context.invalid(name, problem) }
    }
  }

  private static let isTrue: Rule.Function = { context in
    if context.value?.bool == false {
      context.report(.invalid(context.path(), bare: "false", "must be either unset or set to true"))
    }
  }

  private static let nodeSelector: Rule.Function = { context in
    if context.value == nil { return }
    NodeSelectorRules.selector(&context)
    let terms = context.value?["nodeSelectorTerms"]?.array ?? []
    if terms.count == 1 { return }
    let shown = JSONValue.array(
      terms.map {
        (try? JSONValue(parsing: InternalForm.text(of: $0, as: "io.k8s.api.core.v1.NodeSelectorTerm"))) ?? $0
      })
    context.report(
      .invalid(
        context.path("nodeSelectorTerms"),
        bare: (terms.isEmpty ? context.value?["nodeSelectorTerms"] ?? .null : shown).encoded().text,
        "must have exactly one node selector term"))
  }

  /// The ways that are taken, of those to say which nodes can have devices.
  private static func ways(_ value: JSONValue?, _ members: [String]) -> [String] {
    members.filter { member in
      switch value?[member] {
      case .string(let text)?: !text.isEmpty
      case .bool(let isSet)?: isSet
      case nil, .null?: false
      default: true
      }
    }.map { "`\($0)`" }
  }

  private static let placement: Rule.Function = { context in
    let ways = ways(context.value, ["nodeName", "nodeSelector", "allNodes", "perDeviceNodeSelection"])
    let detail =
      "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required"
    if ways.isEmpty { context.report(.required(context.path(), detail)) }
    if ways.count > 1 {
      context.invalid("{\(ways.joined(separator: ", "))}", "\(detail), but multiple fields are set")
    }
  }

  private static let countersOrDevices: Rule.Function = { context in
    func isSet(_ member: String) -> Bool {
      context.value?[member].map { !$0.isNull } ?? (context.emptied(.member(member)) != nil)
    }
    if isSet("sharedCounters") && isSet("devices") {
      context.invalid("", "only one of `sharedCounters` or `devices` is allowed")
    }
  }

  // MARK: devices

  private static let devices: Rule.Function = { context in
    let devices = context.value?["devices"]?.array ?? []
    let most = devices.contains(where: isAdvanced) ? 64 : 128
    if devices.count > most {
      return context.report(.tooMany(context.path("devices"), count: devices.count, limit: most))
    }
    let isPlacedEach = context.value?["perDeviceNodeSelection"]?.bool == true
    let before = Dictionary(
      (context.oldObject?["spec"]?["devices"]?.array ?? []).map { (ByteString($0["name"]?.string ?? ""), $0) },
      uniquingKeysWith: { first, _ in first })
    context.look(at: .array(devices), "devices") { context in
      for (place, device) in devices.enumerated() {
        let old = before[ByteString(device["name"]?.string ?? "")]
        context.look(at: device, .index(place)) { DeviceInSlice.check(old: old, isPlacedEach: isPlacedEach, &$0) }
      }
      DeviceNames.complainOfRepeated(by: "name", &context)
    }
  }

  /// Of these there may be fewer.
  private static func isAdvanced(_ device: JSONValue) -> Bool {
    count(device["taints"]) > 0 || count(device["consumesCounters"]) > 0
  }

  /// The places of a device, where each has its own. (`validateDevice`)
  static func checkPlace(isPlacedEach: Bool, _ context: inout RuleContext) {
    let members = ["nodeName", "nodeSelector", "allNodes"]
    if !isPlacedEach {
      if members.contains(where: { context.value?[$0].map { !$0.isNull } ?? false }) {
        let detail =
          "`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the "
          + "ResourceSlice spec"
        context.report(.invalid(context.path(), bare: "null", detail))
      }
      return
    }
    if let name = context.value?["nodeName"], !name.isNull {
      context.look(at: name, "nodeName", nodeName("must not be empty"))
    }
    if let selector = context.value?["nodeSelector"], !selector.isNull {
      context.look(at: selector, "nodeSelector") { NodeSelectorRules.selector(&$0) }
    }
    if let all = context.value?["allNodes"], !all.isNull { context.look(at: all, "allNodes", isTrue) }
    let ways = ways(context.value, members)
    let detail =
      "exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to "
      + "true in the ResourceSlice spec"
    if ways.isEmpty { context.report(.required(context.path(), detail)) }
    if ways.count > 1 { context.invalid("{\(ways.joined(separator: ", "))}", detail) }
  }

  // MARK: counters

  /// (`validateCounterSet`)
  private static let counterSet: [Rule] = [
    .at("name", .required, .format(.dns1123Label)), .custom { context in checkCounters(&context) },
  ]

  static func checkCounters(_ context: inout RuleContext) {
    let counters = context.value?["counters"]?.object?.members ?? []
    if counters.isEmpty { return context.report(.required(context.path("counters"), "")) }
    if counters.count > 32 {
      return context.report(.tooMany(context.path("counters"), count: counters.count, limit: 32))
    }
    for counter in counters.sorted(by: { $0.name < $1.name }) {
      for problem in NameValidation.dns1123Label(counter.name) {
        context.report(.invalid(context.path("counters"), counter.name, problem))
      }
    }
  }
}
