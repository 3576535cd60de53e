import JSON
import Machinery
import Registry

extension ResourceDefinition {
  /// What somebody tells of an object, for people to read. Two groups have it: what is written by one can be read by
  /// the other. (Kubernetes: pkg/registry/core/event)
  ///
  /// `timeToLive`: how long an event lives after it was last written; nil for good.
  static func events(timeToLive: Duration?) -> ResourceDefinition {
    ResourceDefinition(
      "events", kind: "Event", shortNames: ["ev"], scope: .namespaced, folder: "events",
      versions: [.v1, ServedVersion("v1", group: "events.k8s.io", conversion: EventConversion.inEventsV1)],
      puts: [.mayCreate], rules: EventRules.all, deletion: DeletionRule { $0.ignoresPropagation = true },
      timeToLive: timeToLive, selectableFields: EventFields.selectable, unknownField: .label,
      columns: EventTable.columns)
  }
}

/// What selectors may ask of events. (Kubernetes: `ToSelectableFields`)
enum EventFields {
  static let selectable: [SelectableField] =
    [
      "involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
      "involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath", "reason",
      "reportingComponent",
    ].map { SelectableField($0) } + [SelectableField("source", value: source), SelectableField("type")]

  private static func source(_ event: FieldReader) -> String {
    let component = event.text(["source", "component"]) ?? ""
    return component.isEmpty ? event.text(["reportingComponent"]) ?? "" : component
  }
}
