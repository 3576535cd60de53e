import ByteBuffers
import JSON
import Machinery
import Registry

/// Rules for where a container has its volumes. (Kubernetes: pkg/apis/core/validation, `ValidateVolumeMounts` and
/// `ValidateVolumeDevices`)
enum VolumeMountRules {
  /// Of a container, as mounts and devices must not get in each other's way.
  static let check: Rule.Function = { context in
    guard let container = context.value else { return }
    let mounts = container.array(at: "volumeMounts")
    let devices = container.array(at: "volumeDevices")
    if !mounts.isEmpty { check(mounts: mounts, Paths(devices, "devicePath"), container, &context) }
    if !devices.isEmpty { check(devices: devices, Paths(mounts, "mountPath"), &context) }
  }

  /// Where the others are: of a name met twice upstream knows the last path alone.
  private struct Paths {
    private var byName: [ByteString: ByteString] = [:]
    private var paths = Set<ByteString>()
    init(_ others: [JSONValue], _ member: String) {
      if others.isEmpty { return }
      for other in others { byName[ByteString(other.string(at: "name"))] = ByteString(other.string(at: member)) }
      paths = Set(byName.values)
    }
    func has(name: String) -> Bool { !byName.isEmpty && byName[ByteString(name)] != nil }
    func has(path: String) -> Bool { !paths.isEmpty && paths.contains(ByteString(path)) }
  }

  private static func check(
    mounts: [JSONValue], _ devices: Paths, _ container: JSONValue, _ context: inout RuleContext
  ) {
    let volumes = context.pod.volumes
    var paths = Set<ByteString>()
    for (place, mount) in mounts.enumerated() {
      let name = mount.string(at: "name")
      let path = mount.string(at: "mountPath")
      if name.isEmpty { context.needs("volumeMounts", .index(place), "name") }
      if volumes[ByteString(name)] == nil {
        context.report(.notFound(context.path("volumeMounts", .index(place), "name"), name))
      }
      if path.isEmpty { context.needs("volumeMounts", .index(place), "mountPath") }
      if !paths.insert(path).inserted {
        context.refuses(path, "must be unique", at: "volumeMounts", .index(place), "mountPath")
      }
      if devices.has(name: name) {
        context.refuses(name, "must not already exist in volumeDevices", at: "volumeMounts", .index(place), "name")
      }
      if devices.has(path: path) {
        context.refuses(
          path, "must not already exist as a path in volumeDevices", at: "volumeMounts", .index(place), "mountPath")
      }
      // From here on upstream does not say which mount it is.
      let subPath = mount.string(at: "subPath")
      if !subPath.isEmpty {
        context.refuses(subPath, each: PathRules.descending(subPath), at: "volumeMounts", "subPath")
      }
      let expression = mount.string(at: "subPathExpr")
      if !expression.isEmpty {
        if !subPath.isEmpty {
          context.refuses(
            expression, "subPathExpr and subPath are mutually exclusive", at: "volumeMounts", .index(place),
            "subPathExpr")
        }
        context.refuses(expression, each: PathRules.descending(expression), at: "volumeMounts", "subPathExpr")
      }
      if let propagation = mount["mountPropagation"]?.string { check(propagation, container, &context) }
      if let recursive = mount["recursiveReadOnly"]?.string { check(recursive: recursive, mount, &context) }
    }
  }

  private static func check(_ propagation: String, _ container: JSONValue, _ context: inout RuleContext) {
    let known = ["Bidirectional", "HostToContainer", "None"]
    if !known.contains(propagation) {
      context.knowsOnly(known, not: propagation, at: "volumeMounts", "mountPropagation")
    }
    if propagation == "Bidirectional", container["securityContext"]?["privileged"]?.bool != true {
      context.forbids(
        "volumeMounts", "mountPropagation",
        detail: "Bidirectional mount propagation is available only to privileged containers")
    }
  }

  private static func check(recursive: String, _ mount: JSONValue, _ context: inout RuleContext) {
    switch recursive {
    case "Disabled": break
    case "Enabled", "IfPossible":
      if !mount.bool(at: "readOnly") {
        context.forbids("volumeMounts", "recursiveReadOnly", detail: "may only be specified when readOnly is true")
      }
      if let propagation = mount["mountPropagation"]?.string, propagation != "None" {
        context.forbids(
          "volumeMounts", "recursiveReadOnly",
          detail: "may only be specified when mountPropagation is None or not specified")
      }
    default:
      context.knowsOnly(
        ["Disabled", "Enabled", "IfPossible"], not: recursive, at: "volumeMounts", "recursiveReadOnly")
    }
  }

  private static func check(devices: [JSONValue], _ mounts: Paths, _ context: inout RuleContext) {
    var paths = Set<ByteString>()
    var names = Set<ByteString>()
    for (place, device) in devices.enumerated() {
      let name = device.string(at: "name")
      let path = device.string(at: "devicePath")
      let volume = context.pod.volumes[ByteString(name)]
      if name.isEmpty { context.needs("volumeDevices", .index(place), "name") }
      if names.contains(ByteString(name)) {
        context.refuses(name, "must be unique", at: "volumeDevices", .index(place), "name")
      }
      if let volume {
        if !volume.isSet("persistentVolumeClaim") && !volume.isSet("ephemeral") {
          context.refuses(
            name, "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode",
            at: "volumeDevices", .index(place), "name")
        }
      } else {
        context.report(.notFound(context.path("volumeDevices", .index(place), "name"), name))
      }
      if path.isEmpty { context.needs("volumeDevices", .index(place), "devicePath") }
      if paths.contains(ByteString(path)) {
        context.refuses(path, "must be unique", at: "volumeDevices", .index(place), "devicePath")
      }
      if !PathRules.noBacksteps(path).isEmpty {
        context.refuses(path, "can not contain backsteps ('..')", at: "volumeDevices", .index(place), "devicePath")
      } else {
        paths.insert(path)
      }
      if mounts.has(name: name) {
        context.refuses(name, "must not already exist in volumeMounts", at: "volumeDevices", .index(place), "name")
      }
      if mounts.has(path: path) {
        context.refuses(
          path, "must not already exist as a path in volumeMounts", at: "volumeDevices", .index(place), "devicePath")
      }
      if !name.isEmpty { names.insert(name) }
    }
  }
}
