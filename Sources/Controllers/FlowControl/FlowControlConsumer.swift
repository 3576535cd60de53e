import Cacher
import JSON
import Machinery
public import Registry

/// Says in the status of each flow schema whether its priority level is there. (Kubernetes:
/// staging/src/k8s.io/apiserver/pkg/util/flowcontrol, `presyncFlowSchemaStatus`)
public final class FlowControlConsumer: StartHook, Controller {
  public let name = "priority-and-fairness-config-consumer"
  public let queue = WorkQueue("priority_and_fairness_config_queue")
  /// After a start all schemas have to be told at once, so that the storage writes them in one go.
  public let workers = 12
  private let schemas: Store
  private let levels: Store
  private let client: SystemClient

  public init(flowSchemas: Store, priorityLevels: Store, _ client: SystemClient) {
    schemas = flowSchemas
    levels = priorityLevels
    self.client = client.managing(as: "api-priority-and-fairness-config-consumer-v1")
  }

  /// Nobody waits for it.
  public func check() {}

  /// In whose place a level stands among the keys: neither kind has namespaces.
  private static let level = "level"

  public var sources: [EventSource] {
    [
      EventSource(objectsOf: schemas),
      // That it changes tells a schema nothing.
      EventSource(levels) { [levels] event, object in
        event.kind == .modified ? [] : [ObjectName(levels.objectName(of: object.key).name, namespace: Self.level)]
      },
    ]
  }

  public func sync(_ key: ObjectName) async throws -> SyncOutcome {
    if key.namespace == Self.level {
      for schema in try await schemas(of: key.name) { queue.add(schema) }
      return .done
    }
    guard let found = try await client.get(key, in: schemas) else { return .done }
    let schema = try schemas.tree(of: found)
    let level = schema["spec"]?["priorityLevelConfiguration"]?["name"]?.string ?? ""
    let isThere = try await client.get(ObjectName(level), in: levels) != nil
    guard let condition = Self.condition(schema, level, isThere: isThere, now: Timestamp.now) else { return .done }
    let wanted: JSONValue = [
      "apiVersion": .string(schemas.info.groupVersion.description), "kind": .string(schemas.info.kind),
      "metadata": ["name": .string(key.name)], "status": ["conditions": [condition]],
    ]
    do throws(Status) { try await client.apply(wanted, in: schemas, subresource: .status) } catch {
      // It went meanwhile.
      if error.code != 404 { throw error }
    }
    return .done
  }

  /// The condition as it has to be written; nil where it says so already.
  static func condition(_ schema: JSONValue, _ level: String, isThere: Bool, now: Int64) -> JSONValue? {
    let text = "This FlowSchema references the PriorityLevelConfiguration object named \(GoText.quoted(level))"
    let status: JSONValue = isThere ? "False" : "True"
    let reason: JSONValue = isThere ? "Found" : "NotFound"
    let message = JSONValue.string(text + (isThere ? " and it exists" : " but there is no such object"))
    let old = schema["status"]?["conditions"]?.array?.first { $0["type"]?.string == "Dangling" }
    if let old, old["status"] == status, old["reason"] == reason, old["message"] == message { return nil }
    return [
      "type": "Dangling", "status": status, "lastTransitionTime": .string(Timestamp.text(now)), "reason": reason,
      "message": message,
    ]
  }

  /// All that lead to a level.
  private func schemas(of level: String) async throws(Status) -> [ObjectName] {
    var options = ListOptions()
    options.resourceVersion = "0"
    let list = try await schemas.list(schemas.prepareList(options, namespace: ""))
    return list.objects.compactMap { object in
      let spec = (try? JSONTape.parse(object.object).root)?["spec"]
      let name = spec?["priorityLevelConfiguration"]?["name"]?.string
      return name == level ? schemas.objectName(of: object.key) : nil
    }
  }
}
