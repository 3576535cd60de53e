import ByteBuffers
import JSON
import Machinery
import Registry

/// What configmaps and secrets have in common.
enum DataRules {
  /// The most bytes of data that one object may hold. (`MaxSecretSize`)
  static let bytesMax = 1 << 20

  /// What has been marked as immutable stays so, and its data as they are: to upstream, which compares by
  /// `reflect.DeepEqual`, a map of nothing is not the same as none.
  ///
  /// `filled`: a map that defaults make where there is none.
  static func frozen(_ members: String..., filled: String? = nil) -> Rule {
    .custom { context in
      guard context.old?["immutable"]?.bool == true else { return }
      let detail = "field is immutable when `immutable` is set"
      if context.value?["immutable"]?.bool != true { context.report(.forbidden(context.path("immutable"), detail)) }
      for name in members {
        let isEmptied = context.value?[name] == nil && name != filled && context.emptied(.member(name)) != nil
        guard isEmptied || !RuleContext.areSame(context.value?[name], context.old?[name]) else { continue }
        context.report(.forbidden(context.path(.member(name)), detail))
      }
    }
  }

  /// How many bytes the values of a map hold.
  static func size(_ map: JSONValue?, isBase64: Bool) -> Int {
    guard case .object(let object)? = map else { return 0 }
    return object.members.reduce(0) { sum, member in
      guard case .string(let text) = member.value else { return sum }
      return sum + (isBase64 ? decodedCount(text) : text.utf8.count)
    }
  }

  /// The count of bytes that a text of base64 stands for.
  private static func decodedCount(_ text: String) -> Int {
    let padding = text.utf8.reversed().prefix(2).prefix { $0 == UInt8(ascii: "=") }.count
    return text.utf8.count / 4 * 3 - padding
  }
}
