import JSON
import Machinery
import Registry

extension ResourceDefinition {
  /// Some of the devices of a driver. (Kubernetes: pkg/registry/resource/resourceslice)
  static let resourceSlices = ResourceDefinition(
    "resourceslices.resource.k8s.io", kind: "ResourceSlice", scope: .cluster, folder: "resourceslices",
    versions: [.v1],
    main: .main(prepare: { slice, old in ResourceSliceForm.dropDisabled(&slice, old) }),
    rules: ResourceSliceRules.all, generation: .ofSpec, deletion: DeletionRule { $0.answersObject = true },
    defaults: { DeviceDefaults.taintTimes(&$0) },
    prepareForCreate: { ResourceSliceForm.dropDisabled(&$0, nil) },
    warnings: { slice, _ in ResourceSliceForm.warnings(slice) },
    selectableFields: [SelectableField("spec.nodeName"), SelectableField("spec.driver")],
    unknownField: .custom { "field label not supported for resource.k8s.io/v1, Kind=ResourceSlice: \($0)" },
    trigger: "spec.nodeName",
    columns: [
      .name,
      .text("Node", at: "spec.nodeName", description: "The node that has the devices, where it is one."),
      .text("Driver", at: "spec.driver", description: "Whose devices they are."),
      .text("Pool", at: "spec.pool.name", description: "The pool that the slice is a part of."),
      .age,
    ])
}

/// How slices are written down.
enum ResourceSliceForm {
  private static let lists = ["ints", "bools", "strings", "versions"]
  private static let mappings = "nodeAllocatableResourceMappings"

  /// What is behind gates that are off is let go, unless it was in use. (`dropDisabledFields`)
  static func dropDisabled(_ slice: inout JSONValue, _ old: JSONValue?) {
    guard let devices = slice["spec"]?["devices"]?.array else { return }
    let before = old?["spec"]?["devices"]?.array ?? []
    let keepsLists = before.contains(where: hasLists)
    let keepsMappings = before.contains { !($0[mappings]?.object?.isEmpty ?? true) }
    let hasLists = !keepsLists && devices.contains(where: hasLists)
    let hasMappings = !keepsMappings && devices.contains { $0[mappings] != nil }
    if !hasLists && !hasMappings { return }
    slice["spec"]?["devices"] = .array(
      devices.map { device in
        var device = device
        if hasMappings { device[mappings] = nil }
        if hasLists, let attributes = device["attributes"]?.object {
          device["attributes"] = .object(
            JSONObject(
              unchecked: attributes.members.map { attribute in
                let kept = (attribute.value.object?.members ?? []).filter { !lists.contains($0.name) }
                return JSONObject.Member(attribute.name, .object(JSONObject(unchecked: kept)))
              }))
        }
        return device
      })
  }

  private static func hasLists(_ device: JSONValue) -> Bool {
    (device["attributes"]?.object?.members ?? []).contains { attribute in
      lists.contains { attribute.value[$0].map { !$0.isNull } ?? false }
    }
  }

  static func warnings(_ slice: JSONValue) -> [String] {
    let driver = slice["spec"]?["driver"]?.string ?? ""
    if driver == driver.lowercased() { return [] }
    let shown = GoText.quoted(driver)
    return ["spec.driver: driver names should be lowercase; \(shown) contains uppercase characters"]
  }
}
