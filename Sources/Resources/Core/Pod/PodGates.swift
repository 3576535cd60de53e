import JSON

/// Members behind feature gates that are closed: ClusterTrustBundleProjection, PodCertificateRequest, GenericWorkload,
/// ContainerStopSignals. What is new in them is dropped, as if nobody had said it; who has one stored may keep it.
/// (Kubernetes: pkg/api/pod, `DropDisabledPodFields` and `DropDisabledTemplateFields`)
enum PodGates {
  /// Of a template, and the one that it replaces.
  static func dropFromTemplate(_ template: inout JSONValue, old: JSONValue?) {
    template.edit("spec") { dropFromSpec(&$0, old: old?["spec"]) }
  }

  static func dropFromSpec(_ spec: inout JSONValue, old: JSONValue?) {
    if spec.isSet("schedulingGroup"), old?.isSet("schedulingGroup") != true { spec["schedulingGroup"] = nil }
    for source in ["clusterTrustBundle", "podCertificate"] where uses(source, spec) && !uses(source, old) {
      spec.editEach("volumes") { volume in
        volume.edit("projected") { projected in projected.editEach("sources") { $0[source] = nil } }
      }
    }
    if usesStopSignals(spec) && !usesStopSignals(old) {
      for list in ["initContainers", "containers", "ephemeralContainers"] {
        spec.editEach(list) { container in container.edit("lifecycle") { $0["stopSignal"] = nil } }
      }
    }
  }

  private static func uses(_ source: String, _ spec: JSONValue?) -> Bool {
    guard case .array(let volumes)? = spec?["volumes"] else { return false }
    return volumes.contains { volume in
      volume["projected"]?.array(at: "sources").contains { $0.isSet(source) } ?? false
    }
  }

  private static func usesStopSignals(_ spec: JSONValue?) -> Bool {
    guard let spec else { return false }
    var isFound = false
    PodFacts.containers(of: spec) { container, _, _ in
      isFound = isFound || container["lifecycle"]?.isSet("stopSignal") == true
    }
    return isFound
  }
}
