import ByteBuffers
import JSON
import Machinery
import TestSupport
import Testing

@testable import FieldManagement
@testable import Schema

/// A random type with its engine, and the flat model of the same.
struct RandomType {
  let random: RandomSchema
  let schema: MergeSchema
  let flat: FlatModel
  let manager: FieldManager
  static let empty: JSONValue = ["kind": "Root", "apiVersion": "v1", "metadata": [:]]

  init(_ dice: inout Dice, hasEmpties: Bool = false) throws {
    var random = RandomSchema(&dice)
    random.hasEmpties = hasEmpties
    self.random = random
    let model = TypeModel(facts: random.facts)
    guard let type = model.type(RandomSchema.typeName) else { throw FieldsError("the facts have no root") }
    schema = MergeSchema(model, root: type)
    flat = FlatModel(schema: random)
    manager = FieldManager(
      model, type: type, kind: GroupVersionKind(GroupVersion(version: "v1"), kind: "Root"), empty: Self.empty)
  }
}

@Suite struct `Field ownership over random types` {
  private func check(_ set: FieldSet, _ place: String) {
    set.checkInvariants { Issue.record("\(place): \($0)") }
  }

  @Test(arguments: [1, 2, 3, 4] as [UInt64]) func `sets are an algebra, and FieldsV1 says all of them`(
    seed: UInt64
  ) throws {
    var dice = Dice(seed)
    var type = try RandomType(&dice)
    for round in 0..<Repository.rounds(150) {
      if round % 25 == 0 { type = try RandomType(&dice, hasEmpties: true) }
      // Sets of whole objects, and of what is left when one is taken from another, in which parents are not members.
      let all = (0..<3).map { _ in type.schema.fieldSet(of: type.random.object(&dice)) }
      let a = dice.one(in: 2) ? all[0] : type.schema.withNamedFields(all[0]).subtracting(all[2])
      let b = dice.one(in: 2) ? all[1] : all[1].subtracting(all[2])
      let (x, y) = (FlatModel.paths(a), FlatModel.paths(b))
      let place = "seed \(seed) round \(round)"
      for (set, paths) in [
        (a.union(b), x.union(y)), (a.intersection(b), x.intersection(y)), (a.subtracting(b), x.subtracting(y)),
      ] {
        check(set, place)
        #expect(FlatModel.paths(set) == paths, "\(place)")
      }
      let recursive = a.subtractingRecursively(b)
      check(recursive, place)
      #expect(
        FlatModel.paths(recursive) == x.filter { path in !y.contains { $0 == path || FlatModel.isBelow(path, $0) } },
        "\(place)")
      #expect(a.isSubset(of: a.union(b)) && a.isSubset(of: b) == x.isSubset(of: y), "\(place)")
      let text = a.fieldsV1.encoded()
      #expect(try FieldSet(fieldsV1: try JSONValue(parsing: ByteSlice(text))) == a, "\(place): \(text.text)")
      a.forEach { #expect(a.has($0[...])) }
      // Reading puts any order right.
      #expect(try FieldSet(fieldsV1: Self.shuffled(a.fieldsV1, &dice)) == a, "\(place)")
      #expect(type.schema.reconciled(a) == nil, "a set of the type itself needs no change")
    }
  }

  private static func shuffled(_ value: JSONValue, _ dice: inout Dice) -> JSONValue {
    guard let members = value.object?.members else { return value }
    var mixed: [JSONObject.Member] = []
    for member in members.shuffled(using: &dice) {
      mixed.append(JSONObject.Member(member.name, shuffled(member.value, &dice)))
    }
    return .object(JSONObject(unchecked: mixed))
  }

  @Test(arguments: [5, 6, 7, 8] as [UInt64])
  func `what is owned, compared, merged and removed is what a flat table says`(seed: UInt64) throws {
    var dice = Dice(seed)
    var type = try RandomType(&dice)
    for round in 0..<Repository.rounds(150) {
      if round % 25 == 0 { type = try RandomType(&dice, hasEmpties: round % 50 == 0) }
      let (schema, flat) = (type.schema, type.flat)
      let a = type.random.object(&dice)
      let b = type.random.object(&dice)
      let (x, y) = (flat.table(a), flat.table(b))
      let place = "seed \(seed) round \(round): \(a.encoded().text) and \(b.encoded().text)"
      #expect(schema.problems(a) == nil, "\(place)")
      #expect(FlatModel.paths(schema.fieldSet(of: a)) == FlatModel.owned(x), "\(place)")

      let forth = schema.compare(a, b)
      let expected = FlatModel.compare(x, y)
      for set in [forth.added, forth.modified, forth.removed] { check(set, place) }
      #expect(
        FlatModel.paths(forth.added) == expected.added && FlatModel.paths(forth.removed) == expected.removed, "\(place)"
      )
      #expect(FlatModel.paths(forth.modified) == expected.modified, "\(place)")
      #expect(schema.compare(a, a).isEmpty)

      let merged = schema.merge(a, b)
      #expect(flat.table(merged) == FlatModel.merge(x, y), "\(place) made \(merged.encoded().text)")
      #expect(schema.merge(merged, b).isSameValue(as: merged), "merging again changes \(merged.encoded().text)")

      let doomed = type.schema.fieldSet(of: type.random.object(&dice))
      let rest = schema.removing(doomed, from: a)
      #expect(
        flat.table(rest) == FlatModel.removing(FlatModel.paths(doomed), x),
        "\(place): without \(doomed.fieldsV1.encoded().text) is \(rest.encoded().text)")
    }
  }

  private static func untimed(_ object: JSONValue) -> JSONValue {
    var object = object
    guard let entries = object["metadata"]?["managedFields"]?.array else { return object }
    object["metadata"]?["managedFields"] = .array(
      entries.map { entry in
        var entry = entry
        entry["time"] = nil
        return entry
      })
    return object
  }

  private static func isEmpty(_ value: JSONValue) -> Bool {
    value.isNull || value.object?.isEmpty == true || value.array?.isEmpty == true
  }

  private static func hasEmpties(_ value: JSONValue) -> Bool {
    isEmpty(value) || value.array?.contains(where: hasEmpties) == true
      || value.object?.members.contains { hasEmpties($0.value) } == true
  }

  /// Without members that are empty, or have nothing in them but such; sets of fields are left alone.
  private static func filled(_ value: JSONValue) -> JSONValue {
    if let items = value.array { return .array(items.map(filled)) }
    guard let members = value.object?.members else { return value }
    return .object(
      JSONObject(
        unchecked: members.compactMap { member in
          if member.name == "fieldsV1" { return member }
          let rest = filled(member.value)
          return isEmpty(rest) ? nil : JSONObject.Member(member.name, rest)
        }))
  }

  /// As the decoder leaves an object between two writes: a member that is null is not there.
  private static func decoded(_ value: JSONValue) -> JSONValue {
    if let items = value.array { return .array(items.map(decoded)) }
    guard let members = value.object?.members else { return value }
    return .object(
      JSONObject(unchecked: members.filter { !$0.value.isNull }.map { JSONObject.Member($0.name, decoded($0.value)) }))
  }

  @Test(arguments: [9, 10, 11, 12] as [UInt64])
  func `managers own what a flat model says, and an apply leaves what it says`(seed: UInt64) throws {
    var dice = Dice(seed)
    var type = try RandomType(&dice)
    var live: JSONValue?
    var owners: [String: Set<FlatModel.Path>] = [:]
    let never: Set<FlatModel.Path> = [
      "f:kind", "f:apiVersion", "f:metadata", "f:metadata\nf:name", "f:metadata\nf:uid",
    ]
    func isReset(_ path: FlatModel.Path) -> Bool { path == "f:status" || FlatModel.isBelow(path, "f:status") }
    for round in 0..<Repository.rounds(150) {
      if round % 25 == 0 {
        type = try RandomType(&dice, hasEmpties: round % 50 == 0)
        live = nil
        owners = [:]
      }
      let writer = FieldManager.Writer(
        name: dice.pick(["one", "two", "three"]), subresource: "", resetFields: FieldSet(fields: [["status"]]))
      var given = type.random.object(&dice)
      given["status"] = live?["status"]
      var bare = live ?? RandomType.empty
      bare["metadata"]?["managedFields"] = nil
      let before = type.flat.table(bare)
      let place = "seed \(seed) round \(round) \(writer.name): \(given.encoded().text) over \(bare.encoded().text)"
      var expected = owners
      /// Takes from all but `writer` what changed.
      func shift(_ comparison: FlatModel.Comparison, except writer: String?) -> Int {
        var lost = 0
        for (name, paths) in expected where name != writer {
          let taken = paths.intersection(comparison.added.union(comparison.modified)).filter { !isReset($0) }
          lost += taken.count
          expected[name] = paths.subtracting(taken).subtracting(comparison.removed.filter { !isReset($0) })
        }
        return lost
      }
      func take(_ comparison: FlatModel.Comparison) -> Set<FlatModel.Path> {
        comparison.added.union(comparison.modified).filter { !isReset($0) && !never.contains($0) }
      }
      if dice.one(in: 3) {
        given["metadata"]?["uid"] = live?["metadata"]?["uid"]
        var new = Self.decoded(given)
        let comparison = FlatModel.compare(before, type.flat.table(new))
        type.manager.update(live: live, new: &new, writer: writer, now: Int64(round))
        if !owners.isEmpty || live == nil {
          _ = shift(comparison, except: nil)
          let taken = take(comparison)
          if !taken.isEmpty { expected["\(writer.name) Update", default: []].formUnion(taken) }
        }
        live = new
      } else {
        let force = dice.one(in: 2)
        if owners.isEmpty && live != nil {
          let all = take(FlatModel.compare(type.flat.table(RandomType.empty), before))
          if !all.isEmpty { expected["before-first-apply Update"] = all }
        }
        let name = "\(writer.name) Apply"
        let last = expected[name] ?? []
        let config = type.flat.table(given)
        expected[name] = FlatModel.owned(config).filter { !isReset($0) }
        let after = type.flat.pruned(
          FlatModel.merge(before, config), last: last, owned: expected.values.reduce([]) { $0.union($1) })
        let lost = shift(FlatModel.compare(before, after), except: name)
        expected[name]?.subtract(never)
        do {
          let result = try type.manager.apply(
            live: live, config: given, writer: writer, force: force, now: Int64(round))
          #expect(force || lost == 0, "\(place) should conflict")
          var made = result
          made["metadata"]?["managedFields"] = nil
          #expect(type.flat.table(made) == after, "\(place) made \(made.encoded().text)")
          let stored = Self.decoded(result)
          let again = Self.decoded(
            try type.manager.apply(live: stored, config: given, writer: writer, force: false, now: Int64(round) + 1_000)
          )
          // The store writes nothing where only times and the order of members differ (semantics 2.43). A configuration
          // that says null or nothing of a member first empties what stood there and then says it again: upstream's
          // engine does the same. No more than that may differ.
          let (x, y) = (Self.untimed(again), Self.untimed(stored))
          let same = Self.hasEmpties(given) ? Self.filled(x).isSameValue(as: Self.filled(y)) : x.isSameValue(as: y)
          #expect(same, "\(place): applied again made \(again.encoded().text) of \(stored.encoded().text)")
          live = stored
        } catch {
          #expect(
            error.code == 409 && !force && error.details?.causes.count == lost,
            "\(place): \(lost) conflicts, but \(error)")
          continue
        }
      }
      owners = expected.filter { !$0.value.isEmpty }
      if live?["metadata"]?["uid"] == nil { live?["metadata"]?["uid"] = "u" }
      var found: [String: Set<FlatModel.Path>] = [:]
      for entry in live?["metadata"]?["managedFields"]?.array ?? [] {
        let set = try FieldSet(fieldsV1: entry["fieldsV1"] ?? [:])
        check(set, place)
        found["\(entry["manager"]?.string ?? "") \(entry["operation"]?.string ?? "")"] = FlatModel.paths(set)
      }
      #expect(found == owners, "\(place)")
    }
  }

  @Test(arguments: [13, 14, 15, 16] as [UInt64])
  func `a merged list has the items of the applied one in their order, and the others in theirs`(seed: UInt64) throws {
    var dice = Dice(seed)
    let schema = try Fixture.schema()
    for _ in 0..<Repository.rounds(150) {
      let words = ["a", "b", "c", "d", "e", "f", "g", "h"]
      let (old, new) = (dice.some(words), dice.some(words))
      func node(_ items: [String]) -> JSONValue { ["metadata": ["finalizers": .array(items.map { .string($0) })]] }
      let merged = (schema.merge(node(old), node(new))["metadata"]?["finalizers"]?.array ?? []).compactMap(\.string)
      #expect(Set(merged) == Set(old + new) && merged.count == Set(merged).count)
      #expect(
        merged.filter(new.contains) == new && merged.filter { !new.contains($0) } == old.filter { !new.contains($0) },
        "\(old) and \(new) made \(merged)")
    }
  }
}
