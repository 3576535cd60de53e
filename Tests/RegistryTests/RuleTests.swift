import JSON
import Machinery
import Testing

@testable import Registry
@testable import Resources
@testable import Schema

/// A made-up kind.
private let facts = """
  T io.k8s.api.test.v1.Fleet test/v1/Fleet
  kind s e
  apiVersion s e
  metadata Rmeta.v1.ObjectMeta e
  spec Rtest.v1.FleetSpec e
  T io.k8s.api.test.v1.FleetSpec -
  home s e
  count *i e
  size l e
  policy s e go=v1.Policy
  ships [Rtest.v1.Ship e lt=map mk=name
  flags [s e lt=set
  notes {s e
  selector *Rtest.v1.LabelSelector e
  captain *Rtest.v1.Captain e
  deputy *Rtest.v1.Captain e
  motto *s e
  sailed t e
  T io.k8s.api.test.v1.Ship -
  name s a
  guns i e
  mast Rtest.v1.Captain e
  T io.k8s.api.test.v1.Captain -
  name s e
  T io.k8s.api.test.v1.LabelSelector -
  matchLabels {s e
  matchExpressions [Rtest.v1.Term e
  T io.k8s.api.test.v1.Term -
  key s a
  operator s a
  values [s e
  T io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta -
  name s e
  finalizers [s e
  """

private let model = TypeModel(facts: facts)

private func compiled(_ rules: [Rule]) throws -> CompiledRules {
  let type = try #require(model.type("io.k8s.api.test.v1.Fleet"))
  return CompiledRules(rules, type: type, model: model, isNamespaced: false)
}

/// What rules for the spec say of one.
private func said(
  _ rules: [Rule], _ spec: JSONValue, old: JSONValue? = nil, subresource: Subresource = .main, options: [String] = []
) throws -> [String] {
  let rules = try compiled([.at("spec", rules)])
  #expect(rules.problems == [])
  return rules.check(
    ["spec": spec], old: old.map { ["spec": $0] }, subresource: subresource, options: options
  ).map(\.message)
}

@Suite struct `Rules of values` {
  @Test func `a value that is needed ends the list where it is not there`() throws {
    #expect(try said([.at("home", .required, .format(.dns1123Label))], [:]) == ["spec.home: Required value"])
    #expect(try said([.at("home", .required("say where"))], ["home": ""]) == ["spec.home: Required value: say where"])
    #expect(try said([.at("home", .required, .format(.dns1123Label))], ["home": "port"]) == [])
    #expect(try said([.at("captain", .required)], ["captain": [:]]) == [])
    #expect(try said([.at("captain", .required)], ["captain": .null]) == ["spec.captain: Required value"])
    #expect(try said([.at("notes", .required)], ["notes": ["a": ""]]) == [])
    #expect(try said([.at("notes", .required)], ["notes": [:]]) == ["spec.notes: Required value"])
    // A pointer to nothing much is there.
    #expect(try said([.at("motto", .required)], ["motto": ""]) == [])
    #expect(try said([.at("sailed", .required)], ["sailed": .null]) == ["spec.sailed: Required value"])
  }

  @Test func `what is no pointer is looked at even where it is absent, unless it is optional`() throws {
    #expect(try said([.at("size", .above(0))], [:]) == ["spec.size: Invalid value: 0: must be greater than 0"])
    #expect(try said([.at("size", .optional, .above(0))], [:]) == [])
    #expect(try said([.at("count", .above(0))], [:]) == [])
    #expect(try said([.at("count", .optional, .above(0))], ["count": 0]).count == 1)
    #expect(try said([.at("captain", .at("name", .required))], [:]) == [])
    #expect(
      try said([.at("captain", .at("name", .required))], ["captain": [:]]) == ["spec.captain.name: Required value"])
    #expect(
      try said([.at("ships", .each(.at("mast", .at("name", .required))))], ["ships": [["name": "a"]]]) == [
        "spec.ships[0].mast.name: Required value"
      ])
  }

  @Test(arguments: [
    (Rule.above(2), 2, 3, "must be greater than 2"), (.atLeast(2), 1, 2, "must be greater than or equal to 2"),
    (.atMost(2), 3, 2, "must be less than or equal to 2"), (.between(2, 4), 5, 4, "must be between 2 and 4, inclusive"),
    (.between(2, 4), 1, 2, "must be between 2 and 4, inclusive"), (.above(2, "must be many"), -1, 3, "must be many"),
  ])
  func `numbers have bounds`(rule: Rule, bad: Int64, good: Int64, detail: String) throws {
    #expect(try said([.at("count", rule)], ["count": .int(bad)]) == ["spec.count: Invalid value: \(bad): \(detail)"])
    #expect(try said([.at("count", rule)], ["count": .int(good)]) == [])
  }

  @Test func `nothing is above the largest number but that number is not above itself`() throws {
    #expect(try said([.at("size", .above(.max - 1))], ["size": .int(.max)]) == [])
    #expect(try said([.at("size", .above(.max - 1))], ["size": .int(.max - 1)]).count == 1)
  }

  @Test func `a text is one of those that are listed, in the order of the list`() throws {
    let rules: [Rule] = [.at("policy", .oneOf("Sink", "Raise"))]
    #expect(try said(rules, ["policy": "Raise"]) == [])
    #expect(
      try said(rules, ["policy": "x<"]) == [
        #"spec.policy: Unsupported value: "x\u003c": supported values: "Sink", "Raise""#
      ])
    // A plain string is quoted as Go does it, one with a type of its own as JSON.
    #expect(
      try said([.at("home", .oneOf("A"))], ["home": "x<"]) == [
        #"spec.home: Unsupported value: "x<": supported values: "A""#
      ])
  }

  @Test func `lengths are of characters, bytes and items`() throws {
    #expect(try said([.at("home", .maxLength(2), .minLength(2), .maxBytes(4))], ["home": "\u{E4}\u{E4}"]) == [])
    #expect(
      try said([.at("home", .maxLength(2))], ["home": "abc"]) == [
        "spec.home: Too long: may not be more than 2 characters"
      ])
    #expect(
      try said([.at("home", .minLength(2))], ["home": "\u{E4}"]) == [
        "spec.home: Too short: must be at least 2 characters"
      ])
    #expect(
      try said([.at("home", .maxBytes(1))], ["home": "\u{E4}"]) == ["spec.home: Too long: may not be more than 1 byte"])
    #expect(
      try said([.at("flags", .maxItems(1))], ["flags": ["a", "b"]]) == [
        "spec.flags: Too many: 2: must have at most 1 item"
      ])
    #expect(try said([.at("flags", .minItems(2))], [:]) == ["spec.flags: Too few: 0: must have at least 2 items"])
    #expect(try said([.at("flags", .minItems(2), .maxItems(2))], ["flags": ["a", "b"]]) == [])
  }

  @Test(
    arguments: [
      (TextFormat.dns1123Subdomain, "a.b", "A"), (.dns1123Label, "a", "a.b"), (.dns1035Label, "a", "1"),
      (.labelKey, "a/b", "a/b/c"), (.labelValue, "a", "-"), (.qualifiedName, "A", "-"), (.configMapKey, "a_b", "..a"),
      (.configMapKey, "...", "a b"), (.cIdentifier, "_a1", "1a"), (.pathSegment, "a", "."),
      (.uuid, "0123abcd-0123-0123-0123-0123456789ab", "0123ABCD-0123-0123-0123-0123456789ab"),
      (.kubeFinalizer, "a/b", "b"),
    ] as [(TextFormat, String, String)])
  func `texts have forms`(format: TextFormat, good: String, bad: String) throws {
    if good != "..." { #expect(try said([.at("home", .format(format))], ["home": .string(good)]) == []) }
    #expect(try said([.at("home", .format(format))], ["home": .string(bad)]).count == 1)
  }

  @Test func `labels and selectors are Kubernetes' own`() throws {
    let rules: [Rule] = [.at("notes", .labels), .at("selector", .labelSelector)]
    #expect(
      try said(
        rules,
        [
          "notes": ["a": "b"],
          "selector": [
            "matchLabels": ["a": "b"], "matchExpressions": [["key": "a", "operator": "In", "values": ["b"]]],
          ],
        ]) == [])
    let bad: JSONValue = [
      "notes": ["a/": "-"],
      "selector": [
        "matchLabels": ["/a": "b"],
        "matchExpressions": [
          ["key": "a", "operator": "In"], ["key": "", "operator": "Exists", "values": ["-"]],
          ["key": "a", "operator": "Like"],
        ],
      ],
    ]
    let fields = try compiled([.at("spec", rules)]).check(["spec": bad]).map { "\($0.field) \($0.kind.rawValue)" }
    #expect(
      fields == [
        "spec.notes FieldValueInvalid", "spec.notes FieldValueInvalid", "spec.notes FieldValueInvalid",
        "spec.selector.matchLabels FieldValueInvalid", "spec.selector.matchExpressions[0].values FieldValueRequired",
        "spec.selector.matchExpressions[1].values FieldValueForbidden",
        "spec.selector.matchExpressions[1].key FieldValueInvalid",
        "spec.selector.matchExpressions[1].key FieldValueInvalid",
        "spec.selector.matchExpressions[1].values[0] FieldValueInvalid",
        "spec.selector.matchExpressions[2].operator FieldValueInvalid",
      ])
  }

  @Test func `elements and keys are named by where they stand`() throws {
    let rules: [Rule] = [
      .at("flags", .each(.maxBytes(1))), .at("notes", .keys(.maxBytes(1)), .each(.maxBytes(2))),
    ]
    #expect(
      try said(rules, ["flags": ["a", "bb"], "notes": ["cc": "ddd"]]) == [
        "spec.flags[1]: Too long: may not be more than 1 byte", "spec.notes[cc]: Too long: may not be more than 1 byte",
        "spec.notes[cc]: Too long: may not be more than 2 bytes",
      ])
  }

  @Test func `what is there twice is a duplicate`() throws {
    #expect(try said([.at("flags", .unique)], ["flags": ["a", "b", "a"]]) == [#"spec.flags[2]: Duplicate value: "a""#])
    #expect(
      try said([.at("ships", .unique(by: "name"))], ["ships": [["name": "a"], ["name": "a", "guns": 1]]]) == [
        #"spec.ships[1]: Duplicate value: {"name":"a","guns":1}"#
      ])
    #expect(
      try said([.at("ships", .unique(by: "name", "guns"))], ["ships": [["name": "a"], ["name": "a", "guns": 1]]]) == [])
    // Texts that are equivalent are not the same.
    #expect(try said([.at("flags", .unique)], ["flags": ["\u{212B}", "\u{C5}"]]) == [])
  }

  @Test func `some elements, each with a name of its own`() throws {
    let ship: [Rule] = [.at("name", .required), .at("guns", .atLeast(0))]
    let rules: [Rule] = [.someOf("ships", ship, uniqueBy: "name")]
    #expect(try said(rules, [:]) == ["spec.ships: Required value"])
    #expect(try said(rules, ["ships": [["name": "a"], ["name": "b"]]]) == [])
    #expect(
      try said(rules, ["ships": [["name": "a"], ["name": "a", "guns": -1], [:]]]) == [
        "spec.ships[1].guns: Invalid value: -1: must be greater than or equal to 0",
        #"spec.ships[1].name: Duplicate value: "a""#, "spec.ships[2].name: Required value",
      ])
    // Who has no name has not the same as others without one.
    #expect(
      try said(rules, ["ships": [["name": ""], ["name": ""]]]) == [
        "spec.ships[0].name: Required value", "spec.ships[1].name: Required value",
      ])
  }

  @Test func `expressions may ask for any values where the rule says so`() throws {
    let selector: JSONValue = [
      "selector": ["matchExpressions": [["key": "a b", "operator": "In", "values": ["bad value!"]]]]
    ]
    #expect(try said([.at("selector", .labelSelector)], selector).count == 2)
    let problems = try said([.at("selector", .labelSelectorOfAnyValue)], selector)
    #expect(problems.count == 1)
    #expect(problems.first?.hasPrefix("spec.selector.matchExpressions[0].key: Invalid value") == true)
  }

  @Test func `of several members the first that is there is looked at and the others are forbidden`() throws {
    let rules: [Rule] = [
      .firstOf(
        [
          .init("captain", [.at("name", .required)], path: "skipper"),
          .init("deputy", [.at("name", .required)], forbiddenAs: "mate"),
          .init("motto", [.format(.dns1123Label)], mayJoin: true),
        ], others: "only one", none: "say who")
    ]
    #expect(try said(rules, [:]) == ["spec: Required value: say who"])
    #expect(try said(rules, ["captain": .null]) == ["spec: Required value: say who"])
    #expect(try said(rules, ["captain": [:]]) == ["spec.skipper.name: Required value"])
    #expect(try said(rules, ["deputy": ["name": "a"]]) == [])
    #expect(
      try said(rules, ["captain": ["name": "a"], "deputy": [:], "motto": "b"]) == ["spec.mate: Forbidden: only one"])
    #expect(try said(rules, ["deputy": ["name": "a"], "motto": "-"]).count == 1)
    #expect(
      try compiled([.at("spec", .firstOf([.init("nobody", [])], others: "", none: ""))]).problems == [
        "io.k8s.api.test.v1.Fleet: spec.nobody: io.k8s.api.test.v1.FleetSpec has no member nobody"
      ])
  }
}

@Suite struct `Rules of members and changes` {
  @Test func `an update may go on being what the object was`() throws {
    let wasBad: Rule.Tolerance = { new, old in
      old["spec"]?["home"] == "bad" && new["spec"]?["size"] == 1 ? ["bad homes"] : []
    }
    let rules: [Rule] = [
      .tolerating(wasBad, .at("home", .unlessOption("bad homes", .oneOf("good")))), .at("motto", .required),
      .ifOption("bad homes", .at("captain", .required)),
    ]
    let refused = [#"spec.home: Unsupported value: "bad": supported values: "good""#]
    #expect(try said(rules, ["home": "bad", "motto": ""]) == refused)
    #expect(try said(rules, ["home": "bad", "size": 1, "motto": ""], old: ["home": "bad"]) == [])
    #expect(try said(rules, ["home": "bad", "size": 1, "motto": ""], old: ["home": "good"]) == refused)
    #expect(try said(rules, ["home": "bad", "size": 2, "motto": ""], old: ["home": "bad"]) == refused)
  }

  @Test func `what must not change is shown as it is now, or not at all`() throws {
    let rules: [Rule] = [.at("home", .immutable), .at("motto", .immutable), .at("size", .immutableUnshown)]
    let old: JSONValue = ["home": "a", "motto": "b", "size": 1]
    #expect(try said(rules, old) == [])
    #expect(try said(rules, old, old: old) == [])
    #expect(
      try said(rules, ["home": "b\u{7}", "size": 2], old: old) == [
        #"spec.home: Invalid value: "b\a": field is immutable"#, "spec.motto: Invalid value: null: field is immutable",
        "spec.size: Invalid value: null: field is immutable",
      ])
    #expect(try said([.at("flags", .immutable), .at("notes", .immutable)], ["flags": []], old: ["notes": [:]]) == [])
  }

  @Test func `elements are compared with what they were, by their keys`() throws {
    let rules: [Rule] = [.at("ships", .each(.at("guns", .immutable)))]
    let old: JSONValue = ["ships": [["name": "a", "guns": 1], ["name": "b", "guns": 2]]]
    #expect(
      try said(rules, ["ships": [["name": "b", "guns": 2], ["name": "c", "guns": 3]]], old: old) == [
        "spec.ships[1].guns: Invalid value: 3: field is immutable"
      ])
  }

  @Test func `rules are looked at when they count`() throws {
    let rules: [Rule] = [
      .onCreate(.at("home", .required)), .onUpdate(.at("size", .above(0))), .on(.status, .at("flags", .required)),
      .ifOption("big", .at("notes", .required)), .unlessOption("big", .at("policy", .required)),
    ]
    #expect(try said(rules, [:]) == ["spec.home: Required value", "spec.policy: Required value"])
    #expect(
      try said(rules, [:], old: [:], subresource: .status, options: ["big"]) == [
        "spec.size: Invalid value: 0: must be greater than 0", "spec.flags: Required value",
        "spec.notes: Required value",
      ])
    let ratcheting: [Rule] = [.at("home", .ratcheting(.format(.dns1123Label)))]
    #expect(try said(ratcheting, ["home": "A"]).count == 1)
    #expect(try said(ratcheting, ["home": "A"], old: ["home": "A"]) == [])
    #expect(try said(ratcheting, ["home": "A"], old: ["home": "B"]).count == 1)
  }

  @Test func `rules are spared values of which something does not hold`() throws {
    let rules: [Rule] = [
      .at("policy", .given({ new, old in new == "A" && old != "A" }, .forbidden("not now"))),
      .at("flags", .few(2, .format(.labelValue))),
    ]
    #expect(try said(rules, ["policy": "A"]) == ["spec.policy: Forbidden: not now"])
    #expect(try said(rules, ["policy": "B"]) == [])
    #expect(try said(rules, ["policy": "A"], old: ["policy": "A"]) == [])
    #expect(try said(rules, ["flags": ["a", "b!"]]).count == 1)
    #expect(
      try said(rules, ["flags": ["a!", "b!", "c!"]]) == ["spec.flags: Too many: 3: must have at most 2 items"])
  }

  @Test func `members depend on each other`() throws {
    let rules: [Rule] = [
      .requiredWhen("home", "policy", is: "Sink", "Raise", detail: "where to?"), .requiredWith("captain", "deputy"),
      .forbiddenUnless("motto", "captain", detail: "nobody says it"), .forbiddenUnless("count", "policy", is: "Raise"),
      .forbiddenWhen("flags", "policy", is: "Sink"),
    ]
    #expect(try said(rules, [:]) == [])
    #expect(try said(rules, ["home": "a", "policy": "Raise", "count": 1, "captain": [:], "motto": "m"]) == [])
    #expect(try said(rules, ["motto": ""]) == [])
    #expect(
      try said(rules, ["policy": "Sink", "deputy": [:], "motto": "m", "count": 1, "flags": ["f"]]) == [
        "spec.home: Required value: where to?", "spec.captain: Required value", "spec.motto: Forbidden: nobody says it",
        "spec.count: Forbidden", "spec.flags: Forbidden",
      ])
    #expect(try said([.at("motto", .forbidden("not now"))], ["motto": ""]) == ["spec.motto: Forbidden: not now"])
    #expect(try said([.at("motto", .forbidden)], [:]) == [])
  }

  @Test func `one of several`() throws {
    let one: [Rule] = [.exactlyOneOf("captain", "deputy")]
    #expect(try said(one, ["captain": [:]]) == [])
    #expect(try said(one, [:]) == [#"spec: Invalid value: "": must specify one of: `captain`, `deputy`"#])
    let both: JSONValue = ["captain": [:], "deputy": [:]]
    #expect(
      try said(one, both) == [
        #"spec: Invalid value: "{captain, deputy}": must specify exactly one of: `captain`, `deputy`"#
      ])
    #expect(try said(one, both, old: both) == [])
    let most: [Rule] = [.atMostOneOf("captain", "deputy")]
    #expect(try said(most, [:]) == [])
    #expect(
      try said(most, both) == [
        #"spec: Invalid value: "{captain, deputy}": must specify at most one of: `captain`, `deputy`"#
      ])
  }

  @Test func `a rule in code sees the value, what it was, and where it is`() throws {
    let rules: [Rule] = [
      .at(
        "ships",
        .each(
          .at(
            "guns",
            .custom { context in
              #expect(context.isUpdate && context.subresource == .main && context.object["spec"] != nil)
              let (now, before) = (context.value?.int ?? 0, context.old?.int ?? 0)
              if now < before { context.report(.forbidden(context.path(), "\(before) to \(now)")) }
              if now == 13 { context.report(.required(context.path("luck", .key("k"), .index(2)), "")) }
            }))),
      .at("home", .said(at: "metadata.home", .custom { $0.invalid($0.value?.string ?? "", "no") })),
    ]
    let old: JSONValue = ["ships": [["name": "a", "guns": 5]], "home": "x"]
    #expect(
      try said(rules, ["ships": [["name": "b", "guns": 13], ["name": "a", "guns": 4]], "home": "y"], old: old) == [
        "spec.ships[0].guns.luck[k][2]: Required value", "spec.ships[1].guns: Forbidden: 5 to 4",
        #"metadata.home: Invalid value: "y": no"#,
      ])
    // Nobody is asked about what neither is nor was there.
    #expect(try said([.at("motto", .custom { _ in Issue.record("asked") })], [:]) == [])
  }

  @Test func `metadata has the rules of a creation or of an update`() throws {
    let rules = try compiled([.name(.subdomain)])
    #expect(rules.problems == [])
    let good: JSONValue = ["metadata": ["name": "a", "resourceVersion": "1"]]
    #expect(rules.check(good) == [] && rules.check(good, old: good) == [])
    let bad: JSONValue = ["metadata": ["name": "A", "finalizers": ["x", "a.b/c"]]]
    #expect(rules.check(bad).map(\.field) == ["metadata.name", "metadata.finalizers[0]"])
    #expect(
      rules.check(bad, old: good).map(\.field) == [
        "metadata.resourceVersion", "metadata.name", "metadata.finalizers[0]",
      ])
    let other = try compiled([.name(.subdomain, checksFinalizers: false)])
    #expect(other.check(bad).map(\.field) == ["metadata.name"])
    let changed = try compiled([.metadataUpdate, .metadataUpdate(checksFinalizers: false)])
    #expect(
      changed.check(bad, old: good).map(\.field) == [
        "metadata.resourceVersion", "metadata.name", "metadata.finalizers[0]", "metadata.resourceVersion",
        "metadata.name",
      ])
    let always = try compiled([.metadata(.label)])
    #expect(always.check(bad, old: good).map(\.field) == ["metadata.name", "metadata.finalizers[0]"])
    // What has been looked at already is not looked at again, but for the name.
    #expect(always.check(["metadata": ["name": "a.b"]], old: good, isMetaGood: true).map(\.field) == ["metadata.name"])
  }
}

@Suite struct `Rules are held against the types` {
  @Test func `a name that the types do not have is found, wherever it stands`() throws {
    let rules: [Rule] = [
      .at(
        "spec",
        .at("hoem", .required), .someOf("ships", [.at("gun", .atLeast(0))], uniqueBy: "nam"),
        .at("ships", .unique(by: "title"), .each(.at("mast", .onUpdate(.at("nmae", .immutable))))),
        .exactlyOneOf("captain", "deputty"), .forbiddenUnless("moto", "captain"),
        .requiredWhen("home", "polici", is: "a"),
        .at("home", .at("street"))),
      .at("staus"),
    ]
    #expect(
      try compiled(rules).problems == [
        "io.k8s.api.test.v1.Fleet: spec.hoem: io.k8s.api.test.v1.FleetSpec has no member hoem",
        "io.k8s.api.test.v1.Fleet: spec.ships[].nam: io.k8s.api.test.v1.Ship has no member nam",
        "io.k8s.api.test.v1.Fleet: spec.ships[].gun: io.k8s.api.test.v1.Ship has no member gun",
        "io.k8s.api.test.v1.Fleet: spec.ships[].title: io.k8s.api.test.v1.Ship has no member title",
        "io.k8s.api.test.v1.Fleet: spec.ships[].mast.nmae: io.k8s.api.test.v1.Captain has no member nmae",
        "io.k8s.api.test.v1.Fleet: spec.deputty: io.k8s.api.test.v1.FleetSpec has no member deputty",
        "io.k8s.api.test.v1.Fleet: spec.moto: io.k8s.api.test.v1.FleetSpec has no member moto",
        "io.k8s.api.test.v1.Fleet: spec.polici: io.k8s.api.test.v1.FleetSpec has no member polici",
        "io.k8s.api.test.v1.Fleet: spec.home.street: what has no members can't have this one",
        "io.k8s.api.test.v1.Fleet: staus: io.k8s.api.test.v1.Fleet has no member staus",
      ])
  }

  @Test func `a rule that does not fit its member is found`() throws {
    let rules: [Rule] = [
      .at("home", .above(0)), .at("count", .maxLength(1)), .at("size", .format(.labelKey)), .at("policy", .each()),
      .at("flags", .labels), .at("notes", .unique), .at("captain", .labelSelector), .at("ships", .keys(.maxBytes(1))),
      .at("sailed", .maxItems(1)),
    ]
    let problems = try compiled([.at("spec", rules)]).problems
    #expect(problems.count == rules.count)
    #expect(problems.first == "io.k8s.api.test.v1.Fleet: spec.home: .between does not fit what stands there")
  }

  @Test func `the rules of every resource name what its objects have`() {
    for definition in BuiltInResources.all() { #expect(definition.problems == [], "\(definition.groupResource)") }
  }
}

@Suite struct `Rules in order` {
  private static let ship: [Rule] = [
    .at("name", .required, .format(.dns1123Label)), .at("guns", .between(0, 100)),
    .at("mast", .at("name", .optional, .maxLength(3))),
  ]
  private static let spec: [Rule] = [
    .at("home", .required, .format(.dns1123Subdomain)),
    .at("count", .atLeast(0)),
    .someOf("ships", ship, uniqueBy: "name"),
    .at("policy", .required, .oneOf("Raise", "Sink")),
    .at("flags", .maxItems(1), .each(.format(.labelValue)), .unique),
    .at("notes", .keys(.format(.configMapKey)), .each(.maxBytes(4))),
    .exactlyOneOf("captain", "deputy"),
    .at("motto", .immutable),
    .custom { context in
      if context.value?["size"]?.int ?? 0 > 9, context.value?["home"] == nil {
        context.report(.forbidden(context.path("size"), "too large for a fleet without a home"))
      }
    },
  ]

  @Test func `twelve faults come in the order of the rules`() throws {
    let bad: JSONValue = [
      "motto": "new", "count": -1, "size": 10,
      "ships": [
        ["name": "A", "guns": 1], ["name": "b", "guns": 101, "mast": ["name": "long"]], ["name": "b"],
      ],
      "flags": ["x", "x"], "notes": ["a b": "12345"], "captain": [:], "deputy": [:],
    ]
    let rules = try compiled([.at("spec", Self.spec)])
    #expect(rules.problems == [])
    let errors = rules.check(["spec": bad], old: ["spec": ["motto": "old"]])
    #expect(
      errors.map(\.field) == [
        "spec.home", "spec.count", "spec.ships[0].name", "spec.ships[1].guns", "spec.ships[1].mast.name",
        "spec.ships[2].name", "spec.policy", "spec.flags", "spec.flags[1]", "spec.notes[a b]", "spec.notes[a b]",
        "spec",
        "spec.motto", "spec.size",
      ])
    #expect(
      errors.map(\.kind) == [
        .required, .invalid, .invalid, .invalid, .tooLong, .duplicate, .required, .tooMany, .duplicate, .invalid,
        .tooLong, .invalid, .invalid, .forbidden,
      ])
    let good: JSONValue = [
      "home": "a.b", "ships": [["name": "a", "guns": 1], ["name": "b"]], "policy": "Sink", "flags": ["x"],
      "notes": ["a": "1234"], "captain": [:], "motto": "old",
    ]
    #expect(rules.check(["spec": good], old: ["spec": ["motto": "old"]]) == [])
  }

  @Test func `members are found in whatever order they stand`() throws {
    let rules = try compiled([.at("spec", .at("home", .required), .at("policy", .required), .at("count", .above(0)))])
    #expect(rules.check(["spec": ["policy": "p", "count": 1, "home": "h"]]) == [])
    #expect(
      rules.check(["spec": ["count": 0, "policy": "", "home": "h"]]).map(\.field) == ["spec.policy", "spec.count"])
  }
}
