import ByteBuffers
import JSON
import Synchronization

/// Sets of fields by their text. Objects of a fleet are mostly owned alike, and reading and writing sets is most of
/// what ownership costs a write.
///
/// Bounded: two generations of `capacity` sets each, of texts up to `largestText` bytes. What was of use lately
/// survives.
final class FieldSetCache: Sendable {
  /// A set, and how it is written.
  struct Known: Sendable {
    let set: FieldSet
    let text: JSONText
  }

  private struct Generations: Sendable {
    var young: [JSONText: Known] = [:]
    var old: [JSONText: Known] = [:]
  }

  private static let capacity = 256
  private static let largestText = 16 << 10
  private let schema: MergeSchema?
  private let generations = Mutex(Generations())

  /// `schema`: what sets are reconciled with as they are read.
  init(_ schema: MergeSchema?) { self.schema = schema }

  /// Throws for what is no set.
  func read(_ text: JSONText) throws(FieldsError) -> Known {
    if let known = generations.withLock({ $0.young[text] }) { return known }
    let known: Known
    if let found = generations.withLock({ $0.old[text] }) {
      known = found
    } else {
      let set = try read(text.value)
      known = Known(set: set, text: JSONText(bytes: ByteSlice(set.fieldsV1.encoded())))
    }
    guard text.bytes.count <= Self.largestText else { return known }
    // A copy: the text is mostly a part of something larger, which must not live as long.
    let key =
      text == known.text ? known.text : JSONText(bytes: ByteSlice(text.bytes.withUnsafeBytes { SharedBytes($0) }))
    generations.withLock {
      if $0.young.count >= Self.capacity { $0 = Generations(old: $0.young) }
      $0.young[key] = known
    }
    return known
  }

  /// A set that is no text.
  func read(_ fields: JSONValue) throws(FieldsError) -> FieldSet {
    let set = try FieldSet(fieldsV1: fields)
    return schema?.reconciled(set) ?? set
  }
}
