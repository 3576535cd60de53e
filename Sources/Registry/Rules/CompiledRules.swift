public import JSON
public import Machinery
public import Schema

/// A kind's rules, ready to be asked: made once, at start.
public struct CompiledRules: Sendable {
  /// Names that the types do not have, and rules that do not fit what they stand at, a line each. A kind with problems
  /// must not be served.
  public let problems: [String]
  private let inner: RuleStep.Inner
  private let isNamespaced: Bool

  /// `type`: that of the objects.
  public init(_ rules: [Rule], type: TypeModel.TypeID, model: TypeModel, isNamespaced: Bool) {
    var compiler = RuleCompiler(model)
    inner = compiler.compile(rules, RuleCompiler.Subject(shape: .structure(type), path: ""))
    problems = compiler.problems.map { "\(model[type].name): \($0)" }
    self.isNamespaced = isNamespaced
  }

  /// What is wrong with an object, in the order of the rules.
  ///
  /// `old`: what an update replaces. `options`: see `Rule.ifOption`. `isMetaGood`: `MetaValidation.validate` has found
  /// nothing wrong with the metadata by a rule for names of any kind. `traces`: see `RuleContext.traces`.
  public func check(
    _ object: JSONValue, old: JSONValue? = nil, subresource: Subresource = .main, options: [String] = [],
    isMetaGood: Bool = false, traces: JSONValue? = nil
  ) -> [FieldError] {
    var context = RuleContext(
      object, old: old, subresource: subresource, options: options, isNamespaced: isNamespaced, isMetaGood: isMetaGood)
    context.traces = traces
    _ = context.run(inner, object, old)
    return context.errors
  }
}
