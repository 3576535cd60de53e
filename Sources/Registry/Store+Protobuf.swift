public import ByteBuffers
import JSON
public import Machinery
import Schema

/// Bodies and answers in Kubernetes' protobuf. Objects are kept as JSON; messages are made from it and read into it. (SEMANTICS 1.14)
extension Store {
  /// A request body as JSON. What stands in an envelope of another type is not looked at: `decodeBody` refuses the type. Throws 400.
  public func json(ofProtobuf body: ByteSlice) throws(Status) -> ByteSlice {
    let envelope: ProtobufEnvelope
    do { envelope = try ProtobufEnvelope(body) } catch {
      throw .badRequest("the object provided is unrecognized (must be of type \(info.kind)): \(error) (\(Self.summary(body)))")
    }
    let version = info.groupVersion.description
    var object = JSONValue.object([:])
    if [info.kind, ""].contains(envelope.kind) && [version, ""].contains(envelope.apiVersion) {
      do { object = try model.decodeProtobuf(envelope.raw, as: type) } catch {
        throw .badRequest("\(info.kind) in version \(GoText.quoted(info.groupVersion.version)) cannot be handled as a \(info.kind): \(error)")
      }
    }
    return ByteSlice(envelope.named(object).encoded())
  }

  /// The message of a document of this resource, without envelope. Empty for a document that is no JSON.
  public func protobufMessage(of document: ByteSlice) -> [UInt8] {
    guard let tape = try? JSONTape.parse(document) else { return [] }
    var writer = ProtobufWriter(model, capacity: document.count)
    writer.structure(tape.root, type)
    return writer.bytes
  }
}
