public import ByteBuffers
import JSON
import Schema

/// Answers in Kubernetes' protobuf. Objects are kept as JSON; messages are made from it. (semantics 1.14)
extension Store {
  /// The message of a document of this resource, without envelope. Empty for a document that is no JSON.
  public func protobufMessage(of document: ByteSlice) -> [UInt8] {
    guard let tape = try? JSONTape.parse(document) else { return [] }
    var writer = ProtobufWriter(model, capacity: document.count)
    writer.structure(tape.root, type)
    return writer.bytes
  }
}
