public import JSON

/// What has to be true of an object: one line of a kind's rules. The order of rules is the order of complaints, and
/// their names are those of Kubernetes' declarative validation where it has one.
///
///     static let rules: [Rule] = [
///       .name(.subdomain),
///       .at("spec",
///         .at("replicas", .atLeast(0)),
///         .at("template", .required)),
///     ]
///
/// A list of rules is about one value. `.required` and `.optional` may end it: nothing more is said about a value that
/// is not there. A member that is no pointer in Go has its zero value when it is absent, and the rules see that; where
/// it is to be left alone then, `.optional` says so. An absent pointer is looked at by `.required` and `.immutable`
/// alone.
///
/// Rules are data: `CompiledRules` holds every member's name against the types.
public struct Rule: Sendable {
  let form: Form

  /// What rules are, before their names are looked up.
  indirect enum Form: Sendable {
    typealias Change = @Sendable (JSONValue) -> JSONValue
    case at(String, [Rule])
    case each([Rule], uniqueBy: [String]?)
    case keys([Rule])
    case said(String, [Rule])
    case when(Moment, [Rule])
    case option(String, isSet: Bool, [Rule])
    case tolerating(Tolerance, [Rule])
    case given(Condition, [Rule])
    case ratcheting([Rule])
    case seen(Form.Change, [Rule])
    case all([Rule])
    case check(Check)
    case unique([String])
    case oneMember([String], isNeeded: Bool)
    case depends(String, on: String, Dependence)
    case metadata(NameForm, Moment?, checksFinalizers: Bool)
    case firstOf([Choice], others: String, none: String)
    case `if`(String, is: String, [Rule], else: [Rule])
  }

  /// A member that may be the one of several.
  public struct Choice: Sendable {
    public let name: String
    let rules: [Rule]
    /// How complaints of the rules name it, and the one that it is not the first.
    let path: String
    let forbiddenAs: String
    /// It is looked at, and not forbidden, where others were there before it.
    let mayJoin: Bool

    public init(
      _ name: String, _ rules: [Rule], path: String? = nil, forbiddenAs: String? = nil, mayJoin: Bool = false
    ) {
      self.name = name
      self.rules = rules
      self.path = path ?? name
      self.forbiddenAs = forbiddenAs ?? name
      self.mayJoin = mayJoin
    }
  }

  /// When rules are looked at.
  enum Moment: Sendable { case create, update, part(Subresource) }

  /// What is asked of one value.
  enum Check: Sendable {
    case required(String)
    case optional
    case forbidden(String)
    case immutable(showsValue: Bool)
    case range(Int64?, Int64?, String)
    case oneOf([String])
    case length(min: Int?, max: Int?)
    case bytes(max: Int)
    case items(min: Int?, max: Int?)
    case format(TextFormat)
    case labels
    case labelSelector(anyValue: Bool)
    case custom(Function)
  }

  /// What one member has to do with another.
  struct Dependence: Sendable {
    /// Complains about the member where it is missing; else where it is there.
    let isNeeded: Bool
    /// Counts when the other member's value is one of these; nil: when it is there at all.
    let values: [String]?
    /// Counts when that is not so.
    let isInverted: Bool
    let detail: String
  }

  /// A rule in code: looks at `context.value`, and reports what is wrong with it.
  public typealias Function = @Sendable (inout RuleContext) -> Void
  /// Options that an update has, by the whole object as it shall be and as it was. (`Rule.tolerating`)
  public typealias Tolerance = @Sendable (_ new: JSONValue, _ old: JSONValue) -> [String]

  /// Does something hold of a value? Both as a rule in code is given them.
  public typealias Condition = @Sendable (_ value: JSONValue?, _ old: JSONValue?) -> Bool

  private init(_ form: Form) { self.form = form }

  // MARK: where

  /// Rules for a member.
  public static func at(_ name: String, _ rules: Rule...) -> Rule { Rule(.at(name, rules)) }
  public static func at(_ name: String, _ rules: [Rule]) -> Rule { Rule(.at(name, rules)) }

  /// Rules for each element of a list, said at `[0]`, or each value of a map, said at `[key]`.
  public static func each(_ rules: Rule...) -> Rule { Rule(.each(rules, uniqueBy: nil)) }
  public static func each(_ rules: [Rule]) -> Rule { Rule(.each(rules, uniqueBy: nil)) }

  /// As `each`; an element whose `key` an earlier one had already is then called a duplicate, at `[1].key`.
  public static func each(uniqueBy key: String, _ rules: [Rule]) -> Rule { Rule(.each(rules, uniqueBy: [key])) }

  /// A list that must not be empty, with rules for each of its elements. `uniqueBy`: as in `each`.
  public static func someOf(_ name: String, _ rules: [Rule], uniqueBy key: String? = nil) -> Rule {
    at(name, .required, Rule(.each(rules, uniqueBy: key.map { [$0] })))
  }

  /// Rules for the keys of a map, said at `[key]`.
  public static func keys(_ rules: Rule...) -> Rule { Rule(.keys(rules)) }

  /// Rules that complain as if the value stood elsewhere, where upstream's messages name another place.
  public static func said(at path: String, _ rules: Rule...) -> Rule { Rule(.said(path, rules)) }

  /// Several rules as one.
  public static func all(_ rules: [Rule]) -> Rule { Rule(.all(rules)) }

  // MARK: when

  /// Rules that are looked at when an object is made.
  public static func onCreate(_ rules: Rule...) -> Rule { Rule(.when(.create, rules)) }
  public static func onCreate(_ rules: [Rule]) -> Rule { Rule(.when(.create, rules)) }
  /// Rules that are looked at when an object changes, by whatever sub-resource.
  public static func onUpdate(_ rules: Rule...) -> Rule { Rule(.when(.update, rules)) }
  public static func onUpdate(_ rules: [Rule]) -> Rule { Rule(.when(.update, rules)) }
  /// Rules for writes of this part of an object; a creation is one of `.main`.
  public static func on(_ part: Subresource, _ rules: Rule...) -> Rule { Rule(.when(.part(part), rules)) }
  public static func on(_ part: Subresource, _ rules: [Rule]) -> Rule { Rule(.when(.part(part), rules)) }
  /// Rules for writes that carry an option: a feature, or the version that was asked for.
  public static func ifOption(_ name: String, _ rules: Rule...) -> Rule { Rule(.option(name, isSet: true, rules)) }
  /// Rules for writes without an option.
  public static func unlessOption(_ name: String, _ rules: Rule...) -> Rule { Rule(.option(name, isSet: false, rules)) }
  /// Rules that see more options in an update, as `tolerance` finds them: mostly what an object may go on to be because
  /// it was so before. Asked once for each update. (What upstream computes `ValidationOptions` from.)
  public static func tolerating(_ tolerance: @escaping Tolerance, _ rules: Rule...) -> Rule {
    Rule(.tolerating(tolerance, rules))
  }
  /// Rules for values of which something holds.
  public static func given(_ condition: @escaping Condition, _ rules: Rule...) -> Rule {
    Rule(.given(condition, rules))
  }
  /// Rules for each element of a list of at most so many; of more nothing is said but that they are too many.
  public static func few(_ count: Int, _ rules: Rule...) -> Rule {
    .all([
      .maxItems(count),
      Rule(.given({ value, _ in (value?.array?.count ?? 0) <= count }, [Rule(.each(rules, uniqueBy: nil))])),
    ])
  }
  /// Rules for a value as `change` shows it, where it is judged by what becomes of it. What was there before is shown as
  /// it was.
  public static func seen(as change: @escaping @Sendable (JSONValue) -> JSONValue, _ rules: Rule...) -> Rule {
    Rule(.seen(change, rules))
  }
  /// Rules that an update is spared if it leaves the value as it was.
  public static func ratcheting(_ rules: Rule...) -> Rule { Rule(.ratcheting(rules)) }

  // MARK: presence

  /// Ends the list with a complaint where the value is not there: an absent pointer, or nothing but a zero value.
  public static let required = required("")
  public static func required(_ detail: String) -> Rule { Rule(.check(.required(detail))) }
  /// Ends the list, with nothing said, where the value is not there.
  public static let optional = Rule(.check(.optional))
  /// The value must not be there.
  public static let forbidden = forbidden("")
  public static func forbidden(_ detail: String) -> Rule { Rule(.check(.forbidden(detail))) }
  /// Must not change; the complaint shows the new value. (`ValidateImmutableField`)
  public static let immutable = Rule(.check(.immutable(showsValue: true)))
  /// Must not change, as declarative validation says it: without the value.
  public static let immutableUnshown = Rule(.check(.immutable(showsValue: false)))

  /// `member` must be there when `other` has one of these values.
  public static func requiredWhen(_ member: String, _ other: String, is values: String..., detail: String = "") -> Rule
  {
    depends(member, other, Dependence(isNeeded: true, values: values, isInverted: false, detail: detail))
  }
  /// `member` must be there when `other` is.
  public static func requiredWith(_ member: String, _ other: String, detail: String = "") -> Rule {
    depends(member, other, Dependence(isNeeded: true, values: nil, isInverted: false, detail: detail))
  }
  /// `member` must not be there when `other` has one of these values.
  public static func forbiddenWhen(_ member: String, _ other: String, is values: String..., detail: String = "") -> Rule
  {
    depends(member, other, Dependence(isNeeded: false, values: values, isInverted: false, detail: detail))
  }
  /// `member` may be there only when `other` is.
  public static func forbiddenUnless(_ member: String, _ other: String, detail: String = "") -> Rule {
    depends(member, other, Dependence(isNeeded: false, values: nil, isInverted: true, detail: detail))
  }
  /// `member` may be there only when `other` has one of these values.
  public static func forbiddenUnless(
    _ member: String, _ other: String, is values: String..., detail: String = ""
  ) -> Rule {
    depends(member, other, Dependence(isNeeded: false, values: values, isInverted: true, detail: detail))
  }
  private static func depends(_ member: String, _ other: String, _ how: Dependence) -> Rule {
    Rule(.depends(member, on: other, how))
  }
  /// One of these members must be there, and no other of them. (`validate.Union`)
  public static func exactlyOneOf(_ members: String...) -> Rule { Rule(.oneMember(members, isNeeded: true)) }
  /// No two of these members may be there. (`validate.ZeroOrOneOfUnion`)
  public static func atMostOneOf(_ members: String...) -> Rule { Rule(.oneMember(members, isNeeded: false)) }

  /// Rules for the first of these members that is there; whichever else is there is forbidden, with the detail
  /// `others`, and where none is the value is called missing, with the detail `none`.
  public static func firstOf(_ choices: [Choice], others: String, none: String) -> Rule {
    Rule(.firstOf(choices, others: others, none: none))
  }
  /// Rules for a value whose `member` has one text, and for all others.
  public static func `if`(_ member: String, is text: String, _ rules: [Rule], else others: [Rule] = []) -> Rule {
    Rule(.if(member, is: text, rules, else: others))
  }

  // MARK: values

  /// `detail`: where upstream says it in other words.
  public static func above(_ number: Int64, _ detail: String? = nil) -> Rule {
    // What is above the largest number is nothing.
    let (least, isTooLarge) = number.addingReportingOverflow(1)
    return Rule(.check(.range(isTooLarge ? .max : least, nil, detail ?? "must be greater than \(number)")))
  }
  public static func atLeast(_ number: Int64) -> Rule {
    Rule(.check(.range(number, nil, "must be greater than or equal to \(number)")))
  }
  public static func atMost(_ number: Int64) -> Rule {
    Rule(.check(.range(nil, number, "must be less than or equal to \(number)")))
  }
  public static func between(_ least: Int64, _ most: Int64, _ detail: String? = nil) -> Rule {
    Rule(.check(.range(least, most, detail ?? "must be between \(least) and \(most), inclusive")))
  }
  /// One of these texts; a complaint lists them in the order given. Upstream mostly sorts them.
  public static func oneOf(_ values: String...) -> Rule { Rule(.check(.oneOf(values))) }
  /// Length in characters.
  public static func maxLength(_ characters: Int) -> Rule { Rule(.check(.length(min: nil, max: characters))) }
  public static func minLength(_ characters: Int) -> Rule { Rule(.check(.length(min: characters, max: nil))) }
  public static func maxBytes(_ bytes: Int) -> Rule { Rule(.check(.bytes(max: bytes))) }
  public static func maxItems(_ count: Int) -> Rule { Rule(.check(.items(min: nil, max: count))) }
  public static func minItems(_ count: Int) -> Rule { Rule(.check(.items(min: count, max: nil))) }
  public static func format(_ format: TextFormat) -> Rule { Rule(.check(.format(format))) }
  /// A map of labels. (`ValidateLabels`)
  public static let labels = Rule(.check(.labels))
  /// (`ValidateLabelSelector`)
  public static let labelSelector = Rule(.check(.labelSelector(anyValue: false)))
  /// The same, but that expressions may ask for values that no label has. (`AllowInvalidLabelValueInSelector`)
  public static let labelSelectorOfAnyValue = Rule(.check(.labelSelector(anyValue: true)))
  /// No element of a list twice; structs are compared by these members, or as a whole. A complaint stands at `[1]` and
  /// shows the element. (`validate.Unique`)
  public static func unique(by members: String...) -> Rule { Rule(.unique(members)) }
  public static let unique = Rule(.unique([]))
  /// What no other rule can say. Not asked about a value that neither was there nor is.
  public static func custom(_ function: @escaping Function) -> Rule { Rule(.check(.custom(function))) }

  // MARK: metadata

  /// Rules for metadata, and for the object's name: those for an object that is made, or for one that changes.
  /// `checksFinalizers`: those without a domain must be Kubernetes' own, as most groups have it.
  public static func name(_ form: NameForm, checksFinalizers: Bool = true) -> Rule {
    Rule(.metadata(form, nil, checksFinalizers: checksFinalizers))
  }
  /// Rules for metadata as a creation has them, whatever the write. (`ValidateObjectMeta`)
  public static func metadata(_ form: NameForm, checksFinalizers: Bool = true) -> Rule {
    Rule(.metadata(form, .create, checksFinalizers: checksFinalizers))
  }
  /// Rules for metadata that changes. (`ValidateObjectMetaUpdate`)
  public static let metadataUpdate = metadataUpdate(checksFinalizers: true)
  public static func metadataUpdate(checksFinalizers: Bool) -> Rule {
    Rule(.metadata(.pathSegment, .update, checksFinalizers: checksFinalizers))
  }
}
