import ByteBuffers
import JSON
import Machinery
import TestSupport
import Testing

@testable import Schema

/// Writes strategic patches as kubectl does: what turns one object into another.
private struct TwoWayDiff {
  let schema: RandomSchema
  /// Says the order of merging lists, without which they keep what the server has.
  var setsOrder = true
  var dice: Dice

  /// nil: nothing to do.
  mutating func members(_ old: JSONValue, _ new: JSONValue, _ place: Int, retainsKeys: Bool = false) -> JSONValue? {
    var patch = JSONObject()
    for member in new.object?.members ?? [] {
      guard let before = old[member.name] else {
        patch[member.name] = member.value
        continue
      }
      guard let field = schema.structures[place][member.name] else { continue }
      diff(field, before, member.value, &patch)
    }
    let gone = (old.object?.members ?? []).filter { new[$0.name] == nil }
    if patch.isEmpty && gone.isEmpty { return nil }
    if retainsKeys {
      patch["$retainKeys"] = .array((new.object?.members ?? []).map { .string($0.name) })
    } else {
      for member in gone { patch[member.name] = .null }
    }
    return .object(patch)
  }

  private mutating func diff(_ field: RandomSchema.Field, _ old: JSONValue, _ new: JSONValue, _ patch: inout JSONObject)
  {
    if old.isSameValue(as: new) { return }
    switch (field.shape, field.list) {
    case (.structure(let place), _):
      // The map may as well be replaced.
      if dice.one(in: 6) {
        var whole = new
        whole["$patch"] = "replace"
        patch[field.name] = whole
      } else if let below = members(old, new, place, retainsKeys: field.retainsKeys) {
        patch[field.name] = below
      }
    case (.map(let item), _): patch[field.name] = map(item, old, new)
    case (.list(.structure(let place)), .keyed): maps(field.name, place, old.array ?? [], new.array ?? [], &patch)
    case (.list, .set): scalars(field.name, old.array ?? [], new.array ?? [], &patch)
    default: patch[field.name] = new
    }
  }

  private func map(_ item: RandomSchema.Shape, _ old: JSONValue, _ new: JSONValue) -> JSONValue {
    var patch = JSONObject()
    for member in new.object?.members ?? [] where old[member.name]?.isSameValue(as: member.value) != true {
      // Go's types know no fields of maps, so there is no merging of structs inside of them.
      if case .structure = item, old[member.name] != nil {
        var whole = new
        whole["$patch"] = "replace"
        return whole
      }
      patch[member.name] = member.value
    }
    for member in old.object?.members ?? [] where new[member.name] == nil { patch[member.name] = .null }
    return .object(patch)
  }

  private mutating func maps(
    _ name: String, _ place: Int, _ old: [JSONValue], _ new: [JSONValue], _ patch: inout JSONObject
  ) {
    if dice.one(in: 6) {
      patch[name] = .array(
        ([["$patch": "replace"]] + new).shuffled(using: &dice).sorted { a, b in
          (new.firstIndex(of: a) ?? -1) < (new.firstIndex(of: b) ?? -1)
        })
      return
    }
    var changes: [JSONValue] = []
    for item in new {
      guard let before = old.first(where: { $0["k"] == item["k"] }) else {
        changes.append(item)
        continue
      }
      guard var change = members(before, item, place) else { continue }
      change["k"] = item["k"]
      changes.append(change)
    }
    for item in old where !new.contains(where: { $0["k"] == item["k"] }) {
      if let key = item["k"] { changes.append(["$patch": "delete", "k": key]) }
    }
    if !changes.isEmpty { patch[name] = .array(changes) }
    if setsOrder && !new.isEmpty {
      patch["$setElementOrder/" + name] = .array(new.compactMap { $0["k"].map { ["k": $0] } })
    }
  }

  private func scalars(_ name: String, _ old: [JSONValue], _ new: [JSONValue], _ patch: inout JSONObject) {
    let gone = old.filter { !new.contains($0) }
    let added = new.filter { !old.contains($0) }
    if !gone.isEmpty { patch["$deleteFromPrimitiveList/" + name] = .array(gone) }
    if !added.isEmpty { patch[name] = .array(added) }
    if setsOrder && !new.isEmpty { patch["$setElementOrder/" + name] = .array(new) }
  }
}

/// A JSON merge patch that turns one value into another without nulls.
private func mergeDiff(_ old: JSONValue, _ new: JSONValue) -> JSONValue {
  guard let before = old.object, let after = new.object else { return new }
  var patch = JSONObject()
  for member in after.members where before[member.name]?.isSameValue(as: member.value) != true {
    patch[member.name] = before[member.name].map { mergeDiff($0, member.value) } ?? member.value
  }
  for member in before.members where after[member.name] == nil { patch[member.name] = .null }
  return .object(patch)
}

@Suite struct `Properties of patches` {
  /// Lists sorted, so that only what is in them counts.
  private func unordered(_ value: JSONValue) -> JSONValue {
    switch value {
    case .array(let items): return .array(items.map(unordered).sorted { $0.encoded().text < $1.encoded().text })
    case .object(let object):
      var sorted = JSONObject(unchecked: object.members.map { JSONObject.Member($0.name, unordered($0.value)) })
      sorted.sortByName()
      return .object(sorted)
    default: return value
    }
  }

  @Test(arguments: [1, 2, 3, 4] as [UInt64])
  func `a strategic patch computed from two objects turns one into the other`(seed: UInt64) throws {
    var dice = Dice(seed)
    var random = RandomSchema(&dice)
    var model = TypeModel(facts: random.facts)
    for round in 0..<Repository.rounds(250) {
      if round % 25 == 0 {
        random = RandomSchema(&dice)
        model = TypeModel(facts: random.facts)
      }
      let type = try #require(model.type(RandomSchema.typeName))
      let (a, b) = (random.object(&dice), random.object(&dice))
      var diff = TwoWayDiff(schema: random, setsOrder: !dice.one(in: 3), dice: Dice(dice.next()))
      let patch = diff.members(a, b, 0) ?? [:]
      let result = try StrategicMergePatch(model: model).apply(patch, to: a, type: type)
      let isRight = diff.setsOrder ? result.isSameValue(as: b) : unordered(result).isSameValue(as: unordered(b))
      #expect(
        isRight,
        "seed \(seed) round \(round): \(patch.encoded().text) made \(result.encoded().text) of \(a.encoded().text), not \(b.encoded().text)"
      )
      // The same again changes nothing more; what was added to a map of structs can't be merged with, as Go's types
      // know no fields of maps.
      guard diff.setsOrder, let again = try? StrategicMergePatch(model: model).apply(patch, to: result, type: type)
      else { continue }
      #expect(
        again.isSameValue(as: result),
        "seed \(seed) round \(round): \(patch.encoded().text) again made \(again.encoded().text) of \(result.encoded().text)"
      )
    }
  }

  @Test(arguments: [5, 6, 7, 8] as [UInt64]) func `a merge patch computed from two objects turns one into the other`(
    seed: UInt64
  ) throws {
    var dice = Dice(seed)
    var random = RandomSchema(&dice)
    for round in 0..<Repository.rounds(250) {
      if round % 25 == 0 { random = RandomSchema(&dice) }
      let (a, b) = (random.object(&dice), random.object(&dice))
      let patch = mergeDiff(a, b)
      let result = MergePatch.apply(patch, to: a)
      #expect(
        result.isSameValue(as: b),
        "seed \(seed) round \(round): \(patch.encoded().text) made \(result.encoded().text) of \(a.encoded().text)")
      #expect(MergePatch.apply(patch, to: result).isSameValue(as: result))
    }
  }

  @Test(arguments: [9, 10, 11, 12] as [UInt64]) func `any text laid over any object gives an object or a failure`(
    seed: UInt64
  ) throws {
    var dice = Dice(seed)
    var random = RandomSchema(&dice)
    var model = TypeModel(facts: random.facts)
    for round in 0..<Repository.rounds(250) {
      if round % 25 == 0 {
        random = RandomSchema(&dice)
        random.hasEmpties = true
        model = TypeModel(facts: random.facts)
      }
      let type = try #require(model.type(RandomSchema.typeName))
      let patch = Self.spoiled(random.object(&dice), &dice)
      do throws(StrategicMergePatch.Failure) {
        let result = try StrategicMergePatch(model: model).apply(patch, to: random.object(&dice), type: type)
        #expect(result.object != nil)
        _ = model.conversionProblem(result, as: type)
      } catch { #expect(!error.message.isEmpty) }
    }
  }

  /// With directives and values of other kinds anywhere.
  private static func spoiled(_ value: JSONValue, _ dice: inout Dice) -> JSONValue {
    if dice.one(in: 20) {
      return dice.pick(
        [.null, 1, "s", [], [:], ["x"], [["k": "p"]], ["$patch": "replace"], [["$patch": "delete", "k": "p"]], [[]]]
          as [JSONValue])
    }
    switch value {
    case .array(let items):
      var items = items
      for place in items.indices { items[place] = spoiled(items[place], &dice) }
      return .array(items)
    case .object(let object):
      var members = JSONObject()
      for member in object.members {
        members[member.name] = spoiled(member.value, &dice)
        if dice.one(in: 8) { members["$setElementOrder/" + member.name] = spoiled(member.value, &dice) }
        if dice.one(in: 8) { members["$deleteFromPrimitiveList/" + member.name] = spoiled(member.value, &dice) }
      }
      if dice.one(in: 10) { members["$patch"] = dice.pick(["replace", "delete", "merge", "x", 1]) }
      if dice.one(in: 10) { members["$retainKeys"] = dice.pick([["k", "a", "b", "c", "e", "d"], ["k"], "x", [1]]) }
      return .object(members)
    default: return value
    }
  }
}
