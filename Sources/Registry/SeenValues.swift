import ByteBuffers
public import JSON

/// Values that were met, by the bytes of their text: a list of many, of which none is there twice, costs no more than
/// its size. The values are those of a type that was decoded, so that equal ones have equal text.
public struct SeenValues {
  private var texts = Set<JSONText>()
  public init() {}

  /// False for a value that was met before.
  public mutating func insert(_ value: JSONValue) -> Bool {
    texts.insert(JSONText(bytes: ByteSlice(value.encoded()))).inserted
  }
}
