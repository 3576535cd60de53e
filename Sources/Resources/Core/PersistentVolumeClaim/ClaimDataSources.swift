import JSON

/// What a volume is filled with at first. Claims say so by two members, of which one is of old: they mirror each other.
/// (Kubernetes: pkg/api/persistentvolumeclaim)
enum ClaimDataSources {
  /// Drops what a claim may not have, and mirrors the rest.
  static func settle(_ claim: inout JSONValue, old: JSONValue?) {
    guard var spec = claim["spec"] else { return }
    let before = old?["spec"]
    // A source in another namespace is behind a gate that is off.
    if spec["dataSourceRef"]?["namespace"]?.string?.isEmpty == false, before?["dataSourceRef"]?.object == nil {
      spec["dataSourceRef"] = nil
    }
    let wasInUse = before?["dataSource"]?.object != nil || before?["dataSourceRef"]?.object != nil
    if !wasInUse, spec["dataSourceRef"]?.object == nil, !isOfOld(spec["dataSource"]) { spec["dataSource"] = nil }
    mirror(&spec)
    claim["spec"] = spec
  }

  /// What the older member could name from the beginning; all else was ignored there, and is.
  private static func isOfOld(_ source: JSONValue?) -> Bool {
    switch (source?["kind"]?.string, source?["apiGroup"]?.string ?? "") {
    case ("PersistentVolumeClaim"?, ""), ("VolumeSnapshot"?, "snapshot.storage.k8s.io"): true
    default: false
    }
  }

  /// Fills in the one that is missing. (`NormalizeDataSources`)
  static func mirror(_ spec: inout JSONValue) {
    let (source, reference) = (spec["dataSource"], spec["dataSourceRef"])
    if let source, source.object != nil, reference?.object == nil {
      spec.set("dataSourceRef", copy(source), before: "volumeAttributesClassName")
    } else if let reference, reference.object != nil, source?.object == nil,
      (reference["namespace"]?.string ?? "").isEmpty
    {
      spec.set("dataSource", copy(reference), before: "dataSourceRef", "volumeAttributesClassName")
    }
  }

  private static func copy(_ reference: JSONValue) -> JSONValue {
    [
      "apiGroup": reference["apiGroup"] ?? .null, "kind": reference["kind"] ?? "", "name": reference["name"] ?? "",
    ]
  }
}
