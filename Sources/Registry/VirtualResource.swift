import FieldManagement
public import JSON
public import Machinery
public import Schema

/// A resource that is answered and not stored, whose one verb is `create`: a review. (Kubernetes: a `rest.Storage` with
/// a `Creater` and nothing else.)
public struct VirtualResource: Sendable {
  public let reader: ObjectReader
  private let fields: FieldManager

  public var info: ResourceInfo { reader.info }

  public init(_ info: ResourceInfo, model: TypeModel = .builtin) {
    guard let type = model.type(info.typeName) else { preconditionFailure("no facts about \(info.typeName)") }
    reader = ObjectReader(info, applyDefaults: { _ in }, mendDefaults: nil, model: model, type: type)
    let empty = (try? model.decode(tree: .object(JSONObject()), as: type).value) ?? .object(JSONObject())
    fields = FieldManager(model, type: type, kind: GroupVersionKind(info.groupVersion, kind: info.kind), empty: empty)
  }

  /// A decoded body as it goes to whoever answers it: in the namespace of the request and with its field owners, which
  /// upstream keeps here too. Throws 400.
  public func received(_ body: JSONValue, namespace: String, options: WriteOptions) throws(Status) -> JSONValue {
    var object = body
    var metadata = object["metadata"]?.object ?? JSONObject()
    try info.place(&metadata, in: namespace)
    object["metadata"] = .object(MetadataOrder.sorted(metadata))
    let manager = FieldManager.manager(named: options.fieldManager, userAgent: options.userAgent)
    fields.update(
      live: nil, new: &object, writer: FieldManager.Writer(name: manager, subresource: "", resetFields: FieldSet()),
      now: Timestamp.now)
    return object
  }
}
