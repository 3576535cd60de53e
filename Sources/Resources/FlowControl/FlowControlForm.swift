import JSON

/// How an object looks in upstream's internal types, which some of its messages show: members have Go's names, and those
/// that are not there are shown, too.
indirect enum FlowControlForm: Sendable {
  /// A text, number or truth: what counts where there is none.
  case value(JSONValue)
  case list(FlowControlForm)
  case structure([Member])
  /// What need not be there.
  case pointer(FlowControlForm)

  struct Member: Sendable {
    let name: String
    let goName: String
    let form: FlowControlForm
    /// `goName`: where it is not the member's name with a capital.
    init(_ name: String, _ form: FlowControlForm, goName: String? = nil) {
      self.name = name
      self.goName = goName ?? name.prefix(1).uppercased() + name.dropFirst()
      self.form = form
    }
  }

  func shown(_ given: JSONValue) -> JSONValue {
    switch self {
    case .value(let zero): return given.isNull ? zero : given
    case .list(let form):
      guard let elements = given.array else { return .null }
      return .array(elements.map(form.shown))
    case .structure(let members):
      return .object(
        JSONObject(
          unchecked: members.map { member in
            JSONObject.Member(member.goName, member.form.shown(given[member.name] ?? .null))
          }))
    case .pointer(let form): return given.isNull ? .null : form.shown(given)
    }
  }

  /// Equal as Go's values are: a list of nothing is as good as none. (`Semantic.DeepEqual`)
  func areSame(_ a: JSONValue, _ b: JSONValue) -> Bool {
    switch self {
    case .value(let zero): return (a.isNull ? zero : a).isSameValue(as: b.isNull ? zero : b)
    case .list(let form):
      let (a, b) = (a.array ?? [], b.array ?? [])
      return a.count == b.count && zip(a, b).allSatisfy(form.areSame)
    case .structure(let members):
      return members.allSatisfy { $0.form.areSame(a[$0.name] ?? .null, b[$0.name] ?? .null) }
    case .pointer(let form): return a.isNull == b.isNull && (a.isNull || form.areSame(a, b))
    }
  }

  // MARK: types

  private static let text = FlowControlForm.value("")
  private static let number = FlowControlForm.value(0)
  private static let texts = FlowControlForm.list(text)
  private static let named = FlowControlForm.structure([Member("name", text)])

  static let distinguisherMethod = FlowControlForm.structure([Member("type", text)])

  static let flowSchemaSpec = FlowControlForm.structure([
    Member("priorityLevelConfiguration", named),
    Member("matchingPrecedence", number),
    Member("distinguisherMethod", .pointer(distinguisherMethod)),
    Member(
      "rules",
      .list(
        .structure([
          Member(
            "subjects",
            .list(
              .structure([
                Member("kind", text), Member("user", .pointer(named)), Member("group", .pointer(named)),
                Member("serviceAccount", .pointer(.structure([Member("namespace", text), Member("name", text)]))),
              ]))),
          Member(
            "resourceRules",
            .list(
              .structure([
                Member("verbs", texts), Member("apiGroups", texts, goName: "APIGroups"), Member("resources", texts),
                Member("clusterScope", .value(false)), Member("namespaces", texts),
              ]))),
          Member(
            "nonResourceRules", .list(.structure([Member("verbs", texts), Member("nonResourceURLs", texts)]))),
        ]))),
  ])

  static let priorityLevelSpec = FlowControlForm.structure([
    Member("type", text),
    Member(
      "limited",
      .pointer(
        .structure([
          Member("nominalConcurrencyShares", number),
          Member(
            "limitResponse",
            .structure([
              Member("type", text),
              Member(
                "queuing",
                .pointer(
                  .structure([
                    Member("queues", number), Member("handSize", number), Member("queueLengthLimit", number),
                  ]))),
            ])),
          Member("lendablePercent", .pointer(number)),
          Member("borrowingLimitPercent", .pointer(number)),
        ]))),
    Member("exempt", .pointer(exempt)),
  ])

  static let exempt = FlowControlForm.structure([
    Member("nominalConcurrencyShares", .pointer(number)), Member("lendablePercent", .pointer(number)),
  ])
}
