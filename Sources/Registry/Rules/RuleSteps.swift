import JSON

/// Rules as they are walked: names have been looked up, and what the types say is at hand. It does not show how the
/// rules were written: other front ends than `Rule` make the same.
indirect enum RuleStep: Sendable {
  case member(Member, Inner)
  case each(Inner, Uniqueness?)
  case keys(Inner)
  case said(String, Inner)
  case when(Rule.Moment, Inner)
  case option(String, isSet: Bool, Inner)
  case tolerating(Rule.Tolerance, Inner)
  case given(Rule.Condition, Inner)
  case ratcheting(Inner)
  case seen(Rule.Form.Change, Inner)
  case all(Inner)
  case check(Rule.Check, Place)
  case unique(Uniqueness)
  case oneMember([Member], isNeeded: Bool)
  case depends(Member, on: Member, Rule.Dependence)
  case metadata(NameForm, Rule.Moment?, checksFinalizers: Bool)
  case firstOf([Choice], others: String, none: String)
  case `if`(Member, is: String, Inner, else: Inner)

  /// Steps that are taken one after the other.
  struct Inner: Sendable {
    let steps: [RuleStep]
    /// Does one of them look at what was there before?
    let needsOld: Bool
  }

  /// What is known of a value from where it stands.
  struct Place: Sendable {
    /// A pointer that is set is there, whatever it points to.
    var isPointer = false
    /// A struct, which is there when something in it is; a map is there when it has entries.
    var isStruct = false
    /// Messages show the value as JSON, not as Go's `%q`: it has a type of its own, or is a pointer.
    var isShownAsJSON = false
  }

  struct Member: Sendable {
    let name: String
    let place: Place
    /// What an absent member counts as; nil for pointers.
    let zero: JSONValue?
  }

  /// A member that may be the one of several.
  struct Choice: Sendable {
    let member: Member
    let inner: Inner
    let path: String
    let forbiddenAs: String
    let mayJoin: Bool
  }

  /// Elements that must differ.
  struct Uniqueness: Sendable {
    /// The members that are compared; none for the whole element.
    let members: [String]
    /// The complaint stands at this member, and shows it; nil for the element.
    let saidAt: String?
    /// Elements before and after an update are the same that have these members alike; empty where nothing tells.
    let mapKeys: [String]
  }
}
