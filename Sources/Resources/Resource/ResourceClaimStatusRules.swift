import ByteBuffers
import JSON
import Machinery
import Registry

/// Rules for what has been given to a claim, and who uses it. (Kubernetes: `validateResourceClaimStatusUpdate` of
/// pkg/apis/resource/validation)
enum ResourceClaimStatusRules {
  static let all: [Rule] = [
    .at(
      "reservedFor",
      .few(256, .at("resource", .required), .at("name", .required), .at("uid", .required)),
      .given({ users, _ in (users?.array?.count ?? 0) <= 256 }, DeviceNames.distinct(by: "uid"))),
    .at(
      "devices", .each(device), .custom { DeviceNames.complainOfRepeated(&$0) { SharedDevice($0).value } }),
    .custom(reservation),
    .at(
      "allocation", .custom(stays),
      .given({ new, old in !(new?.isNull ?? true) && (old?.isNull ?? true) }, .all(allocation))),
  ]

  /// Whoever uses a claim needs what was given to it, and while it goes nobody joins them.
  private static let reservation: Rule.Function = { context in
    let users = context.value?["reservedFor"]?.array ?? []
    if users.isEmpty { return }
    if context.value?["allocation"]?.isNull ?? true {
      let detail = "may not be specified when `allocated` is not set"
      return context.report(.forbidden(context.path("reservedFor"), detail))
    }
    guard context.object["metadata"]?["deletionTimestamp"].map({ !$0.isNull }) ?? false else { return }
    let before = Set((context.oldObject?["status"]?["reservedFor"]?.array ?? []).map(text))
    if !users.allSatisfy({ before.contains(text($0)) }) {
      let detail =
        "new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set"
      context.report(.forbidden(context.path("reservedFor"), detail))
    }
  }

  private static func text(_ value: JSONValue) -> JSONText { JSONText(bytes: ByteSlice(value.encoded())) }

  // MARK: devices

  /// (`validateDeviceStatus`)
  private static let device: [Rule] = [
    .at("driver", CSIDriverName.rules), .at("pool", DeviceNames.pool), .at("device", .format(.dns1123Label)),
    .at("shareID", .custom(DeviceNames.uid)),
    .custom(isAllocated),
    .at("conditions", .maxItems(8), .custom(Conditions.check)),
    .custom { context in
      guard let data = context.value?["data"], !data.isNull else { return }
      DeviceRules.raw(data, "data", &context)
    },
    .at(
      "networkData",
      .at("interfaceName", .maxBytes(256)), .at("hardwareAddress", .maxBytes(128)),
      .at(
        "ips", .few(16, .custom(interfaceAddress)),
        .given({ addresses, _ in (addresses?.array?.count ?? 0) <= 16 }, .unique))),
  ]

  private static let isAllocated: Rule.Function = { context in
    let results = context.object["status"]?["allocation"]?["devices"]?["results"]?.array ?? []
    guard let value = context.value else { return }
    let device = SharedDevice(value)
    if results.contains(where: { SharedDevice($0) == device }) { return }
    let shown = device.value.encoded().text
    context.report(.invalid(context.path(), bare: shown, "must be an allocated device in the claim"))
  }

  private static let interfaceAddress: Rule.Function = { context in
    for error in IPValidation.interfaceAddress(context.path(), context.value?.string ?? "") { context.report(error) }
  }

  // MARK: allocation

  /// What was given can be taken back, but not changed.
  private static let stays: Rule.Function = { context in
    guard let old = context.oldObject?["status"]?["allocation"], !old.isNull, let new = context.value,
      !RuleContext.areSame(new, old) || context.hasLooseRaw()
    else { return }
    let shown = InternalForm.text(
      of: new, as: "io.k8s.api.resource.v1.AllocationResult", traces: context.tracesInside())
    context.report(.invalid(context.path(), bare: shown, "field is immutable"))
  }

  /// (`validateAllocationResult`)
  private static let allocation: [Rule] = [
    .at(
      "devices",
      .at("results", .few(32, .all(result))),
      .at(
        "config",
        .few(
          64, .at("source", .required, .oneOf("FromClaim", "FromClass")),
          .at("requests", .all(RequestNames.references(["spec"]))), DeviceRules.configuration()))),
    .at("nodeSelector", .custom { if $0.value != nil { NodeSelectorRules.selector(&$0) } }),
  ]

  private static let result: [Rule] = [
    .at("request", .custom(request)), .at("driver", CSIDriverName.rules), .at("pool", DeviceNames.pool),
    .at("device", .format(.dns1123Label)),
    .custom(DeviceRules.checkBinding), .at("shareID", .custom(DeviceNames.uid)),
  ]

  private static let request: Rule.Function = { context in
    RequestNames(context.object, ["spec"]).check(context.value?.string ?? "", &context)
  }
}

/// A device, or a share of one, as it is told from others.
private struct SharedDevice: Equatable {
  let value: JSONValue

  init(_ part: JSONValue) {
    func text(_ member: String) -> JSONValue { .string(part[member]?.string ?? "") }
    value = ["Driver": text("driver"), "Pool": text("pool"), "Device": text("device"), "ShareID": text("shareID")]
  }

  static func == (a: SharedDevice, b: SharedDevice) -> Bool { a.value == b.value }
}
